"""Models that tell by their first operations that they take pixels from 0 to 255."""

import pickle

import keras
import numpy as np
import pytest
from keras import layers
from keras.initializers import Constant
from linear_engine import LinearEngine

from cnnviz_widgets.network import Network
from cnnviz_widgets.networks import load


def ending(values):
    return layers.Dense(3, activation="softmax")(layers.Flatten()(layers.Conv2D(2, 3, activation="relu")(values)))


def begun(*first, shape=(8, 8, 3)):
    """A functional model that begins with `first`: layers, or functions of a tensor."""
    image = values = keras.Input(shape)
    for each in first:
        values = each(values)
    return keras.Model(image, ending(values))


def nested(*first):
    """A model inside a model inside a Sequential, whose innermost layers are `first`."""
    image = keras.Input((8, 8, 3))
    inner = keras.Sequential([keras.Input((8, 8, 3)), *first], name="inner")
    outer = keras.Model(image, layers.Conv2D(2, 3)(inner(image)), name="outer")
    return keras.Sequential([keras.Input((8, 8, 3)), outer, layers.Flatten(), layers.Dense(3)])


class Subclassed(keras.Model):
    """Its layers are made in another order than that in which they run."""

    def __init__(self, first):
        super().__init__()
        self.flat, self.scores, self.first = layers.Flatten(), layers.Dense(3), first

    def call(self, images):
        return self.scores(self.flat(self.first(images)))


def subclassed(first):
    model = Subclassed(first)
    model(np.zeros((1, 8, 8, 3), np.float32))
    return Network(model, input_shape=(8, 8, 3))


def of_two_inputs(scaled):
    """A model of two images, of which one is scaled."""
    images = {name: keras.Input((8, 8, 3), name=name) for name in ("left", "right")}
    values = [layers.Rescaling(1 / 255)(image) if name == scaled else image for name, image in images.items()]
    model = keras.Model(images, layers.Add()([ending(value) for value in values]))
    return Network(model, image_input="left", other_inputs={"right": np.zeros((8, 8, 3))})


IMAGENET = {"mean": [123.7, 116.3, 103.5], "variance": [3409.0, 3263.0, 3291.0]}
OF_BYTES = {
    "a rescaling": lambda: begun(layers.Rescaling(1 / 255)),
    "a rescaling to -1..1": lambda: begun(layers.Rescaling(1 / 127.5, offset=-1)),
    "a normalization": lambda: begun(layers.Normalization(**IMAGENET)),
    "behind resizing, flips and padding": lambda: begun(
        layers.Resizing(10, 10), layers.RandomFlip(), layers.ZeroPadding2D(1), layers.Rescaling(1 / 255)
    ),
    "several in turn": lambda: begun(layers.Rescaling(1 / 255), layers.Normalization(mean=0.5, variance=0.04)),
    "nested": lambda: nested(layers.Rescaling(1 / 255)),
    "the preprocessing of MobileNet inside": lambda: begun(keras.applications.mobilenet_v2.preprocess_input),
    "the preprocessing of ResNet inside": lambda: begun(keras.applications.resnet50.preprocess_input),
    "the preprocessing of DenseNet inside": lambda: begun(keras.applications.densenet.preprocess_input),
    "any size": lambda: keras.Sequential(
        [
            keras.Input((None, None, 3)),
            layers.Rescaling(1 / 255),
            layers.Conv2D(3, 3),
            layers.GlobalAveragePooling2D(),
        ]
    ),
}
UNTOLD = {
    "nothing": lambda: begun(),
    "a batch normalisation, which is learned": lambda: begun(
        layers.BatchNormalization(moving_mean_initializer=Constant(127), moving_variance_initializer=Constant(3600))
    ),
    "a rescaling of 0..1": lambda: begun(layers.Rescaling(2, offset=-1)),
    "a normalization of 0..1": lambda: begun(layers.Normalization(mean=[0.485] * 3, variance=[0.052] * 3)),
    "a rescaling later on": lambda: begun(layers.Conv2D(3, 1), layers.Rescaling(1 / 255)),
    "a rescaling beside the image as it is": lambda: begun(
        lambda values: layers.Concatenate()([layers.Rescaling(1 / 255)(values), values])
    ),
    "a division by the image's own largest number": lambda: begun(lambda values: values / keras.ops.max(values)),
    "nested without": lambda: nested(layers.Conv2D(2, 1)),
}


@pytest.mark.parametrize("name", OF_BYTES)
def test_a_model_that_scales_bytes_first_says_so(name):
    network = Network(OF_BYTES[name]())
    assert (network.value_range, network.range_is_assumed) == ((0, 255), False)


@pytest.mark.parametrize("name", UNTOLD)
def test_of_any_other_model_the_range_is_assumed(name):
    network = Network(UNTOLD[name]())
    assert (network.value_range, network.range_is_assumed) == ((0, 255), True)


def test_of_a_subclassed_model_the_first_layer_is_that_which_runs_first():
    assert not subclassed(layers.Rescaling(1 / 255)).range_is_assumed
    assert subclassed(layers.Conv2D(2, 3)).range_is_assumed


@pytest.mark.parametrize(("scaled", "assumed"), [("left", False), ("right", True)])
def test_of_several_inputs_the_one_of_the_image_counts(scaled, assumed):
    assert of_two_inputs(scaled).range_is_assumed is assumed


def test_whole_numbers_are_bytes():
    image = keras.Input((8, 8, 3), dtype="uint8")
    model = keras.Model(image, ending(keras.ops.cast(image, "float32")))
    assert not Network(model).range_is_assumed


@pytest.mark.parametrize("said", [{"value_range": (0, 255)}, {"value_range": (0, 1)}, {"preprocess": lambda x: x / 9}])
def test_what_a_person_says_is_not_assumed(said):
    network = Network(begun(), **said)
    assert not network.range_is_assumed
    assert network.value_range == said.get("value_range", (0, 255))


def test_an_engine_without_a_graph_tells_nothing():
    assert Network.of_engine(LinearEngine()).range_is_assumed
    assert not Network.of_engine(LinearEngine(), value_range=(0, 255)).range_is_assumed


def test_a_bundled_network_tells_it():
    assert not load("digits").range_is_assumed


def test_it_stays_known_by_whatever_else_is_changed_and_in_another_process():
    network = Network(begun())
    others = [
        Network.of_options(network.model, network.options.replaced(name="other")),
        pickle.loads(pickle.dumps(network)),
        network.replica(),
        network.randomised(1),
        load(network),
    ]
    assert [other.range_is_assumed for other in others] == [True] * len(others)
    assert not network.of_options(network.model, network.options.replaced(value_range=(0, 255))).range_is_assumed
