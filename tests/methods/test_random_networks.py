"""Networks that draw random numbers for every answer: means over draws, and a note that says so."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import layers
from kinds import AlwaysTraining

from cnnviz_widgets.core.image import InputImage
from cnnviz_widgets.engine.batching import DRAWS
from cnnviz_widgets.methods.grad_cam import GradCAM
from cnnviz_widgets.methods.gradient import Gradient
from cnnviz_widgets.methods.maximal_activation import MaximalActivation
from cnnviz_widgets.methods.occlusion import Occlusion
from cnnviz_widgets.network import Network
from cnnviz_widgets.request import compute

IMAGE = np.random.default_rng(3).uniform(0, 1, (12, 12, 3)).astype(np.float32)


class Noisy(layers.Layer):
    """Dropout by TensorFlow's own generator, which has a state."""

    def call(self, values):
        return tf.nn.dropout(values, 0.5)


class NoisyLoop(layers.Layer):
    """Dropout of each image in a loop of the graph."""

    def call(self, values):
        return tf.map_fn(lambda one: tf.nn.dropout(one, 0.5), values)


class OneMask(layers.Layer):
    """A mask that all images of a batch share."""

    def call(self, values):
        return values * tf.random.uniform((1, 10, 10, 4))


class FixedNoise(layers.Layer):
    """The same numbers every time."""

    def call(self, values):
        return values * tf.random.stateless_uniform(tf.shape(values), (1, 2))


def network_with(layer):
    """A network whose score is linear in the random numbers, so that its mean is known."""
    keras.utils.set_random_seed(1)
    image = keras.Input((12, 12, 3))
    values = layer(layers.Conv2D(4, 3, activation="relu", name="conv")(image))
    values = layers.GlobalAveragePooling2D()(values)
    return Network(keras.Model(image, layers.Dense(3)(values)), value_range=(0, 1))


RANDOM = {
    "dropout": lambda: AlwaysTraining(layers.Dropout(0.5, seed=1)),
    "dropout of channels": lambda: AlwaysTraining(layers.SpatialDropout2D(0.2, seed=1)),
    "noise": lambda: AlwaysTraining(layers.GaussianNoise(0.5, seed=1)),
    "a generator with a state": Noisy,
    "a generator in a loop": NoisyLoop,
}


def note_of(result):
    return next((note for note in result.notes if note.kind == "random_network"), None)


@pytest.mark.parametrize("name", RANDOM)
def test_scores_are_means_over_draws_as_a_loop_over_the_model_has_them(name):
    network = network_with(RANDOM[name]())
    result = compute(Gradient(), network, IMAGE, target=1)
    loop = np.array([float(network.model(IMAGE[None])[0, 1]) for _ in range(300)])
    note = note_of(result)
    assert note.numbers["draws"] == DRAWS
    assert note.numbers["spread"] == pytest.approx(loop.std(), rel=0.5)
    error = note.numbers["standard_error"]
    assert float(network.scores(IMAGE, 1)) == pytest.approx(loop.mean(), abs=6 * error)


@pytest.mark.parametrize("method", [Occlusion(window=4, stride=4), Gradient(), GradCAM()])
def test_maps_are_those_of_the_network_of_means(method):
    """Dropout is a factor of mean 1 here, and the score is linear in it: the mean map is the one without dropout."""
    random, plain = network_with(AlwaysTraining(layers.Dropout(0.2, seed=1))), network_with(layers.Dropout(0.2))
    found, expected = (compute(method, each, IMAGE, target=1, **layer_of(method)).array for each in (random, plain))
    assert np.corrcoef(found.ravel(), expected.ravel())[0, 1] > 0.9


def layer_of(method):
    return {"layer": "conv"} if "layer" in method.uses else {}


def test_asked_again_a_seeded_network_gives_the_same_map():
    maps = [
        compute(Occlusion(window=4, stride=4), network_with(RANDOM["dropout"]()), IMAGE, target=1).array
        for _ in range(2)
    ]
    assert np.array_equal(*maps)


def test_a_batch_gives_what_each_image_gives():
    network = network_with(RANDOM["dropout"]())
    images = np.stack([IMAGE, IMAGE[::-1], IMAGE * 0.5])
    alone = [network.scores(image, 1) for image in images]
    assert network.scores(images, 1) == pytest.approx(np.array(alone), abs=1e-6)


def test_where_images_meet_too_the_numbers_are_those_of_one_draw_for_one_image_alone():
    both = keras.Sequential([layers.BatchNormalization(momentum=1.0), layers.Dropout(0.5, seed=1)])
    network = network_with(AlwaysTraining(both))
    images = np.stack([IMAGE, IMAGE * 0.5])
    assert "one draw" in note_of(compute(Gradient(), network, IMAGE, target=1)).text
    alone = [network.scores(image, 1) for image in images]
    assert network.scores(images, 1) == pytest.approx(np.array(alone), abs=1e-6)


def test_a_picture_that_is_made_for_a_target_is_of_one_draw():
    result = compute(MaximalActivation(steps=16), network_with(RANDOM["dropout"]()), target=1)
    assert "one draw" in note_of(result).text


def test_asking_leaves_the_seed_as_it_was():
    network = network_with(RANDOM["dropout"]())
    before = [np.array(variable) for variable in network.model.variables]
    compute(Occlusion(window=6, stride=6), network, IMAGE, target=1)
    assert all(np.array_equal(now, was) for now, was in zip(network.model.variables, before, strict=True))


def test_where_copies_share_their_random_numbers_the_note_speaks_of_one_draw():
    fixed = network_with(AlwaysTraining(layers.Dropout(0.5, noise_shape=(1, 10, 10, 4), seed=1)))
    note = note_of(compute(Gradient(), fixed, IMAGE, target=1))
    assert "one draw" in note.text
    assert not note.numbers


def test_where_copies_share_random_numbers_that_are_new_for_each_question_many_are_asked():
    network = network_with(OneMask())
    note = note_of(compute(Gradient(), network, IMAGE, target=1))
    loop = np.array([float(network.model(IMAGE[None])[0, 1]) for _ in range(300)])
    assert note.numbers["draws"] == DRAWS
    assert note.numbers["spread"] == pytest.approx(loop.std(), rel=0.5)
    found = [float(network.scores(IMAGE, 1)) for _ in range(12)]
    assert np.std(found) < 0.5 * loop.std()  # a mean over draws spreads by 1 / sqrt(32) as much
    assert np.mean(found) == pytest.approx(loop.mean(), abs=0.5 * loop.std())


@pytest.mark.parametrize("layer", [FixedNoise, lambda: layers.Dropout(0.5), lambda: layers.GaussianNoise(0.1)])
def test_a_network_that_draws_nothing_has_no_such_note(layer):
    assert note_of(compute(Gradient(), network_with(layer()), IMAGE, target=1)) is None


def test_numbers_that_are_the_same_every_time_but_not_for_every_place_in_a_batch_are_asked_alone():
    network = network_with(FixedNoise())
    expected = float(network.model(IMAGE[None])[0, 1])
    assert network.scores(np.stack([IMAGE] * 3), 1) == pytest.approx([expected] * 3, abs=1e-6)


def test_scores_behind_a_layer_are_means_over_draws():
    network = network_with(RANDOM["dropout"]())
    own = network.activations(InputImage(IMAGE), "conv")
    found = network.scores_behind(InputImage(IMAGE), 1, "conv", np.stack([own, own]))
    assert found == pytest.approx([float(network.scores(IMAGE, 1))] * 2, abs=1e-5)
