import dataclasses

import ipywidgets
import pytest
from kinds import KINDS

from cnnviz_widgets.core.parameters import parameters_of
from cnnviz_widgets.methods import all_methods
from cnnviz_widgets.methods.grad_cam import GradCAM
from cnnviz_widgets.methods.maximal_activation import MaximalActivation
from cnnviz_widgets.methods.occlusion import Occlusion
from cnnviz_widgets.network import Network
from cnnviz_widgets.widgets.parts.controls import MethodPicker, ParameterControls


def by_description(controls):
    return {control.description: control for control in controls.widget.children}


@pytest.mark.parametrize("method", all_methods(), ids=lambda method: method.__name__)
def test_every_parameter_of_every_method_has_a_control_with_its_name_and_a_tooltip(session, method):
    session.choose_method(method)
    controls = ParameterControls(session)
    descriptions = by_description(controls)
    for name, parameter in parameters_of(method).items():
        (control,) = [c for d, c in descriptions.items() if d.split(" (")[0] == name.replace("_", " ")]
        assert parameter.help in control.tooltip
        assert control.value == getattr(session.method, name)


def test_a_slider_changes_that_field_of_the_method_and_nothing_else(session):
    session.choose_method(Occlusion)
    before = session.method
    by_description(ParameterControls(session))["window (px)"].value = 7
    assert session.method == dataclasses.replace(before, window=7)
    assert session.status == "done"
    assert session.result.request.method.window == 7


def test_a_slider_pushed_beyond_our_ends_by_a_browser_is_brought_back(session):
    session.choose_method(Occlusion)
    slider = by_description(ParameterControls(session))["window (px)"]
    slider.max = 10**9
    slider.value = 10**9
    assert session.method.window == Occlusion.slider_ends("window", 32)[1]


def test_what_a_browser_makes_of_a_tenth_is_still_a_tenth(session):
    session.choose_method(MaximalActivation)
    session.method = dataclasses.replace(session.method, learning_rate=0.1, steps=1)
    controls = ParameterControls(session)
    before, result = session.method, session.result
    by_description(controls)["learning rate"].value = 0.09999999999999999  # noUiSlider's, when it is drawn
    assert session.method == before
    assert session.result is result


def test_the_sliders_end_where_the_image_does(session):
    session.choose_method(Occlusion)
    slider = by_description(ParameterControls(session))["window (px)"]
    assert slider.max <= 32
    assert session.method == Occlusion.suited_to(32)


def test_a_method_changed_by_code_moves_the_controls(session):
    session.choose_method(GradCAM)
    controls = ParameterControls(session)
    session.method = GradCAM(final_relu=False)
    assert by_description(controls)["final relu"].value is False


def test_choosing_another_method_changes_the_controls(session):
    session.choose_method(GradCAM)
    controls, picker = ParameterControls(session), MethodPicker(session, all_methods())
    dropdown = next(child for child in picker.widget.children if isinstance(child, ipywidgets.Dropdown))
    dropdown.value = Occlusion
    assert "stride (px)" in by_description(controls)
    assert isinstance(session.method, Occlusion)


def test_methods_about_attention_are_offered_where_there_is_some(session):
    picker = MethodPicker(session, all_methods())
    dropdown = next(child for child in picker.widget.children if isinstance(child, ipywidgets.Dropdown))
    of_attention = {method for method in all_methods() if method.family == "attention"}
    assert {method for _, method in dropdown.options} == set(all_methods()) - of_attention
    session.network = Network(KINDS["vision_transformer"].build(), value_range=(0, 1))
    assert {method for _, method in dropdown.options} == set(all_methods())
    assert dropdown.value is type(session.method)


def test_a_refused_combination_is_a_sentence_and_the_picture_stays(session):
    session.choose_method(Occlusion)
    shown = session.result
    session.method = Occlusion(window=1, stride=2)
    assert session.status == "failed"
    assert "stride must not exceed the window" in session.message
    assert session.result is shown


def test_a_stride_dragged_beyond_the_window_goes_back_to_it(session):
    session.choose_method(Occlusion)
    stride = by_description(ParameterControls(session))["stride (px)"]
    for _ in range(2):  # the second time nothing of the method changes, and still the slider must
        stride.value = stride.max
        assert session.method.stride == session.method.window == stride.value
    assert session.status == "done"


def test_a_window_made_smaller_than_the_stride_brings_it_along(session):
    session.choose_method(Occlusion)
    controls = by_description(ParameterControls(session))
    controls["window (px)"].value = 1
    assert session.method.stride == controls["stride (px)"].value == 1
    assert session.status == "done"
