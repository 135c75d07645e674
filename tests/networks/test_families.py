"""The families of `keras.applications`, with random weights and small images: each is opened and answers rightly.

They are larger than all other models in the tests. The logits' gradient is compared with TensorFlow's own tape on the
same layers without the softmax.
"""

import keras
import numpy as np
import pytest
import tensorflow as tf

from cnnviz_widgets.engine.op_kinds import OP_KINDS
from cnnviz_widgets.methods.grad_cam import GradCAM
from cnnviz_widgets.network import Network
from cnnviz_widgets.request import compute

pytestmark = pytest.mark.slow

# The smallest images that they take, and whether they have a ReLU.
FAMILIES = {
    "VGG16": (32, True),
    "ResNet50V2": (32, True),
    "InceptionV3": (75, True),
    "MobileNetV2": (32, True),
    "MobileNetV3Small": (32, True),
    "DenseNet121": (32, True),
    "EfficientNetV2B0": (32, False),
    "ConvNeXtTiny": (32, False),
    "Xception": (71, True),
}


@pytest.fixture(scope="module", params=FAMILIES)
def family(request):
    """(a Network of one family, whether it has a ReLU); built and traced once for all tests of it."""
    side, has_relu = FAMILIES[request.param]
    keras.utils.set_random_seed(0)
    model = getattr(keras.applications, request.param)(weights=None, input_shape=(side, side, 3), classes=5)
    return Network(model, value_range=(0, 1)), has_relu


def test_every_operation_of_a_family_has_a_row_in_the_table_of_operations(family):
    definition = family[0].engine.traced.graph.definition
    assert {node.op for node in definition.node} <= set(OP_KINDS)


def test_a_family_is_opened_and_answers_as_keras_does(family):
    network, has_relu = family
    model, shape = network.model, network.input_shape
    images = np.random.default_rng(0).uniform(0, 1, (1, *shape)).astype(np.float32)
    assert network.head == "softmax"
    assert network.probabilities(images) == pytest.approx(model(images, training=False).numpy(), abs=1e-5)

    twin = keras.models.clone_model(model)
    twin.set_weights(model.get_weights())
    last = twin.layers[-1]
    (last if hasattr(last, "activation") else twin.layers[-2]).activation = keras.activations.linear

    @tf.function(autograph=False)
    def by_tape(images):
        with tf.GradientTape() as tape:
            tape.watch(images)
            score = tf.reshape(twin(images, training=False), [-1])[2]
        return tape.gradient(score, images)

    expected = by_tape(tf.constant(images)).numpy()
    assert np.abs(network.gradient(images, 2) - expected).max() < 1e-4 * np.abs(expected).max()
    if has_relu:
        assert network.gates(None, network.target(2), "guided")[0] > 0
    else:
        with pytest.raises(ValueError, match="no ReLU to rewrite"):
            network.gates(None, network.target(2), "guided")
    layer = network.spatial_layers[len(network.spatial_layers) // 2].path
    assert np.isfinite(compute(GradCAM(), network, images[0], target=2, layer=layer).array).all()
