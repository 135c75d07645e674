"""The layer that is taken when none is named: the last grid on the way from the image to the score."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import layers, ops
from kinds import KINDS

from cnnviz_widgets.core.target import Target
from cnnviz_widgets.methods import all_methods
from cnnviz_widgets.methods.cam import CAM
from cnnviz_widgets.methods.eigen_cam import EigenCAM
from cnnviz_widgets.methods.grad_cam import GradCAM
from cnnviz_widgets.network import Network
from cnnviz_widgets.request import compute

SIDE = 16
CAMS = [method for method in all_methods() if method.family == "class activation map" and "layer" in method.uses]
PICTURE = np.random.default_rng(0).uniform(0, 1, (SIDE, SIDE, 3)).astype(np.float32)


def network_of(outputs, **options):
    """A Network of `outputs(values)` behind a convolution "conv"."""
    keras.utils.set_random_seed(1)
    image = keras.Input((SIDE, SIDE, 3))
    values = layers.Conv2D(8, 3, padding="same", activation="relu", name="conv")(image)
    return Network(keras.Model(image, outputs(values)), value_range=(0, 1), **options)


def answer(values):
    return layers.Dense(3, activation="softmax", name="answer")(layers.GlobalAveragePooling2D()(values))


@pytest.mark.parametrize(
    ("name", "layer"),
    [
        ("siamese", "encoder@2"),
        ("mirrored_too", "both@2"),
        ("classifier_with_a_decoder", "conv2"),
        ("scores_by_a_convolution", "conv2"),
        ("residual_of_layers", "sum"),
        ("residual_of_operations", "relu after branch"),
        ("convolution_as_head", "conv2"),
    ],
)
def test_it_is_the_last_grid_on_the_way_to_the_score(name, layer, opened):
    assert GradCAM.default_layer(opened(name)[1]) == layer


@pytest.mark.parametrize("method", CAMS)
@pytest.mark.parametrize("name", ["siamese", "classifier_with_a_decoder", "scores_by_a_convolution"])
def test_every_class_activation_map_opens_with_a_layer_that_it_can_use(method, name, opened, image):
    kind, network = opened(name)
    result = compute(method.suited_to(12), network, image(kind), target=0 if "target" in method.uses else None)
    assert min(result.array.shape[:2]) > 1


def test_the_map_of_a_siamese_network_changes_with_the_image_that_is_explained(opened, image):
    kind, network = opened("siamese")
    picture = image(kind)
    other = picture.array[::-1, ::-1].copy()
    one, two = (compute(EigenCAM(), network, each).array for each in (picture, other))
    assert not np.allclose(one, two)


def test_the_score_itself_is_not_the_layer():
    network = network_of(lambda values: layers.Conv2D(3, 1, name="pixels")(values))
    assert GradCAM.default_layer(network) == "conv"
    assert GradCAM.default_layer(network, Target(1)) == "conv"


def test_the_layer_follows_the_output_that_is_explained():
    def outputs(values):
        return {"answer": answer(values), "mask": layers.Conv2D(1, 1, name="mask")(layers.ReLU(name="deep")(values))}

    assert GradCAM.default_layer(network_of(outputs, output="answer")) == "conv"
    assert GradCAM.default_layer(network_of(outputs, output="mask")) == "deep"


@pytest.mark.parametrize("flip", [lambda x: ops.flip(x, 1), lambda x: ops.flip(x, 2), lambda x: x[:, :, ::-1]])
def test_a_layer_that_sees_the_image_mirrored_is_told_from_one_that_sees_it_upright(flip):
    network = network_of(lambda values: answer(layers.ReLU(name="turned")(flip(values))))
    assert network.layer("turned").mirrored
    assert not network.layer("conv").mirrored
    assert GradCAM.default_layer(network) == "conv"


def test_mirrored_twice_is_upright():
    network = network_of(lambda values: answer(layers.ReLU(name="back")(ops.flip(ops.flip(values, 2), 2))))
    assert GradCAM.default_layer(network) == "back"


def test_a_turn_by_a_quarter_is_not_upright():
    network = network_of(lambda values: answer(layers.ReLU(name="turned")(ops.transpose(values, (0, 2, 1, 3)))))
    assert GradCAM.default_layer(network) == "conv"


def test_a_layer_that_two_images_reach_comes_after_one_of_the_image_alone():
    left, right = keras.Input((SIDE, SIDE, 3), name="left"), keras.Input((SIDE, SIDE, 3), name="right")
    of_left = layers.Conv2D(4, 3, name="of_left")(left)
    joined = layers.Concatenate(name="joined")([of_left, layers.Conv2D(4, 3, name="of_right")(right)])
    model = keras.Model([left, right], answer(layers.ReLU(name="both")(joined)))
    network = Network(model, value_range=(0, 1), image_input="left", other_inputs={"right": PICTURE})
    assert network.layer("both").shared
    assert GradCAM.default_layer(network) == "of_left"


def test_maps_between_layers_can_be_named_and_give_the_tape_s_gradient():
    branch, scores = layers.Conv2D(8, 3, padding="same", name="branch"), layers.Dense(3, name="scores")

    def behind(values):
        return scores(layers.GlobalMaxPooling2D()(values))

    network = network_of(lambda values: behind(ops.relu(values + branch(values))))
    values, gradient = network.layer_gradient(PICTURE, 1, "relu after branch")
    before = tf.constant(network.activations(PICTURE, "conv")[np.newaxis])
    with tf.GradientTape() as tape:
        maps = tf.nn.relu(before + branch(before))
        tape.watch(maps)
        score = behind(maps)[0, 1]
    np.testing.assert_allclose(values, maps[0], rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(gradient, tape.gradient(score, maps)[0], rtol=1e-5, atol=1e-6)


def test_grad_cam_of_a_residual_block_of_operations_is_its_cam():
    branch = layers.Conv2D(8, 3, padding="same", name="branch")
    network = network_of(lambda values: answer(ops.relu(values + branch(values))))
    ours, cam = (compute(method, network, PICTURE, target=1).array for method in (GradCAM(final_relu=False), CAM()))
    np.testing.assert_allclose(ours * SIDE * SIDE, cam, rtol=1e-3, atol=1e-5)


def test_tokens_and_heads_that_change_places_turn_no_image():
    network = Network(KINDS["coatnet_blocks"].build(), value_range=(0, 1))
    assert [info.path for info in (*network.spatial_layers, *network.attentions) if info.mirrored] == []


def test_a_normalisation_of_channels_has_no_maps_inside():
    """Its means are over the channels: what they are taken of is no map that someone put there."""
    network = Network(KINDS["coatnet_blocks"].build(), value_range=(0, 1))
    assert [info.path for info in network.spatial_layers if info.layer is None] == []
    assert GradCAM.default_layer(network, Target(0)) == "block2"


def test_maps_between_layers_are_no_layers():
    network = network_of(lambda values: answer(ops.relu(values + 1)))
    assert [info.path for info in network.spatial_layers] == ["conv", "relu after conv"]
    assert "relu after conv" not in {info.path for info in network.layers}


def test_without_a_grid_on_the_way_a_sentence_names_what_would_do():
    image = keras.Input((SIDE, SIDE, 3))
    flat = layers.Dense(3, name="answer")(layers.Flatten()(image))
    aside = layers.Conv2D(2, 1, name="aside")(image)
    network = Network(keras.Model(image, [flat, aside]), value_range=(0, 1), output="answer")
    with pytest.raises(ValueError, match=r"on the way from the image to the score.*gradient or occlusion.*Received"):
        compute(GradCAM(), network, PICTURE, target=0)


TOKENS = ["vision_transformer_with_a_class_token", "vision_transformer_with_registers_at_both_ends"]


@pytest.mark.parametrize("name", TOKENS)
def test_of_tokens_it_is_the_last_grid_that_moves_the_score(name, opened, image):
    kind, network = opened(name)
    path = GradCAM.default_layer(network)
    assert np.any(network.layer_gradient(image(kind), 0, path)[1])
    behind = network.spatial_layers[[info.path for info in network.spatial_layers].index(path) + 1 :]
    for info in behind:
        if network.engine.reaches(info.path, Target(0).objective):
            assert not np.any(network.layer_gradient(image(kind), 0, info.path)[1])
