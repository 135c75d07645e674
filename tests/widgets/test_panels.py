"""Panels: the results side by side, on one scale or on their own, and what stands where there is none."""

from dataclasses import replace

import numpy as np
import pytest

from cnnviz_widgets.core.image import InputImage
from cnnviz_widgets.core.target import Target
from cnnviz_widgets.methods.cam import CAM
from cnnviz_widgets.methods.grad_cam import GradCAM
from cnnviz_widgets.methods.gradient import Gradient
from cnnviz_widgets.request import compute
from cnnviz_widgets.runner import Inline
from cnnviz_widgets.session import Session
from cnnviz_widgets.widgets.parts.panels import Panels

from .conftest import ByHand


def shown(picture):
    return np.frombuffer(picture.values, "<f4").reshape(picture.values_shape)


def panels_of(network, image, *methods, **options):
    """Panels with one picture for each method."""

    def variants(settings):
        return tuple(replace(settings, method=method) for method in methods)

    session = Session(network, image, runner=Inline(), variants=variants, target=0)
    return Panels(session, lambda asked: str(asked.method), **options)


@pytest.fixture
def gradients(network, image):
    return panels_of(network, image, Gradient(), Gradient(relu="guided"))


def test_every_result_has_a_picture_with_its_raw_numbers_and_its_name(gradients):
    for panel, result in zip(gradients.panels, gradients.session.results, strict=True):
        np.testing.assert_array_equal(shown(panel.picture), result.array)
        assert panel.picture.title == str(result.request.method)
        assert panel.picture.unit == "score / pixel unit"
    first, *others = gradients.row.children
    assert first is gradients.image
    assert others == [panel.widget for panel in gradients.panels]


def test_all_pictures_show_the_image(gradients, image, network):
    pixels = network.fit(image).rgb(network.value_range).tobytes()
    assert gradients.image.image == pixels
    assert all(panel.picture.image == pixels for panel in gradients.panels)


@pytest.fixture
def two_images(network):
    """Panels of an image of zeros and one of ones, beside a session's own of another colour."""
    zeros, ones = (InputImage(np.full((32, 32, 3), value, float)) for value in (0, 1))
    wanted = [zeros, ones]

    def variants(settings):
        return tuple(replace(settings, image=image) for image in wanted)

    session = Session(
        network, np.full((32, 32, 3), 99.0), method=Gradient(), target=0, runner=Inline(), variants=variants
    )
    return Panels(session, lambda asked: str(asked.image.array.max())), wanted


def test_each_result_is_drawn_over_its_own_image(two_images, network):
    panels, wanted = two_images
    for panel, result, image in zip(panels.panels, panels.session.results, wanted, strict=True):
        np.testing.assert_array_equal(shown(panel.picture), compute(Gradient(), network, image, target=0).array)
        assert panel.picture.image == image.rgb(network.value_range).tobytes()
        assert result.request.image == image


def test_beside_results_of_several_images_stands_the_sessions_own(two_images, network):
    panels, wanted = two_images
    assert panels.image.image == panels.session.image.rgb(network.value_range).tobytes()
    del wanted[0]
    panels.session.again()
    assert panels.image.image == wanted[0].rgb(network.value_range).tobytes()


def test_while_the_next_image_is_computed_an_old_map_keeps_the_image_that_it_explains(network, image):
    session = Session(network, image, method=Gradient(), target=0, runner=ByHand(held=1), variants=two_rules)
    panels = Panels(session, lambda asked: str(asked.method))
    session.runner.finish()
    session.image = np.full((32, 32, 3), 9.0)
    session.runner.step(2)  # the readings and the first of two maps
    first, second = (panel.picture.image for panel in panels.panels)
    assert first == session.image.rgb(network.value_range).tobytes()
    assert second == image.rgb(network.value_range).tobytes()


def two_rules(settings):
    return tuple(replace(settings, method=Gradient(relu=rule)) for rule in ("standard", "guided"))


def test_a_shared_scale_is_one_scale_and_stands_once(gradients):
    arrays = [result.array for result in gradients.session.results]
    limits = [panel.picture.limits for panel in gradients.panels]
    assert limits[0] == limits[1] == gradients.hands.limits
    assert limits[0] == pytest.approx([0, np.percentile(np.concatenate(arrays), 99)])
    assert gradients.hands.has_scale
    assert not any(panel.picture.has_scale for panel in gradients.panels)


def test_on_its_own_scale_each_picture_runs_from_its_least_to_its_greatest_value(gradients):
    gradients.scale.value = "own"
    for panel, result in zip(gradients.panels, gradients.session.results, strict=True):
        assert panel.picture.limits == pytest.approx([result.array.min(), result.array.max()])
        assert panel.picture.has_scale
    assert not gradients.hands.has_scale


def test_a_picture_whose_least_value_is_not_zero_begins_there(gradients):
    (result, *_) = gradients.session.results
    gradients.panels[0].show(replace(result, array=result.array + 3), shared=(0, 1), own=True)
    assert gradients.panels[0].picture.limits == pytest.approx([result.array.min() + 3, result.array.max() + 3])


def test_a_signed_picture_on_its_own_scale_has_zero_in_the_middle(network, image):
    panels = panels_of(network, image, Gradient(reduce="sum"), scale="own")
    (result,) = panels.session.results
    size = np.percentile(np.abs(result.array), 99)
    assert panels.panels[0].picture.limits == pytest.approx([-size, size])
    assert panels.panels[0].picture.signed


def test_numbers_of_another_unit_never_share_a_scale(network, image):
    panels = panels_of(network, image, GradCAM(), CAM())
    grad_cam, cam = (panel.picture for panel in panels.panels)
    assert grad_cam.unit != cam.unit
    assert not grad_cam.has_scale
    assert cam.has_scale
    assert cam.limits[1] == pytest.approx(np.percentile(np.abs(shown(cam)), 99))


def test_a_picture_that_the_shared_scale_hides_says_so(network, image):
    panels = panels_of(network, image, Gradient())
    (panel,), (result,) = panels.panels, panels.session.results
    assert panel.words.value == ""
    panel.show(result, shared=(0, 50 * result.array.max()), own=False)
    assert "At most 2.0 % of the shared scale." in panel.words.value
    panel.show(result, shared=(0, 50 * result.array.max()), own=True)
    assert panel.words.value == ""


def test_what_is_refused_is_a_sentence_in_its_place_and_the_others_go_on(network, image):
    def classes(settings):
        return tuple(replace(settings, target=target) for target in (Target(0), Target(7), Target(2)))

    session = Session(network, image, method=GradCAM(), runner=Inline(), variants=classes)
    panels = Panels(session, lambda asked: f"class {asked.target.index}")
    first, second, third = panels.panels
    assert "Received: 7" in second.words.value
    assert second.picture not in second.widget.children
    assert "class 7" in second.widget.children[0].value
    assert first.picture in first.widget.children
    np.testing.assert_array_equal(shown(third.picture), session.results[2].array)


def test_fewer_results_leave_fewer_pictures(network, image):
    wanted = [0, 1, 2]

    def classes(settings):
        return tuple(replace(settings, target=Target(index)) for index in wanted)

    session = Session(network, image, method=GradCAM(), runner=Inline(), variants=classes)
    panels = Panels(session, lambda asked: str(asked.target.index))
    assert len(panels.row.children) == 4
    wanted[:] = [2]
    session.again()
    assert len(panels.row.children) == 2
    assert panels.panels[0].picture.title == "2"


def test_one_set_of_controls_moves_all_pictures(gradients):
    assert gradients.image.leader is gradients.hands
    assert all(panel.picture.leader is gradients.hands for panel in gradients.panels)
    assert all(panel.picture.compact for panel in gradients.panels)
    assert not gradients.hands.compact


def test_a_note_stands_once_with_the_names_of_its_pictures(gradients):
    text = gradients.notes.value
    assert text.count("ReLUs were rewritten") == 1
    assert f"{Gradient(relu='guided')}: 2 ReLUs" in text


def test_where_all_fails_the_pictures_stay_and_are_dimmed(gradients):
    before = shown(gradients.panels[0].picture).copy()
    gradients.session.target = 99
    assert all(panel.picture.dimmed for panel in gradients.panels)
    np.testing.assert_array_equal(shown(gradients.panels[0].picture), before)
    gradients.session.target = 1
    assert not any(panel.picture.dimmed for panel in gradients.panels)


def test_values_that_are_no_numbers_do_not_spoil_the_scale(gradients):
    (result, *_) = gradients.session.results
    odd = result.array.copy()
    odd[0, 0] = np.inf
    for own in (False, True):
        gradients.panels[0].show(replace(result, array=odd), shared=(0, 1), own=own)
    assert np.isfinite(gradients.panels[0].picture.limits).all()
