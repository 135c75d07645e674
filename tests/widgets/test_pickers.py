import io

import numpy as np
import pytest
from PIL import Image
from quick import OF_CONVOLUTIONS, quick

from cnnviz_widgets.core.target import Target
from cnnviz_widgets.methods.activations import Activations
from cnnviz_widgets.methods.filters import Filters
from cnnviz_widgets.methods.grad_cam import GradCAM
from cnnviz_widgets.methods.gradient import Gradient
from cnnviz_widgets.network import Network
from cnnviz_widgets.runner import Inline
from cnnviz_widgets.session import Session
from cnnviz_widgets.widgets.front.pick_list import NOTHING
from cnnviz_widgets.widgets.parts.pickers import ImagePicker, LayerPicker, NetworkPicker, TargetPicker
from cnnviz_widgets.words import number

from .conftest import CLASSES, ending_in, small_network


def jpeg(colour, size=(60, 40)):
    file = io.BytesIO()
    Image.new("RGB", size, colour).save(file, "JPEG")
    return file.getvalue()


def upload(picker, content, name="mine.jpg"):
    picker.upload.content, picker.upload.name = content, name
    picker.upload.count += 1


def test_classes_are_offered_with_their_probabilities(session, network, image):
    picker = TargetPicker(session).list
    assert picker.names == CLASSES
    np.testing.assert_allclose(np.frombuffer(picker.values, "<f4"), network.probabilities(image))
    assert picker.selected == -1
    assert picker.none_name == f"Top class: {CLASSES[int(network.probabilities(image).argmax())]}"


def test_picking_a_class_makes_it_the_target_and_none_gives_the_top_class_back(session):
    picker = TargetPicker(session)
    picker.list.selected = 2
    assert session.target == Target(2)
    assert session.result.request.target == Target(2)
    picker.list.selected = -1
    assert session.target is None


def test_a_channel_as_target_is_named_and_no_class_is_marked(session):
    picker = TargetPicker(session)
    session.target = Target("conv1", 3)
    assert picker.list.selected == NOTHING
    assert "channel 3 of conv1" in picker.list.label
    picker.list.selected = -1  # the row "Top class" leads back to the classes
    assert session.target is None


def test_a_channel_of_the_layer_in_view_can_be_named_by_its_number(session):
    session.update(method=Activations(), layer="conv1")
    picker = TargetPicker(session)
    assert (picker.channel.max, picker.channel.disabled) == (3, False)
    picker.channel.value = 2
    assert session.target == Target("conv1", 2)
    session.choose_method(Gradient)
    assert session.result.request.target == Target("conv1", 2)


@pytest.mark.parametrize(
    ("method", "paths"),
    [(Filters, ["conv1", "conv2"]), (GradCAM, ["rescaling", "conv1", "pool1", "conv2"]), (Gradient, None)],
)
def test_only_layers_that_the_method_can_use_are_offered(session, method, paths):
    session.choose_method(method)
    picker = LayerPicker(session)
    if paths is None:
        assert picker.widget.layout.display == "none"
    else:
        assert [path.split("_")[0] for path in picker.list.names] == paths


def test_the_layer_that_the_method_chose_itself_is_marked(session):
    session.choose_method(GradCAM)
    picker = LayerPicker(session)
    assert picker.list.names[picker.list.selected] == "conv2"


def test_a_layer_is_kept_by_the_next_method_if_that_can_use_it(session):
    session.update(method=Activations(), layer="pool1")
    session.choose_method(GradCAM)
    assert session.layer == "pool1"
    session.choose_method(Filters)
    assert session.layer is None


def test_an_uploaded_picture_becomes_the_image_and_joins_the_gallery(session):
    picker = ImagePicker(session)
    before = len(picker.gallery.names)
    upload(picker, jpeg("red"))
    assert session.image.name == "mine.jpg"
    assert len(picker.gallery.names) == before + 1
    assert picker.gallery.selected == before
    assert session.result.request.image == session.network.fit(session.image)


def hundred_megapixels():
    file = io.BytesIO()
    Image.new("1", (10_000, 10_000)).save(file, "PNG")  # twelve kilobytes
    return file.getvalue()


BAD_FILES = {
    "empty": lambda: b"",
    "text": lambda: b"Dear Sir or Madam",
    "SVG": lambda: b"<svg xmlns='http://www.w3.org/2000/svg' onload='alert(1)'/>",
    "half a JPEG": lambda: jpeg("red", (500, 500))[:900],
    "a PNG of 100 megapixels": hundred_megapixels,
}


@pytest.mark.parametrize("kind", BAD_FILES)
def test_a_bad_upload_is_one_sentence_and_the_next_good_one_works(session, kind):
    picker = ImagePicker(session)
    result = session.result
    upload(picker, BAD_FILES[kind](), "bad.png")
    assert picker.upload.error.endswith(".")
    assert "\n" not in picker.upload.error
    assert session.result is result
    upload(picker, jpeg("blue"), "good.jpg")
    assert session.image.name == "good.jpg"


def test_a_picture_that_this_network_cannot_take_is_refused_before_it_is_chosen(image):
    import keras

    four = keras.Sequential([keras.Input((8, 8, 4)), keras.layers.Conv2D(2, 3), keras.layers.GlobalMaxPooling2D()])
    session = Session(Network(four), np.zeros((8, 8, 4)), runner=Inline())
    picker = ImagePicker(session)
    upload(picker, jpeg("red"))
    assert "4 channels" in picker.upload.error
    assert session.status == "done"


def test_going_from_picture_to_picture_by_the_gallery(session):
    picker = ImagePicker(session)
    upload(picker, jpeg("red"))
    picker.gallery.selected = 0
    assert session.image.name == "noise"


def test_a_photo_is_fitted_anew_when_another_network_takes_another_size(session):
    picker = ImagePicker(session)
    upload(picker, jpeg("red"))
    session.open(small_network("larger", side=48, seed=1))
    assert session.image.name == "mine.jpg"
    assert session.result.request.image.shape == (48, 48, 3)


def test_an_array_made_for_another_network_stays_and_a_sentence_says_why(session):
    before = session.image
    session.open(small_network("larger", side=48, seed=1))
    assert session.image == before
    assert session.status == "failed"
    assert "Received: (32, 32, 3)" in session.message


def test_the_network_dropdown_offers_the_bundled_ones_and_ones_own(session):
    picker = NetworkPicker(session)
    assert picker.widget.options == ("efficientnet_lite0", "digits", "small")
    assert picker.widget.value == "small"
    session.open(small_network("other", seed=2))
    assert picker.widget.value == "other"
    picker.widget.value = "small"
    assert session.network.name == "small"


def test_a_network_that_cannot_be_opened_leaves_the_one_that_is_open(session):
    picker = NetworkPicker(session)
    session.open("no_such_network")
    assert session.status == "failed"
    assert "no_such_network" in session.message
    assert picker.widget.value == "small"


def test_the_bundled_samples_are_there_before_any_network_is(monkeypatch):
    class Never(Inline):
        def submit(self, job, patient=False):
            """Nothing happens: TensorFlow is still loading."""

    session = Session("efficientnet_lite0", runner=Never())
    picker = ImagePicker(session)
    assert len(picker.gallery.names) >= 7
    assert session.network is None
    assert session.status == "loading"
    assert NetworkPicker(session).widget.value == "efficientnet_lite0"


def test_another_network_with_fewer_classes_takes_over_cleanly(session):
    picker = TargetPicker(session)
    session.target = Target(2)
    session.open(small_network("two_classes", classes=["left", "right"], seed=3))
    assert session.status == "done", session.message
    assert picker.list.names == ["left", "right"]
    assert session.target is None


# ---- Rather than another class


@pytest.fixture
def picker(session):
    session.target = Target(0)
    picker = TargetPicker(session)
    yield picker
    picker.close()


def is_open(against):
    return against.list in against.widget.children


def test_one_class_rather_than_another_is_their_difference(session, picker):
    against = picker.contrast
    assert not is_open(against)
    against.button.value = True
    assert is_open(against)
    assert session.target == Target(0)
    against.list.selected = 2
    assert session.target == Target(0) - Target(2)
    assert session.result.request.caption.endswith("cat rather than dog")
    assert (picker.list.selected, against.list.selected) == (0, 2)
    assert against.button.description == "rather than dog"


@pytest.mark.parametrize("way", ["the button", "the first row", "the class itself"])
def test_there_are_ways_back_to_the_class_alone(way, session, picker):
    session.target = Target(0) - Target(2)
    against = picker.contrast
    assert against.button.value
    assert against.list.none_name == "no other: cat alone"
    if way == "the button":
        against.button.value = False
        assert not is_open(against)
    else:
        against.list.selected = -1 if way == "the first row" else 0
        assert against.list.selected == -1
    assert session.target == Target(0)
    assert against.button.description == "rather than …"


def test_picking_the_class_itself_as_the_other_leaves_it_alone(session, picker):
    picker.contrast.button.value = True
    picker.contrast.list.selected = 0
    assert session.target == Target(0)
    assert picker.contrast.list.selected == -1
    assert session.status == "done"


def test_the_top_class_is_set_against_another_by_its_name(session, picker):
    session.target = None
    top = int(session.probabilities.argmax())
    other = (top + 1) % 3
    picker.contrast.button.value = True
    picker.contrast.list.selected = other
    assert session.target == Target(top) - Target(other)
    assert picker.list.selected == top
    picker.list.selected = -1  # the row "Top class"
    assert session.target is None


def test_another_first_class_keeps_the_one_that_it_is_set_against(session, picker):
    session.target = Target(0) - Target(2)
    picker.list.selected = 1
    assert session.target == Target(1) - Target(2)
    picker.list.selected = 2
    assert session.target == Target(2)


def test_one_channel_or_sum_is_named_and_set_against_no_class(session, picker):
    for target, name in ((Target("conv1", 3), "channel 3 of conv1"), (Target(0) + Target(2), "cat + dog")):
        session.target = target
        assert picker.list.label == f"Class · now: {name}"
        assert picker.list.selected == NOTHING
        assert picker.contrast.button.disabled
        assert not is_open(picker.contrast)
    session.target = Target("conv1", 3) - Target("conv1", 2)
    assert picker.list.label == "Class · now: channel 3 of conv1 rather than channel 2 of conv1"


@pytest.mark.parametrize("method", [method for method in OF_CONVOLUTIONS if "target" in method.uses])
def test_every_method_with_a_target_explains_one_class_rather_than_another(method, session):
    session.update(method=quick(method.suited_to(32)), target=Target(0) - Target(2), layer=None)
    assert session.status == "done", session.message
    assert "cat rather than dog" in session.result.request.caption


def test_the_button_has_a_tooltip_and_back_undoes_the_difference(session, picker):
    assert "for this class and not for another" in picker.contrast.button.tooltip
    session.target = Target(0) - Target(2)
    assert picker.contrast.button.tooltip == "Back to the class alone."
    session.undo()
    assert session.target == Target(0)
    assert picker.contrast.list.selected == -1


def test_another_network_closes_the_second_list(session, picker):
    session.target = Target(0) - Target(2)
    session.open(small_network("two_classes", classes=["left", "right"], seed=3))
    assert not is_open(picker.contrast)
    assert picker.contrast.list.names == ["left", "right"]
    assert session.target is None


# ---- Quantities, and the two sides of one number


def test_quantities_are_shown_with_their_values_and_not_as_percentages(image):
    network = ending_in(2, task="regression", class_names=["age", "height"])
    session = Session(network, image, method=Gradient, runner=Inline())
    picker = TargetPicker(session)
    values = network.logits(image)
    assert session.probabilities is None
    assert picker.list.details == [number(value, 4) for value in values]
    assert picker.list.values == b""
    assert (picker.list.label, picker.list.none_name) == ("Output", "First output: age")
    picker.list.selected = 1
    assert session.target == Target(1)
    assert session.result.request.caption.endswith(" · height")


def test_both_sides_of_a_sigmoid_can_be_picked(image):
    network = ending_in(1, "sigmoid", class_names=["cat", "dog"])
    session = Session(network, image, method=Gradient, runner=Inline())
    picker = TargetPicker(session)
    (yes,) = network.outputs(image)[1]
    np.testing.assert_allclose(np.frombuffer(picker.list.values, "<f4"), [1 - yes, yes], rtol=1e-5)
    assert picker.contrast.widget.layout.display == "none"
    picker.list.selected = 0
    assert session.target == -Target(0)
    assert session.result.request.caption.endswith(" · cat")
    picker.list.selected = 1
    assert session.target == Target(0)
    assert session.result.request.caption.endswith(" · dog")
