"""The original CAM: numbers done on paper, the score that it shares out, and the heads for which there is none."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import layers, ops
from kinds import fixed

from cnnviz_widgets.core.target import Target
from cnnviz_widgets.engine.compiled import CompiledFunctions
from cnnviz_widgets.methods.cam import CAM
from cnnviz_widgets.methods.grad_cam import GradCAM
from cnnviz_widgets.network import Network
from cnnviz_widgets.networks import load, samples
from cnnviz_widgets.request import compute

IMAGE = np.random.default_rng(5).uniform(0, 1, (12, 12, 3))


def ending_in(*head):
    """A network of two convolutions that ends in the layers of `head`."""
    first = layers.Conv2D(4, 3, activation="relu", name="conv1")
    last = layers.Conv2D(6, 3, activation="relu", name="maps")
    keras.utils.set_random_seed(0)
    return Network(fixed(keras.Sequential([keras.Input((12, 12, 3)), first, last, *head])), value_range=(0, 1))


def test_a_worked_example():
    image = keras.Input((2, 2, 1))
    maps = layers.Conv2D(2, 1, use_bias=False, name="maps")(image)
    model = keras.Model(image, layers.Dense(2)(layers.GlobalAveragePooling2D()(maps)))
    # Map 0 is the image, map 1 twice its negative; class 1 weights them with 3 and -1.
    model.set_weights([np.array([[[[1, -2]]]]), np.array([[5, 3], [7, -1]]), np.array([0, 10])])
    network = Network(model, value_range=(0, 4))
    result = compute(CAM(), network, np.array([[[1], [2]], [[3], [4]]]), target=1)
    assert result.array.tolist() == [[3 + 2, 6 + 4], [9 + 6, 12 + 8]]
    assert result.signed
    assert network.logits(np.array([[[1], [2]], [[3], [4]]]))[1] == 12.5 + 10  # the map's mean and the bias


HEADS = {
    "pooling and dense": lambda: [layers.GlobalAveragePooling2D(), layers.Dense(5, "softmax")],
    "with dropout": lambda: [
        layers.GlobalAveragePooling2D(),
        layers.Dropout(0.5),
        layers.Dense(5, "softmax"),
    ],
    "a single sigmoid": lambda: [layers.GlobalAveragePooling2D(), layers.Dense(1, "sigmoid")],
    "logits": lambda: [layers.GlobalAveragePooling2D(), layers.Dense(5)],
    "pooling that keeps its axes": lambda: [
        layers.GlobalAveragePooling2D(keepdims=True),
        layers.Conv2D(5, 1),
        layers.Reshape((5,)),
        layers.Softmax(),
    ],
    "pooling over one large window": lambda: [layers.AveragePooling2D(8), layers.Flatten(), layers.Dense(5, "softmax")],
    "normalised averages": lambda: [
        layers.GlobalAveragePooling2D(),
        layers.BatchNormalization(),
        layers.Dense(5, "softmax"),
    ],
    "two dense layers and nothing between them": lambda: [
        layers.GlobalAveragePooling2D(),
        layers.Dense(7),
        layers.Dense(5, "softmax"),
    ],
    "sums, scaled and shifted by older operations": lambda: [
        layers.Lambda(lambda maps: tf.raw_ops.Sum(input=maps, axis=(1, 2))),
        layers.Lambda(lambda sums: tf.raw_ops.Add(x=tf.raw_ops.Div(x=sums, y=64.0), y=0.5)),
        layers.Dense(5, "softmax"),
    ],
    "maps of the classes": lambda: [layers.Conv2D(5, 1), layers.GlobalAveragePooling2D(), layers.Softmax()],
}


@pytest.mark.parametrize("head", HEADS)
def test_the_mean_of_the_map_is_the_score_but_for_a_constant(head):
    network = ending_in(*HEADS[head]())
    constants = []
    for image in (IMAGE, IMAGE[::-1], 1 - IMAGE):
        result = compute(CAM(), network, image, target=0)
        assert np.ptp(result.array) > 0
        constants.append(network.logits(image)[0] - result.array.mean())
    assert constants == pytest.approx([constants[0]] * 3, abs=1e-5)


@pytest.mark.parametrize("head", HEADS)
def test_the_classes_after_the_first_are_what_they_are_alone(head, monkeypatch):
    network = ending_in(*HEADS[head]())
    targets = [*network.classes, *([Target(0) - 2 * Target(3)] if network.class_count > 1 else [])]
    together = [compute(CAM(), network, IMAGE, target=target).array for target in targets]
    monkeypatch.setattr(CompiledFunctions, "linear", lambda *ends: None)
    network = ending_in(*HEADS[head]())
    for found, target in zip(together, targets, strict=True):
        assert found == pytest.approx(compute(CAM(), network, IMAGE, target=target).array, rel=1e-5, abs=1e-5)


def test_another_class_or_image_needs_no_gradient(small, picture, monkeypatch):
    small.cache.clear()
    first = compute(CAM(), small, picture, target=0)
    for question in ("gradient", "layer_gradient"):
        monkeypatch.setattr(small.engine, question, lambda *asked: pytest.fail("a gradient was asked for"))
    assert np.ptp(compute(CAM(), small, picture, target=1).array - first.array) > 0
    assert np.ptp(compute(CAM(), small, picture.array[::-1], target=1).array - first.array) > 0


@pytest.mark.parametrize("index", range(5))
def test_it_weights_the_maps_as_the_dense_layer_does(index, small, picture):
    scores = small.model.get_layer("scores")
    expected = small.activations(picture, "conv2") @ scores.kernel.numpy()[:, index]
    result = compute(CAM(), small, picture, target=index).array
    assert result == pytest.approx(expected, abs=1e-5)
    assert result.mean() + scores.bias.numpy()[index] == pytest.approx(small.logits(picture)[index], abs=1e-5)


REFUSED = {
    "MaxPool|Max": lambda: [layers.GlobalMaxPooling2D(), layers.Dense(5, "softmax")],
    "Relu": lambda: [layers.GlobalAveragePooling2D(), layers.Dense(8, "relu"), layers.Dense(5, "softmax")],
    "RealDiv": lambda: [layers.GlobalAveragePooling2D(), layers.Lambda(lambda means: 1 / (1 + means)), layers.Dense(5)],
    "weights differ from place to place": lambda: [layers.Flatten(), layers.Dense(5, "softmax")],
    "Relu6": lambda: [layers.GlobalAveragePooling2D(), layers.ReLU(6), layers.Dense(5, "softmax")],
}


@pytest.mark.parametrize("why", REFUSED)
def test_another_head_is_refused_in_a_sentence_that_names_what_would_do(why):
    network = ending_in(*REFUSED[why]())
    with pytest.raises(
        ValueError, match=rf"needs global average pooling.*Grad-CAM does without\. Received:.*({why})"
    ) as e:
        compute(CAM(), network, IMAGE, target=0)
    assert "\n" not in str(e.value)


def test_maps_that_gate_themselves_are_refused():
    image = keras.Input((12, 12, 3))
    maps = layers.Conv2D(6, 3, activation="relu")(image)
    pooled = layers.GlobalAveragePooling2D()(maps)
    model = fixed(keras.Model(image, layers.Dense(5)(layers.Multiply()([pooled, pooled]))))
    with pytest.raises(ValueError, match="with Mul in between"):
        compute(CAM(), Network(model, value_range=(0, 1)), IMAGE, target=0)


def test_a_hidden_softmax_is_refused(opened, image):
    kind, network = opened("softmax_by_hand")
    with pytest.raises(ValueError, match="with a hidden softmax in between"):
        compute(CAM(), network, image(kind), target=0)


@pytest.mark.slow
def test_the_bundled_networks_end_in_one_way_and_in_the_other():
    with pytest.raises(ValueError, match="Received: digits, with Relu in between"):
        compute(CAM(), load("digits"), samples("digits")[0])
    network, cat = load("efficientnet_lite0"), samples("efficientnet_lite0")[0]
    dense = network.model.get_layer("logits")
    for index in (285, 281, 7):
        result = compute(CAM(), network, cat, target=index)
        assert result.array.mean() + dense.bias.numpy()[index] == pytest.approx(network.logits(cat)[index], abs=1e-4)
        # Grad-CAM at the same maps, without its ReLU, is the same map over the number of cells.
        other = compute(GradCAM(final_relu=False), network, cat, target=index, layer="head_activation")
        assert other.array * result.array.size == pytest.approx(result.array, abs=1e-4)


def test_the_map_of_a_channel_is_the_channel(small, picture):
    result = compute(CAM(), small, picture, target=Target("conv1", 2))
    assert result.array == pytest.approx(small.activations(picture, "conv1")[..., 2], abs=1e-5)
    with pytest.raises(ValueError, match="differ from place to place"):
        compute(CAM(), small, picture, target=Target("conv1", 2, (3, 3)))


def test_an_activation_that_is_no_layer_is_found_in_front_of_the_pooling(opened, image):
    """The maps behind `ops.relu` are no layer's output; the graph has them."""
    kind, network = opened("subclassed")
    before = network.activations(image(kind), "conv2")
    expected = np.asarray(ops.relu(before)) @ network.model.scores.kernel.numpy()[:, 3]
    assert compute(CAM(), network, image(kind), target=3).array == pytest.approx(expected, abs=1e-5)
