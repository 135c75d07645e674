"""Images and targets in the forms in which people have them."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from cnnviz_widgets.core.image import InputImage
from cnnviz_widgets.core.target import Target
from cnnviz_widgets.methods.gradient import Gradient
from cnnviz_widgets.request import compute
from cnnviz_widgets.runner import Inline
from cnnviz_widgets.session import Session

INDEXES = [np.argmax([[0, 2, 1]], -1), np.int64(1), np.array(1), tf.constant([1]), tf.constant(1)]


@pytest.mark.parametrize("form", ["path", "text", "bytes", "Pillow", "load_img"])
def test_a_picture_is_taken_in_every_form(form, network, tmp_path):
    file, pixels = tmp_path / "dog.png", np.random.default_rng(0).integers(0, 255, (20, 30, 3), np.uint8)
    Image.fromarray(pixels).save(file)
    forms = {
        "path": lambda: file,
        "text": lambda: str(file),
        "bytes": file.read_bytes,
        "Pillow": lambda: Image.open(file),
        "load_img": lambda: keras.utils.load_img(file),
    }
    opened, given = InputImage.open(file), forms[form]()
    expected = compute(Gradient(), network, opened, target=1)
    assert np.array_equal(compute(Gradient(), network, given, target=1).array, expected.array)
    assert np.array_equal(network.logits(given), network.logits(opened))
    assert Session(network, given, runner=Inline()).image == opened


@pytest.mark.parametrize("index", INDEXES)
def test_an_argmax_is_a_target(index, network, picture):
    expected = compute(Gradient(), network, picture, target=1).array
    assert np.array_equal(compute(Gradient(), network, picture, target=index).array, expected)
    assert Session(network, picture, target=index, runner=Inline()).target == Target(1)


def test_several_classes_at_once_are_no_target(network, picture):
    with pytest.raises(TypeError, match="Received: array"):
        compute(Gradient(), network, picture, target=np.array([1, 2]))


def test_an_image_that_does_not_fit_stays_with_the_sentence_that_compute_gives(network):
    wrong = np.zeros((3, 20, 20), np.float32)
    with pytest.raises(ValueError, match="does not have the shape") as refusal:
        compute(Gradient(), network, wrong)
    session = Session(network, wrong, runner=Inline())
    assert (session.status, session.message) == ("failed", str(refusal.value))
    assert session.image == InputImage(wrong)


def test_a_damaged_picture_of_pillow_is_refused_as_a_damaged_file_is(network, tmp_path):
    file, noise = tmp_path / "half.png", np.random.default_rng(0).integers(0, 255, (90, 90, 3), np.uint8)
    Image.fromarray(noise).save(file)
    file.write_bytes(file.read_bytes()[:9000])
    for given in (file, Image.open(file)):  # Pillow reads the pixels when it is asked for them
        with pytest.raises(ValueError, match="damaged or ends too early.*Received: a PNG"):
            compute(Gradient(), network, given)
