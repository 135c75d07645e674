"""A range that nobody said: the note about it, its numbers, and the conventions that it compares."""

import keras
import numpy as np
import pytest
from keras import layers

from cnnviz_widgets.core.image import InputImage
from cnnviz_widgets.core.pixel_conventions import PIXEL_CONVENTIONS, STANDARDISATIONS, Standardisation
from cnnviz_widgets.methods.filters import Filters
from cnnviz_widgets.methods.gradient import Gradient
from cnnviz_widgets.methods.occlusion import Occlusion
from cnnviz_widgets.network import Network
from cnnviz_widgets.request import compute
from cnnviz_widgets.words import percent

PIXELS = np.random.default_rng(0).integers(0, 255, (8, 8, 3), np.uint8)


def photo(pixels=PIXELS, name="photo"):
    """A photograph of these pixels, as a picture file gives it."""
    return InputImage._of_pixels(np.array(pixels), name, None, ())


def of_unit_range(channels=3, activation="softmax"):
    """A model for 0..1: its classes are the means of each channel, of all, and a constant, times something."""
    image = keras.Input((8, 8, channels))
    values = layers.GlobalAveragePooling2D()(layers.Conv2D(channels, 1, name="conv")(image))
    model = keras.Model(image, layers.Dense(3, activation=activation, name="scores")(values))
    random = np.random.default_rng(1)
    model.set_weights([random.normal(size=weight.shape) for weight in model.get_weights()])
    return model


def by_keras(pixels):
    """{name of a convention: what Keras makes of the pixels by it}, in the order of the note."""
    pixels = pixels.astype(np.float32)
    found = {"0 to 255": pixels, "0 to 1": pixels / 255, "−1 to 1": pixels / 127.5 - 1}
    if pixels.shape[-1] == 3:
        # Keras's functions write into the array that they are given.
        found["ImageNet (torch)"] = keras.applications.densenet.preprocess_input(pixels.copy())
        found["ImageNet (caffe)"] = keras.applications.resnet50.preprocess_input(pixels.copy())
    return found


def note_of(result):
    return next((note for note in result.notes if note.kind == "assumed_range"), None)


# ---- The note


@pytest.mark.parametrize("channels", [3, 1])
def test_the_note_tells_what_the_model_answers_for_pixels_by_each_convention(channels):
    model = of_unit_range(channels)
    picture = photo(PIXELS if channels == 3 else np.repeat(PIXELS[..., :1], 3, axis=2))
    given = PIXELS if channels == 3 else PIXELS[..., :1]
    note = note_of(compute(Gradient(), Network(model), picture))
    expected = {name: model(pixels[np.newaxis]).numpy()[0] for name, pixels in by_keras(given).items()}
    assert list(note.numbers) == list(expected)
    for name, output in expected.items():
        assert note.numbers[name] == pytest.approx(output.max(), abs=1e-5)
    in_words = [f"class {output.argmax()} ({percent(output.max())})" for output in expected.values()]
    assert note.text.startswith(f"Pixels from 0 to 255 are assumed, as nobody said: {in_words[0]}. From 0 to 1 it ")
    assert [note.text.find(words) > 0 for words in in_words] == [True] * len(expected)


def test_a_model_trained_on_0_to_1_shows_the_mistake():
    """Its answer for 0..255 is another class, and certain; the note names both."""
    image = keras.Input((8, 8, 3))
    model = keras.Model(image, layers.Dense(2, activation="softmax")(layers.GlobalAveragePooling2D()(image)))
    model.layers[-1].set_weights([np.array([[0, 2.0]] * 3, np.float32), np.array([4.0, 0], np.float32)])
    text = note_of(compute(Gradient(), Network(model), photo(np.full((8, 8, 3), 51, np.uint8)))).text
    right = np.exp(4) / (np.exp(4) + np.exp(2 * 3 * 0.2))
    assert f"class 1 (100 %). From 0 to 1 it would be class 0 ({percent(right)});" in text


def test_a_regression_network_tells_its_values():
    model = of_unit_range(activation="linear")
    note = note_of(compute(Gradient(), Network(model, task="regression", class_names=["a", "b", "c"]), photo()))
    assert ". From 0 to 1 it would be a " in note.text


@pytest.mark.parametrize(
    "said", [{"value_range": (0, 255)}, {"value_range": (0, 1)}, {"preprocess": "torch"}, {"preprocess": np.square}]
)
def test_where_the_range_is_said_there_is_no_note(said):
    assert note_of(compute(Occlusion(4, 4), Network(of_unit_range(), **said), photo())) is None


def test_of_an_array_nothing_is_assumed():
    network = Network(of_unit_range())
    assert note_of(compute(Gradient(), network, PIXELS.astype(np.float32))) is None
    assert note_of(compute(Gradient(), network, InputImage(PIXELS))) is None
    assert note_of(compute(Filters(), network, layer="conv")) is None


def test_a_photograph_that_was_fitted_before_is_still_one(tmp_path):
    network = Network(of_unit_range())
    fitted = network.fit(photo(PIXELS.repeat(2, axis=0).repeat(2, axis=1)))
    assert fitted.from_photo
    assert not fitted.is_photo
    assert note_of(compute(Gradient(), network, fitted)) is not None
    assert not InputImage(fitted.array).from_photo


def test_an_array_with_the_pixels_of_a_photograph_seen_before_is_still_an_array():
    network = Network(of_unit_range())
    for _ in range(2):
        assert note_of(compute(Gradient(), network, photo())) is not None
        assert note_of(compute(Gradient(), network, network.fit(photo()).array)) is None


# ---- The passes are few


def test_the_conventions_are_asked_once_for_an_image_and_again_for_other_weights(monkeypatch):
    model = of_unit_range()
    network, counted = Network(model), []
    engine = network.traced_engine
    outputs = engine.outputs
    monkeypatch.setattr(engine, "outputs", lambda images: counted.append(len(images)) or outputs(images))
    first = network.readings_by_convention(photo())
    assert sorted(counted) == [1, 4]
    compute(Gradient(), network, photo())
    compute(Occlusion(4, 4), network, photo())
    assert counted.count(4) == 1
    model.get_layer("scores").kernel.assign(-model.get_layer("scores").kernel)
    assert not np.allclose(*(list(each.values())[1] for each in (first, network.readings_by_convention(photo()))))


def test_conventions_are_compared_only_where_the_range_is_assumed():
    with pytest.raises(ValueError, match="where the range of the pixels is assumed. Received: .*, which takes 0 to 1"):
        Network(of_unit_range(), value_range=(0, 1)).readings_by_convention(photo())


# ---- The conventions


def test_each_is_what_keras_makes_of_the_pixels():
    expected = by_keras(PIXELS)
    assert [each.name for each in PIXEL_CONVENTIONS] == list(expected)
    for each in PIXEL_CONVENTIONS:
        np.testing.assert_allclose(each.of_bytes(PIXELS.astype(np.float32)), expected[each.name], atol=2e-5)


@pytest.mark.parametrize("convention", PIXEL_CONVENTIONS, ids=lambda each: each.name)
def test_a_network_of_a_convention_answers_as_the_model_for_these_pixels(convention):
    model = of_unit_range()
    network = Network(model, value_range=convention.value_range, preprocess=convention.preprocess)
    expected = model(by_keras(PIXELS)[convention.name][np.newaxis]).numpy()[0]
    np.testing.assert_allclose(network.probabilities(photo()), expected, atol=1e-5)
    assert network.slope == "exact"


@pytest.mark.parametrize("name", STANDARDISATIONS)
@pytest.mark.parametrize("value_range", [(0, 1), (-1, 1), (10, 20)])
def test_a_standardisation_takes_images_in_the_networks_range(name, value_range):
    low, high = value_range
    images = low + PIXELS[np.newaxis] * ((high - low) / 255)
    np.testing.assert_allclose(Standardisation(name, value_range)(images)[0], Standardisation(name)(PIXELS), atol=1e-4)
    network = Network(of_unit_range(), preprocess=name, value_range=(3, 4))
    moved = Network.of_options(network.model, network.options.replaced(value_range=value_range))
    np.testing.assert_allclose(moved.probabilities(photo()), network.probabilities(photo()), atol=1e-4)


def test_a_name_that_is_none_and_images_of_other_channels_are_refused():
    with pytest.raises(ValueError, match="preprocess must be a function, None, or one of 'tf', .* Received: 'pytorch'"):
        Network(of_unit_range(), preprocess="pytorch")
    with pytest.raises(ValueError, match="is for red, green and blue. Received: images of 1 channels"):
        Network(of_unit_range(1), preprocess="torch").layers  # noqa: B018
