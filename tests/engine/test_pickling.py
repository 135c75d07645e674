"""Networks, methods, images, targets and results as plain values: what comes out of a pickle gives the same numbers."""

import copy
import pickle

import keras
import numpy as np
import pytest
from conftest import image_for, network_of_kind
from keras import layers

from cnnviz_widgets.core.target import Target
from cnnviz_widgets.methods import all_methods
from cnnviz_widgets.methods.grad_cam import GradCAM
from cnnviz_widgets.network import Network
from cnnviz_widgets.networks import load, samples
from cnnviz_widgets.request import compute

# One of each way in which models are put together.
KINDS = [
    "functional",
    "nested_in_functional",
    "time_distributed",
    "image_and_numbers",
    "dictionary_in_and_out",
    "the_second_of_two_outputs",
    "one_sigmoid",
    "mixed_float16",
    "channels_first",
    "any_size",
]


def halved(batch):
    return batch / 2


def again(value):
    return pickle.loads(pickle.dumps(value))


@pytest.mark.parametrize("name", KINDS)
def test_a_network_out_of_a_pickle_answers_with_the_same_numbers(name):
    kind, network = network_of_kind(name)
    image, other = image_for(kind), again(network)
    assert np.array_equal(other.logits(image), network.logits(image))
    assert np.array_equal(other.gradient(image, other.classes[0]), network.gradient(image, network.classes[0]))
    assert [info.path for info in other.layers] == [info.path for info in network.layers]


def test_what_was_said_of_a_network_goes_along():
    said = {
        "class_names": ["a", "b", "c", "d", "e"],
        "value_range": (-1, 1),
        "name": "mine",
        "task": "regression",
        "preprocess": halved,
        "samples": samples("digits")[:2],
    }
    network = Network(network_of_kind("no_softmax")[1].model, **said)
    other = again(network)
    assert other.class_names == tuple(said["class_names"])
    assert (other.value_range, other.name, other.task) == ((-1, 1), "mine", "regression")
    assert (other.samples, other.options.preprocess) == (network.samples, halved)


def test_neither_the_traced_graph_nor_what_is_kept_goes_along():
    network = load("digits")
    before = len(pickle.dumps(network))
    compute(GradCAM(), network, network.samples[0])
    assert len(network.cache) > 0
    assert len(pickle.dumps(network)) == before
    assert len(again(network).cache) == 0


def test_training_stays_behind():
    model = network_of_kind("functional")[1].model
    plain = len(pickle.dumps(Network(model)))
    model.compile("adam", "categorical_crossentropy")
    model.fit(np.zeros((4, 12, 12, 3)), np.eye(5)[:4], verbose=0)
    assert len(pickle.dumps(Network(model))) == plain


def test_a_deep_copy_has_weights_of_its_own():
    network = load("digits")
    image, before = network.samples[0], network.logits(network.samples[0])
    other = copy.deepcopy(network)
    other.model.set_weights([weights * 0 for weights in other.model.get_weights()])
    assert np.array_equal(network.logits(image), before)
    assert not np.array_equal(other.logits(image), before)


def test_a_randomised_network_stays_randomised():
    network = load("digits")
    image, shuffled = network.samples[0], network.randomised(2, seed=3)
    other = again(shuffled)
    assert np.array_equal(other.logits(image), shuffled.logits(image))
    assert not np.array_equal(other.logits(image), network.logits(image))
    assert other.name == shuffled.name


@pytest.mark.parametrize("method", all_methods(), ids=lambda method: method.__name__)
def test_a_method_out_of_a_pickle_is_equal(method):
    assert again(method()) == method()


@pytest.mark.parametrize("target", [Target(3), Target("conv1", 2, (1, 1)), Target(3) - 0.5 * Target(4)], ids=repr)
def test_a_target_out_of_a_pickle_is_equal(target):
    assert (again(target), repr(again(target))) == (target, repr(target))


def test_a_result_out_of_a_pickle_is_the_result_and_cannot_be_written_to():
    network = load("digits")
    result = compute(GradCAM(), network, network.samples[0])
    other = again(result)
    assert np.array_equal(other.array, result.array)
    assert (other.unit, other.notes, other.request.image) == (result.unit, result.notes, result.request.image)
    assert other.request.caption == result.request.caption
    assert not other.array.flags.writeable


# ---- Refusals


def refused_model(*inside):
    model = keras.Sequential([keras.Input((12, 12, 3)), *inside, layers.Flatten(), layers.Dense(2)])
    return Network(model, name="refused")


def test_a_lambda_layer_is_refused_before_anything_is_sent():
    with pytest.raises(TypeError, match=r"must hold no Python code.*Received: refused, which holds a Lambda layer\."):
        pickle.dumps(refused_model(layers.Lambda(lambda x: x + 1)))


def test_a_model_of_keras_2_is_refused():
    with pytest.raises(TypeError, match=r"Only a model of Keras 3.*Received: keras2_object, a tf_keras"):
        pickle.dumps(network_of_kind("keras2_object")[1])


class Unregistered(layers.Layer):
    def call(self, x):
        return x


def test_a_layer_that_is_not_registered_is_refused_where_it_arrives():
    data = pickle.dumps(refused_model(Unregistered()))
    with pytest.raises(ValueError, match=r"must be one that Keras can write and read.*Received: refused, of which"):
        pickle.loads(data)
