"""The bundled ImageNet network: what it says of known pictures, how it is built and stored."""

import io

import numpy as np
import pytest
from PIL import Image

from cnnviz_widgets.core.image import InputImage
from cnnviz_widgets.networks import efficientnet_lite0, load, samples
from cnnviz_widgets.networks.stored_weights import DATA

# With the original float32 weights in PyTorch's order of operations.
KNOWN_PROBABILITIES = [
    ("chelsea", 285, 0.385),
    ("chelsea", 282, 0.332),
    ("chelsea", 281, 0.163),
    ("coffee", 967, 0.940),
    ("grace_hopper", 652, 0.395),
    ("china", 698, 0.301),
    ("flower", 985, 0.228),
]


@pytest.fixture(scope="module")
def network():
    return load("efficientnet_lite0")


@pytest.fixture(scope="module")
def probabilities(network):
    return {image.name: network.probabilities(image) for image in samples(network.name)}


@pytest.mark.parametrize(("image", "index", "known"), KNOWN_PROBABILITIES)
def test_a_known_picture_has_its_known_probability(probabilities, image, index, known):
    assert probabilities[image][index] == pytest.approx(known, abs=2e-3)


@pytest.mark.parametrize(
    ("image", "name"),
    [("chelsea", "Egyptian cat"), ("coffee", "espresso"), ("grace_hopper", "military uniform")],
)
def test_the_top_class_has_its_human_name(network, probabilities, image, name):
    assert network.class_names[probabilities[image].argmax()] == name


def test_a_wider_photograph_is_seen_by_its_centre_square(network, probabilities):
    (cat,) = (image for image in samples(network.name) if image.name == "chelsea")
    wide = Image.new("RGB", (cat.width + 60, cat.height))  # black bars, which the crop takes off
    wide.paste(Image.fromarray(cat.rgb()), (30, 0))
    file = io.BytesIO()
    wide.save(file, "PNG")
    seen = network.fit(InputImage.open(file))
    np.testing.assert_allclose(network.probabilities(seen), probabilities["chelsea"], atol=1e-5)


def test_it_has_four_point_seven_million_parameters(network):
    assert network.model.count_params() == 4_694_024


def test_its_layers_are_named_after_what_they_do(network):
    names = [layer.name for layer in network.model.layers]
    for name in (
        "input_scaling",
        "stem_conv",
        "block0_depthwise_conv",
        "block1_expand_bn",
        "block2_add",
        "block15_project_bn",
        "head_activation",
        "pooling",
        "logits",
        "probabilities",
    ):
        assert name in names
    assert not [name for name in names if name.startswith(("conv2d", "batch_norm", "re_lu"))]


def test_its_stages_are_those_of_the_paper(network):
    shapes = {layer.name: layer.output.shape[1:] for layer in network.model.layers}
    last_of_stage = {0: 16, 2: 24, 4: 40, 7: 80, 10: 112, 14: 192, 15: 320}
    sides = {0: 112, 2: 56, 4: 28, 7: 14, 10: 14, 14: 7, 15: 7}
    for block, channels in last_of_stage.items():
        side = sides[block]
        assert shapes[f"block{block}_project_bn"] == (side, side, channels)
    skipped = {int(name[5:-4]) for name in shapes if name.endswith("_add")}
    assert skipped == {2, 4, 6, 7, 9, 10, 12, 13, 14}


def test_it_is_a_plain_functional_model_of_relu6_without_biases_before_normalisation(network):
    layers = {layer.name: layer for layer in network.model.layers}
    assert {type(layer).__module__.split(".")[0] for layer in layers.values()} == {"keras"}
    for name, layer in layers.items():
        if name.endswith("_conv"):
            assert not layer.use_bias, name
            assert layer.padding == "same" or layer.kernel_size == (1, 1), name
        if name.endswith("_bn"):
            assert layer.epsilon == 1e-3, name
        if name.endswith("_activation"):
            assert layer.max_value == 6, name


def test_it_scales_pixels_inside(network):
    scaling = network.model.get_layer("input_scaling")
    pixels = np.array([0.0, 127.0, 255.0], np.float32)
    np.testing.assert_allclose(np.asarray(scaling(pixels)), [-127 / 128, 0, 1], atol=1e-6)


def test_large_weights_are_stored_in_half_precision_and_loaded_in_single(network):
    with np.load(DATA / "efficientnet_lite0.npz") as stored:
        assert stored["head_conv/kernel"].dtype == np.float16
        halves = sum(a.size for a in stored.values() if a.dtype == np.float16)
        numbers = sum(a.size for a in stored.values())
    assert halves > 0.97 * numbers
    assert {str(variable.dtype) for variable in network.model.weights} == {"float32"}


def test_every_opening_is_a_model_of_its_own():
    first, second = efficientnet_lite0.architecture(), efficientnet_lite0.architecture()
    assert first.get_layer("stem_conv").kernel is not second.get_layer("stem_conv").kernel
