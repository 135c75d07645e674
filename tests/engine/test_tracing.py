"""Tracing listens to a model's layers and leaves the model as it came, whatever happens meanwhile."""

import threading

import keras
import numpy as np
import pytest
import tensorflow as tf
from fingerprint import fingerprint
from keras import layers
from kinds import KINDS, Subclassed, fixed, trace

from cnnviz_widgets.network import Network


@pytest.mark.parametrize(
    "name", ["functional", "nested_twice", "subclassed", "lazily_built_sequential", "batch_norm_dropout_augmentation"]
)
def test_the_model_is_the_same_after_being_opened(name, image):
    kind = KINDS[name]
    model = kind.build()
    images = image(kind).array[None]
    before = fingerprint(model, kind, images)
    network = Network(model, value_range=(0, 1))
    network.probabilities(image(kind))
    assert fingerprint(model, kind, images) == before


class Stopping(layers.Layer):
    """Raises `error` when it is called, once it has one."""

    error = None

    def call(self, values):
        if self.error is not None:
            raise self.error
        return values


@pytest.mark.parametrize("error", [RuntimeError("out of order"), KeyboardInterrupt()], ids=["exception", "interrupt"])
def test_the_model_is_the_same_after_a_trace_that_broke_off(error):
    inner = keras.Sequential([keras.Input((6, 6, 1)), layers.Conv2D(2, 3), Stopping()], name="inner")
    model = fixed(keras.Sequential([keras.Input((6, 6, 1)), inner, layers.Flatten(), layers.Dense(3)]))
    images = np.ones((1, 6, 6, 1), np.float32)
    before = fingerprint(model, KINDS["sequential"], images)
    network = Network(model, name="mine")
    inner.layers[-1].error = error
    with pytest.raises((ValueError, KeyboardInterrupt)) as raised:
        network.logits(images)
    inner.layers[-1].error = None
    del inner.layers[-1].error
    if not isinstance(error, KeyboardInterrupt):
        assert str(raised.value).startswith("A model must run on a batch of images")
        assert "mine does not, it said: " in str(raised.value)
        assert "out of order" in str(raised.value)
        assert "\n" not in str(raised.value)
    assert fingerprint(model, KINDS["sequential"], images) == before
    assert np.array_equal(network.logits(images), model(images))  # and it can be opened now


def test_a_call_that_somebody_else_put_on_a_layer_stays_there(picture):
    model = KINDS["functional"].build()
    layer = model.get_layer("conv2")
    original = layer.call
    layer.call = lambda values: original(values) * 2
    mine = layer.__dict__["call"]
    network = Network(model, value_range=(0, 1))
    assert np.allclose(network.logits(picture), tf.math.log(model(picture.array[None]))[0] + log_sum(network, picture))
    assert layer.__dict__["call"] is mine


def log_sum(network, picture):
    return np.log(np.exp(network.logits(picture)).sum())


def test_another_thread_that_uses_the_model_meanwhile_does_not_disturb_the_trace(picture):
    armed, tracing, used = threading.Event(), threading.Event(), threading.Event()
    images = picture.array[None]

    class Waiting(layers.Layer):
        def call(self, values):
            if armed.is_set() and tf.inside_function():
                tracing.set()
                assert used.wait(60)
            return values

    image = keras.Input((12, 12, 3))
    values = Waiting()(layers.Conv2D(4, 3, name="conv1")(image))
    model = fixed(keras.Model(image, layers.Dense(2)(layers.GlobalAveragePooling2D()(values))))

    armed.set()

    def use():
        assert tracing.wait(60)
        try:
            model(images)
        finally:
            used.set()

    thread = threading.Thread(target=use)
    thread.start()
    network = Network(model)
    paths = [info.path for info in network.layers]
    thread.join()
    assert len(paths) == len(set(paths)) == 4
    assert np.allclose(network.activations(picture, "conv1"), model.get_layer("conv1")(images)[0], atol=1e-6)


def test_a_network_runs_in_inference_mode(opened, image):
    kind, network = opened("batch_norm_dropout_augmentation")
    statistics = [weight.numpy() for weight in network.model.non_trainable_weights]
    first, second = (network.engine.values(image(kind).array[None], network.engine.traced.output)[0] for _ in "ab")
    assert np.array_equal(first, second)
    assert np.allclose(first[0], network.model(image(kind).array[None], training=False), atol=1e-6)
    after = [weight.numpy() for weight in network.model.non_trainable_weights]
    assert all(np.array_equal(one, other) for one, other in zip(statistics, after, strict=True))


def test_layers_that_a_subclass_hides_in_lists_and_dictionaries_are_found():
    class Hidden(layers.Layer):
        def __init__(self):
            super().__init__(name="hidden")
            self.layers = {"first": layers.Conv2D(3, 3, name="a")}  # a name that models use too
            self.others = [layers.Conv2D(3, 3, name="b")]

        def call(self, values):
            return self.others[0](self.layers["first"](values))

    model = keras.Sequential([keras.Input((12, 12, 3)), Hidden(), layers.GlobalAveragePooling2D(), layers.Dense(5)])
    assert [info.path for info in Network(model).layers][:3] == ["hidden/a", "hidden/b", "hidden"]


def test_two_layers_of_one_name_in_one_parent_are_told_apart():
    class Twins(Subclassed):
        def __init__(self):
            super().__init__()
            self.second = layers.Conv2D(6, 3, name="conv1")

    model = Twins()
    model(np.zeros((1, 12, 12, 3), np.float32))
    network = Network(model)
    assert [(info.path, info.channels) for info in network.layers][:2] == [("conv1", 4), ("conv1@2", 6)]


def test_a_layer_inside_a_tf_function_has_no_place_in_the_list(opened):
    paths = {info.path for info in opened("block_that_is_a_tf_function")[1].layers}
    assert "block" in paths
    assert not any(path.startswith("block/") for path in paths)


@pytest.mark.parametrize(
    ("handed_on", "head"),
    [
        (lambda shares: tf.ensure_shape(shares, [None, 4]), "softmax"),
        (lambda shares: tf.debugging.check_numerics(shares, "shares"), "softmax"),
        (tf.stop_gradient, "none"),  # in front of it there is a gradient, which the model does not have
    ],
    ids=["with its shape", "checked", "without a gradient"],
)
def test_a_softmax_is_found_behind_what_only_hands_it_on(handed_on, head):
    image = keras.Input((4, 4, 3))
    shares = layers.Dense(4, activation="softmax")(layers.Flatten()(image))
    assert trace(keras.Model(image, layers.Lambda(handed_on)(shares)), (4, 4, 3)).head == head


def test_a_reshape_that_mixes_classes_with_places_hides_the_softmax():
    image = keras.Input((4, 4, 3))
    values = layers.Flatten()(layers.Conv2D(2, 3, activation="softmax")(image))  # four places of two classes
    assert trace(keras.Model(image, values), (4, 4, 3)).head == "none"


def test_the_first_of_several_outputs_is_the_one_that_is_explained(opened, image):
    kind, network = opened("several_outputs")
    assert network.class_count == 5
    expected = network.model(image(kind).array[None])[0][0].numpy()
    assert network.probabilities(image(kind)) == pytest.approx(expected, abs=1e-6)
