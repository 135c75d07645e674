"""The register of methods, and what the base class does for each."""

from dataclasses import dataclass

import numpy as np
import pytest
from quick import quick

from cnnviz_widgets.core import method as core_method
from cnnviz_widgets.core.method import FAMILIES, Method, register, registered
from cnnviz_widgets.core.parameters import parameters_of, slider, switch
from cnnviz_widgets.core.result import Result
from cnnviz_widgets.methods import all_methods
from cnnviz_widgets.methods.filters import Filters
from cnnviz_widgets.methods.grad_cam import GradCAM
from cnnviz_widgets.methods.occlusion import Occlusion


@pytest.fixture
def clean_register(monkeypatch):
    monkeypatch.setattr(core_method, "_registered", list(core_method._registered))


def make(summary="First."):
    @register
    @dataclass(frozen=True)
    class Mine(Method):
        """Nothing: (rows, columns)."""

        title = "Mine"
        family = "gradient"
        paper = "none"

        size: int = slider(32, 8, 64, per_image=True)
        on: bool = switch(True)

        def run(self, network, image, target):
            yield Result(np.zeros((2, 2), np.float32), signed=False, unit="")

    Mine.summary = summary
    return Mine


def test_a_registered_method_is_in_every_list(clean_register):
    mine = make()
    assert mine in registered()


def test_the_same_class_made_again_takes_the_place_of_the_old_one(clean_register):
    """As when a notebook cell is run twice."""
    make("First.")
    second = make("Second.")
    assert [each for each in registered() if each.__name__ == "Mine"] == [second]


def test_methods_stand_by_family_then_by_title(clean_register):
    make()
    order = [(FAMILIES.index(each.family), each.title) for each in registered() if not each.leads]
    assert order == sorted(order)


def test_what_a_person_would_try_first_leads_its_family_and_the_list(clean_register):
    make().leads = True
    order = registered()
    assert order[0] is GradCAM
    assert next(each for each in order if each.family == "gradient").title == "Mine"


def test_a_method_without_run_is_no_method():
    class Empty(Method):
        pass

    with pytest.raises(TypeError, match="abstract"):
        Empty()


def test_parameters_in_px_shrink_and_grow_with_the_image():
    assert Occlusion.suited_to(224) == Occlusion()
    assert Occlusion.suited_to(112) == Occlusion(window=16, stride=8)
    assert Occlusion.suited_to(28) == Occlusion(window=4, stride=2)
    assert Occlusion.suited_to(4).window >= 1
    assert Occlusion.slider_ends("window", 112) == (4, 56, 1)
    assert Occlusion.slider_ends("window", 448)[:2] == (16, 224)
    assert GradCAM.suited_to(28) == GradCAM()


@pytest.mark.parametrize("side", [8, 12, 28, 224, 500])
def test_defaults_that_suit_an_image_lie_between_the_ends_of_their_sliders(side):
    method = Occlusion.suited_to(side)
    for name in ("window", "stride"):
        low, high, step = Occlusion.slider_ends(name, side)
        assert low <= getattr(method, name) <= high
        assert step >= 1


def test_a_title_tells_what_differs_from_the_defaults():
    assert str(GradCAM()) == "Grad-CAM"
    assert str(GradCAM(relu="guided", final_relu=False)) == "Grad-CAM (relu=guided, final_relu=False)"


def test_a_method_does_not_change():
    with pytest.raises(AttributeError):
        GradCAM().relu = "guided"


def test_a_network_without_a_layer_to_show_is_refused():
    import keras

    from cnnviz_widgets.network import Network

    dense = Network(keras.Sequential([keras.Input((4, 4, 1)), keras.layers.Flatten(), keras.layers.Dense(3)]))
    for method in (GradCAM, Filters):
        with pytest.raises(
            ValueError, match="needs a layer that it can show, and .* has none. Received: a network of 2"
        ):
            method.default_layer(dense)


@pytest.mark.parametrize("method", all_methods())
def test_every_method_suits_images_of_every_size(method):
    for side in range(1, 300):
        suited = method.suited_to(side)
        for name, parameter in parameters_of(suited).items():
            parameter.check(name, getattr(suited, name))


@pytest.mark.parametrize("shape", [(60, 1, 1), (1, 60, 3), (1, 1, 2)])
@pytest.mark.parametrize("method", all_methods())
def test_every_method_has_an_answer_or_a_sentence_for_images_one_pixel_wide(method, shape):
    import keras

    from cnnviz_widgets.network import Network
    from cnnviz_widgets.request import compute

    image = keras.Input(shape)
    maps = keras.layers.Conv2D(4, 3, padding="same", activation="relu")(image)
    pooled = keras.layers.GlobalAveragePooling2D()(maps)
    network = Network(keras.Model(image, keras.layers.Dense(3)(pooled)), value_range=(0, 1))
    picture = np.random.default_rng(0).uniform(0, 1, shape).astype(np.float32)
    target, refusal = 0 if "target" in method.uses else None, None
    try:
        result = compute(quick(method.suited_to(1)), network, picture, target=target)
    except ValueError as error:
        refusal = str(error)
    assert "Received" in refusal if refusal else np.isfinite(result.array).all()
