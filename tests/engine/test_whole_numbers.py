"""Models that take integers: the gradient behind the cast, by the tape over the same model of floats."""

from functools import partial

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import layers, ops
from kinds import fixed
from quick import OF_CONVOLUTIONS

from cnnviz_widgets.methods import all_methods
from cnnviz_widgets.network import Network
from cnnviz_widgets.request import compute

PICTURE = np.random.default_rng(0).integers(0, 256, (12, 12, 3)).astype(np.uint8)


# Their baselines, noise and steps are no integers, so that the two models see other images.
BETWEEN_INTEGERS = ("SmoothGrad", "IntegratedGradients", "MaximalActivation", "RISE", "Occlusion")


def model_of(dtype, between=lambda image: image):
    image = keras.Input((12, 12, 3), dtype=dtype)
    pixels = layers.Rescaling(1 / 255)(layers.Lambda(between)(image))
    first = layers.Conv2D(6, 3, activation="relu", name="conv")(pixels)
    return fixed(keras.Model(image, layers.Dense(3)(layers.GlobalAveragePooling2D()(first))))


def by_tape(target, between=lambda image: image):
    model, images = model_of("float32", between), tf.constant(PICTURE[np.newaxis], tf.float32)
    with tf.GradientTape() as tape:
        tape.watch(images)
        score = model(images)[0, target]
    return tape.gradient(score, images)[0].numpy()


MODELS = {
    "uint8": lambda: model_of("uint8"),
    "int32": lambda: model_of("int32"),
    "cast inside": lambda: model_of("float32", lambda image: ops.cast(image, "uint8")),
}


@pytest.mark.parametrize("name", MODELS)
def test_the_gradient_is_that_behind_the_cast(name):
    model = MODELS[name]()
    network = Network(model)
    expected = np.asarray(model(PICTURE[np.newaxis]))[0]
    assert network.logits(PICTURE.astype(np.float32)) == pytest.approx(expected, abs=1e-5)
    assert network.gradient(PICTURE, 1) == pytest.approx(by_tape(1), abs=1e-7)


def test_numbers_between_are_cut_off_as_the_model_does_it():
    model = model_of("uint8")
    picture = PICTURE * np.float32(0.77)
    expected = np.asarray(model(picture.astype(np.uint8)[np.newaxis]))[0]
    assert Network(model).logits(picture) == pytest.approx(expected, abs=1e-5)


def padded(image):
    return tf.pad(image, [[0, 0], [1, 2], [2, 0], [0, 0]], constant_values=tf.cast(7, image.dtype))


def beside_a_constant(image):
    strip = tf.cast(tf.reshape(tf.range(36), (1, 1, 12, 3)), image.dtype)
    return tf.concat([image, tf.tile(strip, [tf.shape(image)[0], 1, 1, 1]), image[:, ::-1]], axis=1)


def both_ways(image):
    return tf.concat([tf.cast(image, "float32"), tf.cast(tf.reverse(image, [1]), "float32")], axis=-1)


def a_wider_type(image):
    return image if image.dtype == tf.float32 else tf.cast(image, "int32")


# What a person does to an image of integers before it becomes floats.
MOVED = {
    "flipped": tf.image.flip_left_right,
    "cropped": lambda image: image[:, 1:-2, 2:],
    "every second row": lambda image: image[:, ::2],
    "padded": padded,
    "mirrored at the edge": lambda image: tf.pad(image, [[0, 0], [1, 1], [2, 2], [0, 0]], mode="REFLECT"),
    "fitted": lambda image: tf.image.resize_with_crop_or_pad(image, 14, 10),
    "transposed": lambda image: tf.transpose(image, (0, 2, 1, 3)),
    "reshaped": lambda image: tf.reshape(image, (-1, 6, 24, 3)),
    "other channels first": lambda image: tf.gather(image, [2, 1, 0], axis=-1),
    "tiled": lambda image: tf.tile(image, (1, 2, 1, 1)),
    "rolled": lambda image: tf.roll(image, 2, 1),
    "split and stacked": lambda image: tf.stack(tf.unstack(image, axis=-1)[::-1], axis=-1),
    "beside a constant": beside_a_constant,
    "resized, nearest": lambda image: tf.image.resize(image, (6, 6), method="nearest"),
    "resized": lambda image: tf.image.resize(image, (8, 8)),
    "both ways": both_ways,
    "a wider type": a_wider_type,
}


def all_slow_but(first, names):
    return [name if name == first else pytest.param(name, marks=pytest.mark.slow) for name in names]


@pytest.mark.parametrize("name", all_slow_but("beside a constant", MOVED))
def test_integers_that_are_moved_before_their_cast_have_the_gradient_of_moved_floats(name):
    model = model_of("uint8", MOVED[name])
    network = Network(model)
    for picture in (PICTURE, PICTURE * np.float32(0.77)):
        expected = np.asarray(model(picture.astype(np.uint8)[np.newaxis]))[0]
        assert network.logits(picture.astype(np.float32)) == pytest.approx(expected, abs=1e-5)
    assert network.gradient(PICTURE, 1) == pytest.approx(by_tape(1, MOVED[name]), abs=1e-7)


def test_what_prepares_the_images_has_its_own_gradient_in_front_of_the_cast():
    network = Network(model_of("uint8"), preprocess=lambda images: images * 255, value_range=(0, 1))
    assert network.gradient(PICTURE / np.float32(255), 1) == pytest.approx(255 * by_tape(1), rel=1e-4)


def test_a_network_of_floats_that_rounds_beside_them_has_the_gradient_of_the_tape():
    def remainder(image):
        return image - 0.5 * tf.cast(tf.cast(image, "int32"), "float32")

    network, picture = Network(model_of("float32", remainder)), PICTURE + np.float32(0.3)
    images = tf.constant(picture[np.newaxis])
    with tf.GradientTape() as tape:
        tape.watch(images)
        score = network.model(images)[0, 1]
    assert network.gradient(picture, 1) == pytest.approx(tape.gradient(score, images)[0].numpy(), abs=1e-7)


def test_what_computes_with_integers_still_gets_them():
    def halved_too(image):
        return tf.concat([tf.cast(image, "float32"), tf.cast(image[:, ::-1] // tf.cast(2, image.dtype), "float32")], -1)

    model = model_of("uint8", halved_too)
    network = Network(model)
    expected = np.asarray(model(PICTURE[np.newaxis]))[0]
    assert network.logits(PICTURE) == pytest.approx(expected, abs=1e-5)

    def halved_without_gradient(image):
        return tf.concat([image, tf.stop_gradient(tf.floor(image[:, ::-1] / 2))], -1)

    assert network.gradient(PICTURE, 1) == pytest.approx(by_tape(1, halved_without_gradient), abs=1e-7)


def of_an_embedding():
    image = keras.Input((12, 12, 1), dtype="uint8")
    grid = layers.Embedding(256, 4)(layers.Reshape((12, 12))(image))
    first = layers.Conv2D(6, 3, activation="relu", name="conv")(grid)
    return fixed(keras.Model(image, layers.Dense(3)(layers.GlobalAveragePooling2D()(first))))


def largest_channel(image):
    return ops.one_hot(ops.argmax(image, axis=-1), 3)


def hard(image):
    return ops.cast(image > 100, "float32")


ENDS = {
    "Cast to": of_an_embedding,
    "Round": lambda: model_of("float32", ops.round),
    "Floor": lambda: model_of("float32", ops.floor),
    "ArgMax": lambda: model_of("float32", largest_channel),
    "Greater": lambda: model_of("float32", hard),
    "StopGradient": lambda: model_of("float32", ops.stop_gradient),
    "FloorDiv|Cast to uint8": lambda: model_of("uint8", lambda image: image // 2),
}
WITHOUT = ("Occlusion", "RISE", "ScoreCAM", "Activations")


def compute_map(method, network, picture, target):
    return compute(method, network, picture, target=target).array


def refusal(ask):
    """The sentence with which a question is refused; None where its numbers are finite."""
    try:
        assert np.isfinite(ask()).all()
    except ValueError as error:
        return str(error)
    return None


@pytest.mark.parametrize("kind", all_slow_but("Cast to", ENDS))
def test_where_a_gradient_ends_the_sentence_names_the_operation_and_what_works(kind):
    model = ENDS[kind]()
    network, picture = Network(model), PICTURE[..., : model.input_shape[-1]]
    assert network.logits(picture) == pytest.approx(np.asarray(model(picture[np.newaxis]))[0], abs=1e-5)
    expected = f"such as Occlusion, RISE, Score-CAM or Activations, .* Received: .* with .*({kind}).* in between"
    with pytest.raises(ValueError, match=expected):
        network.gradient(picture, 1)
    for method in all_methods():
        target = 1 if "target" in method.uses else None
        given = picture if "image" in method.uses else None
        said = refusal(partial(compute_map, method.suited_to(12), network, given, target))
        if said is not None:
            assert method.__name__ not in WITHOUT, said
            assert "must depend on" not in said


@pytest.mark.parametrize("method", OF_CONVOLUTIONS)
def test_every_method_answers_or_says_truly_why_not(method):
    network, target = Network(model_of("uint8")), 1 if "target" in method.uses else None
    twin = Network(model_of("float32"))
    made = method.suited_to(12)
    if method.__name__ in BETWEEN_INTEGERS:
        assert np.isfinite(compute(made, network, PICTURE, target=target).array).all()
    else:
        ours, theirs = (compute(made, each, PICTURE, target=target).array for each in (network, twin))
        np.testing.assert_allclose(ours, theirs, rtol=1e-3, atol=1e-3 * np.abs(theirs).max())
