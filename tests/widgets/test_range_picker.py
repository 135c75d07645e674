"""What a network takes for pixels, chosen on the page."""

import keras
import numpy as np
import pytest
from keras import layers

from cnnviz_widgets.core.image import InputImage
from cnnviz_widgets.core.pixel_conventions import PIXEL_CONVENTIONS
from cnnviz_widgets.core.target import Target
from cnnviz_widgets.methods.filters import Filters
from cnnviz_widgets.methods.grad_cam import GradCAM
from cnnviz_widgets.methods.gradient import Gradient
from cnnviz_widgets.network import Network
from cnnviz_widgets.runner import Inline
from cnnviz_widgets.session import Session
from cnnviz_widgets.widgets.explorers.explorer import Explorer
from cnnviz_widgets.widgets.front.pick_list import NOTHING
from cnnviz_widgets.widgets.parts.range_picker import RangePicker
from cnnviz_widgets.words import percent

PIXELS = np.random.default_rng(0).integers(0, 255, (8, 8, 3), np.uint8)
BYTES, UNIT, CAFFE = 0, 1, 4  # places among the conventions


def photo(pixels=PIXELS):
    return InputImage._of_pixels(np.array(pixels), "photo", None, ())


def model_of(channels=3):
    image = keras.Input((8, 8, channels))
    values = layers.Conv2D(4, 3, activation="relu", name="conv")(image)
    values = layers.Conv2D(4, 3, activation="relu", name="last")(values)
    model = keras.Model(
        image, layers.Dense(3, activation="softmax", name="scores")(layers.GlobalAveragePooling2D()(values))
    )
    random = np.random.default_rng(1)
    model.set_weights([random.normal(size=weight.shape) for weight in model.get_weights()])
    return model


@pytest.fixture
def model():
    return model_of()


@pytest.fixture
def session(model):
    return Session(Network(model), photo(), method=GradCAM(), runner=Inline())


def hidden(picker):
    return picker.widget.layout.display == "none"


def kinds(session):
    return {note.kind for note in session.result.notes}


def test_each_convention_stands_with_the_answer_of_the_model_for_such_pixels(session, model):
    picker = RangePicker(session)
    pixels = PIXELS[np.newaxis].astype(np.float32)
    for words, given in zip(picker.list.details[:3], (pixels, pixels / 255, pixels / 127.5 - 1), strict=True):
        output = model(given).numpy()[0]
        assert words == f"class {output.argmax()} ({percent(output.max())})"
    assert picker.list.names == [each.name for each in PIXEL_CONVENTIONS]
    assert picker.list.selected == NOTHING  # nothing is chosen yet
    assert "assumed" in picker.question.value


def test_choosing_one_opens_the_same_model_so_and_the_note_goes(session, model):
    picker, image = RangePicker(session), session.image
    session.update(target=Target(2), layer="conv")
    before = session.result.array
    assert "assumed_range" in kinds(session)
    picker.list.selected = UNIT
    network = session.network
    assert (network.model, network.value_range, network.options.preprocess) == (model, (0, 1), None)
    np.testing.assert_allclose(session.probabilities, model(PIXELS[np.newaxis] / 255).numpy()[0], atol=1e-5)
    assert (session.image, session.target, session.layer, type(session.method)) == (image, Target(2), "conv", GradCAM)
    assert session.result.request.network is network
    assert not np.allclose(session.result.array, before)
    assert "assumed_range" not in kinds(session)


def test_it_stays_so_that_one_can_choose_again_and_go_back(session):
    picker = RangePicker(session)
    first, labels = session.network, picker.list.details
    picker.list.selected = CAFFE
    caffe = session.network
    assert not hidden(picker)
    assert picker.list.selected == CAFFE
    assert 'Network(model, preprocess="caffe")' in picker.code.value.replace("&quot;", '"')
    assert picker.list.details == labels  # the answers of the network that assumes
    picker.list.selected = UNIT
    picker.list.selected = CAFFE
    assert session.network is caffe  # and not opened once more
    session.undo()
    session.undo()
    session.undo()
    assert session.network is first
    assert picker.list.selected == NOTHING
    assert "assumed_range" in kinds(session)


def test_the_guess_can_be_confirmed(session):
    picker = RangePicker(session)
    before = session.probabilities
    picker.list.selected = BYTES
    assert session.network.options.value_range == (0, 255)
    np.testing.assert_array_equal(session.probabilities, before)
    assert "assumed_range" not in kinds(session)


def test_another_image_has_answers_of_its_own(session, model):
    picker = RangePicker(session)
    picker.list.selected = UNIT
    dark = np.full((8, 8, 3), 3, np.uint8)
    session.image = photo(dark)
    output = model(dark[np.newaxis].astype(np.float32)).numpy()[0]
    assert picker.list.details[0] == f"class {output.argmax()} ({percent(output.max())})"
    assert session.network.value_range == (0, 1)


def test_a_method_without_the_image_shows_the_answers_too(model):
    session = Session(Network(model), photo(), method=Filters(), layer="conv", runner=Inline())
    assert all("class " in words for words in RangePicker(session).list.details)


@pytest.mark.parametrize("said", [{"value_range": (0, 255)}, {"preprocess": "torch"}])
def test_where_a_person_said_it_there_is_nothing_to_choose(model, said):
    assert hidden(RangePicker(Session(Network(model, **said), photo(), method=Gradient(), runner=Inline())))


def test_of_an_array_nothing_is_assumed_until_a_photograph_comes(model):
    session = Session(Network(model), InputImage(PIXELS), method=Gradient(), runner=Inline())
    picker = RangePicker(session)
    assert hidden(picker)
    session.image = photo()
    assert not hidden(picker)
    session.open(Network(model, value_range=(0, 1)))
    assert hidden(picker)


def test_a_grey_network_has_no_conventions_of_colours():
    session = Session(Network(model_of(1)), photo(), method=Gradient(), runner=Inline())
    assert RangePicker(session).list.names == ["0 to 255", "0 to 1", "−1 to 1"]


def test_an_image_that_does_not_fit_is_told_by_the_session_alone(model):
    session = Session(Network(model), photo(), method=Gradient(), runner=Inline())
    picker = RangePicker(session)
    session.image = InputImage(np.zeros((3, 3, 3)))
    assert session.status == "failed"
    assert hidden(picker)


def test_the_explorer_has_it_and_is_without_it_for_networks_that_tell(session):
    explorer = Explorer(session=session)
    explorer.range_picker.list.selected = UNIT
    assert explorer.session.network.value_range == (0, 1)
    assert "assumed" not in explorer.status.notes.value
    explorer.close()
    digits = Explorer("digits", session=Session("digits", runner=Inline()))
    assert hidden(digits.range_picker)
    digits.close()
