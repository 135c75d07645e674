"""What is found out when a model is opened, and how a change of its weights is noticed."""

import time

import keras
import numpy as np
import pytest
import tensorflow as tf
from kinds import KINDS, fixed

from cnnviz_widgets.engine.tracing import keras_said
from cnnviz_widgets.engine.weights import WeightsVersion
from cnnviz_widgets.methods.grad_cam import GradCAM
from cnnviz_widgets.network import Network
from cnnviz_widgets.request import Request, compute


def functional():
    model = KINDS["functional"].build()
    return model, Network(model, value_range=(0, 1))


def assign_one_number(model):
    kernel = model.get_layer("conv2").kernel.numpy()
    kernel[1, 1, 2, 3] += 0.5
    model.get_layer("conv2").kernel.assign(kernel)


def assign_bias(model):
    bias = model.get_layer("scores").bias
    bias.assign(bias + 1)


def swap_two_numbers(model):
    kernel = model.get_layer("conv1").kernel.numpy()
    kernel[0, 0, 0, 0], kernel[0, 0, 0, 1] = kernel[0, 0, 0, 1], kernel[0, 0, 0, 0]
    model.get_layer("conv1").kernel.assign(kernel)


def train_one_step(model):
    model.compile("sgd", "sparse_categorical_crossentropy")
    model.train_on_batch(np.random.default_rng(0).uniform(0, 1, (4, 12, 12, 3)), np.array([0, 1, 2, 3]))


def train_the_last_layer_only(model):
    for layer in model.layers[:-1]:
        layer.trainable = False
    train_one_step(model)


def set_all_weights(model):
    model.set_weights([weight * 0.9 for weight in model.get_weights()])


CHANGES = [assign_one_number, assign_bias, swap_two_numbers, train_one_step, train_the_last_layer_only, set_all_weights]


@pytest.mark.parametrize("change", CHANGES, ids=lambda change: change.__name__)
def test_any_change_of_the_weights_makes_a_new_request_and_a_new_answer(change, picture):
    model, network = functional()
    before = compute(GradCAM(final_relu=False), network, picture, target=1, layer="relu1")
    assert compute(GradCAM(final_relu=False), network, picture, target=1, layer="relu1") is before
    change(model)
    after = compute(GradCAM(final_relu=False), network, picture, target=1, layer="relu1")
    assert after.request != before.request
    fresh = compute(GradCAM(final_relu=False), Network(model, value_range=(0, 1)), picture, target=1, layer="relu1")
    assert np.array_equal(after.array, fresh.array)
    assert network.probabilities(picture) == pytest.approx(model(picture.array[None])[0].numpy(), abs=1e-6)


def test_assigning_equal_weights_changes_nothing():
    model, network = functional()
    before = network.weights_version()
    model.set_weights(model.get_weights())
    assert network.weights_version() == before


def test_a_variable_inside_a_tf_function_is_watched_too(image):
    kind = KINDS["block_that_is_a_tf_function"]
    model = kind.build()
    network = Network(model, value_range=(0, 1))
    before, probabilities = network.weights_version(), network.probabilities(image(kind))
    kernel = model.get_layer("block").convolutions[0].kernel
    kernel.assign(kernel * 2)
    assert network.weights_version() != before
    assert np.abs(network.probabilities(image(kind)) - probabilities).max() > 1e-6


@pytest.mark.parametrize("dtype", ["float32", "float16", "bfloat16", "float64", "int8", "bool"])
@pytest.mark.parametrize("shape", [(), (2, 3)])
def test_weights_of_any_type_are_watched(dtype, shape):
    variable = tf.Variable(tf.cast(tf.zeros(shape), dtype))
    weights = WeightsVersion([variable])
    before = weights.number()
    assert weights.number() == before
    variable.assign(tf.cast(tf.ones(shape), dtype))
    assert weights.number() != before


def test_a_variable_that_is_written_into_in_place_is_noticed():
    variable = tf.Variable(np.zeros(1000, np.float32))
    weights = WeightsVersion([variable])
    seen = [weights.number()]
    for _ in range(5):
        variable.assign_add(tf.ones(1000))
        seen.append(weights.number())
    variable[7].assign(9.0)
    seen.append(weights.number())
    assert len(set(seen)) == len(seen)
    assert weights.number() == seen[-1]


@pytest.mark.slow
def test_looking_for_changes_is_cheap(capsys):
    image = keras.Input((16, 16, 3))
    values = image
    for _ in range(40):
        values = keras.layers.BatchNormalization()(keras.layers.Conv2D(32, 3, padding="same")(values))
    network = Network(fixed(keras.Model(image, keras.layers.Dense(5)(keras.layers.Flatten()(values)))))
    network.weights_version()
    begun = time.perf_counter()
    for _ in range(20):
        network.weights_version()
    with capsys.disabled():
        print(f" [{(time.perf_counter() - begun) / 20 * 1e3:.1f} ms for {len(network.model.weights)} weights] ", end="")


def test_a_request_holds_the_stamp(picture):
    model, network = functional()
    one = Request.of(GradCAM(), network, picture, target=1)
    assert one == Request.of(GradCAM(), network, picture, target=1)
    assign_bias(model)
    assert one != Request.of(GradCAM(), network, picture, target=1)


def test_a_softmax_out_of_sight_is_told_by_its_numbers(opened):
    assert opened("softmax_by_hand")[1].head == "hidden"
    assert opened("no_softmax")[1].head == "none"


def test_a_subclassed_model_that_does_not_tell_its_shape_asks_for_it():
    class Shapeless(keras.Model):
        def __init__(self):
            super().__init__()
            self.scores = keras.layers.Dense(2)
            self.built = True

        def call(self, images):
            return self.scores(tf.reduce_mean(images, [1, 2]))

    with pytest.raises(
        ValueError, match=r"give Network\(..., input_shape=\(height, width, channels\)\). Received: Sha"
    ):
        Network(Shapeless())
    network = Network(Shapeless(), input_shape=(4, 4, 3))
    assert network.logits(np.ones((4, 4, 3))).shape == (2,)


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("simple", "simple"),
        ("two\nlines", "two lines"),
        (
            "Exception encountered when calling A.call().\n\n\x1b[1mno\x1b[0m\n\nArguments received by A.call():\n x",
            "no",
        ),
        (
            "in user code:\n\n  File 'a.py', line 1, in call\n    code()\n\n  ValueError: what it is\n",
            "ValueError: what it is",
        ),
        ("", "RuntimeError"),
        ("x" * 500, "x" * 197 + "..."),
    ],
)
def test_a_long_error_becomes_the_part_that_helps(text, sentence):
    assert keras_said(RuntimeError(text)) == sentence
