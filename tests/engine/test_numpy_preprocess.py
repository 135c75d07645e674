"""`preprocess` functions of NumPy: the model's own numbers, and gradients as far as they go back."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import layers
from PIL import Image

from cnnviz_widgets.core.target import Target
from cnnviz_widgets.methods.grad_cam import GradCAM
from cnnviz_widgets.methods.gradient import Gradient
from cnnviz_widgets.methods.gradient_times_input import GradientTimesInput
from cnnviz_widgets.methods.guided_grad_cam import GuidedGradCAM
from cnnviz_widgets.methods.integrated_gradients import IntegratedGradients
from cnnviz_widgets.methods.lrp import LRP
from cnnviz_widgets.methods.maximal_activation import MaximalActivation
from cnnviz_widgets.methods.occlusion import Occlusion
from cnnviz_widgets.network import Network
from cnnviz_widgets.request import compute

SIDE = 12
MEAN, DEVIATION = np.float32([0.4, 0.5, 0.6]), np.float32([0.2, 0.3, 0.25])
PICTURE = np.random.default_rng(3).integers(0, 256, (SIDE, SIDE, 3)).astype(np.float32)
DIFFERENCE = Target(1) - Target(0)


def arrays(function):
    """A function that takes arrays only, as those of OpenCV and albumentations do."""

    def of_arrays(images):
        if not isinstance(images, np.ndarray):
            raise TypeError("images is not a numpy array, neither a scalar")
        return function(images)

    return of_arrays


def normalised(images):
    return (images / np.float32(255) - MEAN) / DEVIATION


# {name: (a function of arrays, the same one of tensors)}
OF_PIXELS = {
    "mean and deviation": (normalised, normalised),
    "BGR": (lambda a: a[..., ::-1] - np.float32([104, 117, 124]), lambda t: t[..., ::-1] - [104.0, 117.0, 124.0]),
    "greys": (
        lambda a: a.mean(-1, keepdims=True).repeat(3, -1),
        lambda t: tf.repeat(tf.reduce_mean(t, -1)[..., None], 3, -1),
    ),
    "whole numbers": (lambda a: normalised(a.astype("uint8").astype("float32")), normalised),
    "clipped": (lambda a: np.clip(a, 0, 255) / 127.5 - 1, lambda t: t / 127.5 - 1),
}


def a_gamma(images):
    return (np.clip(images, 0, 255) / 255) ** 2.2


def halved(images):
    half = (SIDE // 2, SIDE // 2)
    return np.stack([np.asarray(Image.fromarray(image.astype("uint8")).resize(half)) for image in images]) / 255


def model_of(side=SIDE):
    keras.utils.set_random_seed(1)
    parts = [layers.Conv2D(5, 3, activation="relu", name="conv"), layers.GlobalAveragePooling2D(), layers.Dense(3)]
    return keras.Sequential([keras.Input((side, side, 3)), *parts])


def network_of(function, side=SIDE, **more):
    return Network(model_of(side), preprocess=arrays(function), input_shape=(SIDE, SIDE, 3), **more)


def far_apart(one, other):
    return np.abs(one - other).max() / np.abs(other).max()


@pytest.mark.parametrize("function", [*(made for made, _ in OF_PIXELS.values()), a_gamma])
def test_the_output_is_the_models_for_what_the_function_makes(function):
    network = network_of(function)
    images = np.stack([PICTURE, PICTURE[::-1]])
    assert network.logits(images) == pytest.approx(network.model(function(images)).numpy(), rel=1e-5, abs=1e-5)


@pytest.mark.parametrize("name", OF_PIXELS)
def test_gradients_pass_a_function_that_scales_pixels(name):
    of_arrays, of_tensors = OF_PIXELS[name]
    network, images = network_of(of_arrays), tf.constant(PICTURE[None])
    with tf.GradientTape() as tape:
        tape.watch(images)
        logits = network.model(of_tensors(images))
        score = logits[0, 1] - logits[0, 0]
    expected = tape.gradient(score, images).numpy()[0]
    assert network.slope == "exact"
    assert far_apart(network.gradient(PICTURE, DIFFERENCE), expected) < 1e-5


@pytest.mark.parametrize("name", OF_PIXELS)
@pytest.mark.parametrize("method", [LRP(), IntegratedGradients(steps=10), GradientTimesInput()])
def test_methods_take_a_function_that_scales_pixels_as_one_of_tensors(name, method):
    of_arrays, of_tensors = OF_PIXELS[name]
    model, image = model_of(), PICTURE
    found, expected = (
        compute(method, Network(model, preprocess=function), image, target=DIFFERENCE).array
        for function in (arrays(of_arrays), of_tensors)
    )
    # Integrated gradients look between whole numbers, where rounding moves the ReLUs' corners.
    assert far_apart(found, expected) < (0.1 if name == "whole numbers" else 1e-3)


def test_numbers_between_whole_ones_are_the_functions_too():
    between = PICTURE * 0.7 + 0.3
    network = network_of(OF_PIXELS["whole numbers"][0])
    expected = network.model(normalised(np.floor(between[None]))).numpy()[0]
    assert network.logits(between) == pytest.approx(expected, abs=1e-5)


def test_behind_another_function_the_gradient_is_that_at_the_models_input():
    network, made = network_of(a_gamma), tf.constant(a_gamma(PICTURE[None]))
    with tf.GradientTape() as tape:
        tape.watch(made)
        logits = network.model(made)
        score = logits[0, 1] - logits[0, 0]
    assert network.slope == "behind"
    assert far_apart(network.gradient(PICTURE, DIFFERENCE), tape.gradient(score, made).numpy()[0]) < 1e-5
    assert "behind_preprocess" in {note.kind for note in compute(Gradient(), network, PICTURE, target=1).notes}
    assert "behind_preprocess" not in {note.kind for note in compute(GradCAM(), network, PICTURE, target=1).notes}


@pytest.mark.parametrize("method", [IntegratedGradients(), GradientTimesInput(), MaximalActivation.suited_to(SIDE)])
def test_what_multiplies_by_pixels_needs_the_gradient_at_them(method):
    with pytest.raises(
        ValueError, match="choose the gradient alone, .*, occlusion or RISE. Received: .* does more than"
    ):
        compute(method, network_of(a_gamma), PICTURE, target=1)


def test_no_gradient_passes_a_function_that_resizes():
    network = network_of(halved, side=SIDE // 2)
    assert network.slope == "none"
    for method in (Gradient(), LRP(), GuidedGradCAM(), IntegratedGradients()):
        with pytest.raises(ValueError, match="choose a class activation map.* Received: .* another size"):
            compute(method, network, PICTURE, target=1)


def test_class_activation_maps_and_occlusion_need_none():
    network = network_of(halved, side=SIDE // 2)
    made = tf.constant(halved(PICTURE[None]).astype(np.float32))
    with tf.GradientTape() as tape:
        maps = network.model.get_layer("conv")(made)
        tape.watch(maps)
        score = network.model.layers[-1](tf.reduce_mean(maps, axis=(1, 2)))[0, 1]
    weights = tf.reduce_mean(tape.gradient(score, maps), axis=(1, 2))
    expected = tf.nn.relu(tf.einsum("nhwc,nc->nhw", maps, weights))[0].numpy()
    assert compute(GradCAM(), network, PICTURE, target=1).array == pytest.approx(expected, abs=1e-5)
    covered = PICTURE.copy()
    covered[:6, :6] = 127.5
    found = compute(Occlusion(window=6, stride=6, fill="grey", score="logit"), network, PICTURE, target=1).array
    drop = network.model(halved(np.stack([PICTURE, covered]))).numpy()[:, 1]
    assert found[0, 0] == pytest.approx(drop[0] - drop[1], abs=1e-5)


def test_images_of_any_size_keep_their_sides():
    parts = [layers.Conv2D(5, 3, activation="relu", name="conv"), layers.GlobalAveragePooling2D(), layers.Dense(3)]
    model = keras.Sequential([keras.Input((None, None, 3)), *parts])
    network = Network(model, preprocess=arrays(a_gamma))
    picture = np.random.default_rng(4).uniform(0, 255, (20, 31, 3)).astype(np.float32)
    assert compute(GradCAM(), network, picture, target=1).array.shape == (18, 29)
    assert network.logits(picture) == pytest.approx(model(a_gamma(picture[None])).numpy()[0], abs=1e-5)


def test_a_function_that_mixes_images_is_asked_for_one_at_a_time():
    network = network_of(lambda images: (images - images.mean()) / images.std())
    images = np.stack([PICTURE, PICTURE / 4])
    alone = np.concatenate([network.model((image - image.mean()) / image.std()).numpy() for image in images[:, None]])
    assert network.logits(images) == pytest.approx(alone, abs=1e-5)


@pytest.mark.parametrize(
    ("function", "sentence"),
    [
        (lambda images: images + np.random.normal(size=images.shape), "make the same of the same image"),
        (lambda images: images[0], r"function of a batch.* Received: one that makes \(12, 12, 3\) of \(1, 12, 12, 3\)"),
        (lambda images: images.nonsense, "its preprocess on a batch of tensors or of NumPy arrays"),
    ],
)
def test_what_is_no_function_of_images_is_refused(function, sentence):
    with pytest.raises(ValueError, match=sentence):
        network_of(function).logits(PICTURE)
