"""Receptive fields, against what cells turn out to depend on when pixels change, and against formulas."""

import importlib
from functools import cache

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import layers, ops
from kinds import each_kind, on_any_processor

from cnnviz_widgets.anatomy.receptive_field.receptive_field import receptive_fields
from cnnviz_widgets.network import Network

# ---- The other route: light one pixel after the other, and look which cells notice


def positive(model):
    """The model with positive weights, so that a lit pixel can only add to what a cell holds."""
    random = np.random.default_rng(0)
    for weight in model.weights:
        zero = weight.name in ("bias", "beta", "moving_mean", "mean")
        weight.assign(np.zeros(weight.shape) if zero else random.uniform(0.5, 1, weight.shape))
    return model


# A processor may compute several cells of a convolution at once, and round each by what is in the others: by how many
# times the smallest step of a map's largest number a cell may differ that sees nothing of what has changed.
ROUNDING = 8


def seen_by(grids, more_than=0.0):
    """(rows, columns, height, width): whether a cell notices that a pixel of a black image is lit.

    `grids` are what the layer made of the black image, and of those in which the pixels are lit one after the other.
    """
    dark, lit = grids[:1], grids[1:]
    return np.moveaxis((np.abs(lit - dark) > more_than).any(axis=-1), 0, -1)


def black_and_lit(height, width, channels):
    """(1 + height * width, height, width, channels): a black image, then each pixel lit in one."""
    images = np.zeros((1 + height * width, height * width), np.float32)
    images[1:] = np.eye(height * width)
    return np.repeat(images.reshape(-1, height, width, 1), channels, axis=-1)


def around(noticed):
    """(top, left, bottom, right) of the smallest box around the True pixels; None where there are none."""
    rows, columns = np.flatnonzero(noticed.any(axis=1)), np.flatnonzero(noticed.any(axis=0))
    if not len(rows):
        return None
    return rows[0], columns[0], rows[-1] + 1, columns[-1] + 1


def boxes_seen(grids, image_size, more_than=0.0):
    """{(row, column): the box that the cell sees}, from what `seen_by` takes."""
    noticed = seen_by(np.asarray(grids), more_than)
    return {cell: around(noticed[cell].reshape(image_size)) for cell in np.ndindex(noticed.shape[:2])}


def assert_exact(network):
    """Every layer of a functional network has the field that the pixels show, cell by cell."""
    fields, size = receptive_fields(network), network.input_shape[:2]
    outputs = {layer.name: layer.output for layer in network.model.layers[1:]}
    by_keras = on_any_processor(keras.Model(network.model.inputs[0], outputs))
    for path, grids in by_keras(black_and_lit(*network.input_shape)).items():
        expected = boxes_seen(grids, size)
        assert fields[path] is not None, path
        assert {cell: fields[path].box(*cell, *size) for cell in expected} == expected, path


def network_of(*stack, shape=(17, 14, 2)):
    image = keras.Input(shape)
    values = image
    for layer in stack:
        values = layer(values)
    return Network(positive(keras.Model(image, values)), value_range=(0, 1))


def skip(values):
    """Two ways of different reach, one of them around, joined."""
    side = layers.Conv2D(2, (3, 5), padding="same")(layers.Conv2D(2, 3, padding="same")(values))
    return layers.Concatenate()(
        [layers.Conv2D(2, 1)(values), layers.Add()([side, layers.Conv2D(2, 3, padding="same")(side)])]
    )


def parallel_strides(values):
    """Two ways to a coarser grid, padded differently."""
    even = layers.Conv2D(2, 2, strides=2, padding="same")(values)
    return layers.Add()([even, layers.MaxPooling2D(5, 2, padding="same")(layers.Conv2D(2, 1)(values))])


LAYERS = {
    "convolution, same": lambda: layers.Conv2D(2, 4, padding="same"),
    "convolution, strided": lambda: layers.Conv2D(2, (3, 2), strides=2),
    "convolution, strided, same": lambda: layers.Conv2D(2, 3, strides=2, padding="same"),
    "convolution, stride 3, same": lambda: layers.Conv2D(2, 5, strides=3, padding="same"),
    "convolution, dilated": lambda: layers.Conv2D(2, 2, dilation_rate=(2, 3)),
    "convolution, dilated, same": lambda: layers.Conv2D(2, 3, dilation_rate=2, padding="same"),
    "convolution, in groups": lambda: layers.Conv2D(2, 3, groups=2, padding="same"),
    "depthwise": lambda: layers.DepthwiseConv2D(3, strides=2, padding="same"),
    "depthwise, dilated, same": lambda: layers.DepthwiseConv2D(3, dilation_rate=2, padding="same"),
    "separable": lambda: layers.SeparableConv2D(2, 3, padding="same"),
    "transposed": lambda: layers.Conv2DTranspose(2, 3, strides=2),
    "transposed, same": lambda: layers.Conv2DTranspose(2, 4, strides=2, padding="same"),
    "transposed, stride 3 over kernel 2": lambda: layers.Conv2DTranspose(2, 2, strides=3, padding="same"),
    "transposed, stride 1": lambda: layers.Conv2DTranspose(2, 3, padding="same"),
    "transposed, dilated": lambda: layers.Conv2DTranspose(2, 3, dilation_rate=2),
    "max pooling": lambda: layers.MaxPooling2D(3, 2),
    "average pooling, same": lambda: layers.AveragePooling2D(3, 2, padding="same"),
    "zero padding": lambda: layers.ZeroPadding2D(((2, 0), (1, 3))),
    "cropping": lambda: layers.Cropping2D(((1, 0), (0, 2))),
    "enlarged, nearest": lambda: layers.UpSampling2D((2, 3)),
    "enlarged, bilinear": lambda: layers.UpSampling2D(2, interpolation="bilinear"),
    "resized, bilinear": lambda: layers.Resizing(13, 11),
    "resized, nearest": lambda: layers.Resizing(9, 16, interpolation="nearest"),
    "dense at each place": lambda: layers.Dense(2),
    "turned over": lambda: layers.Lambda(lambda values: ops.flip(values, axis=1)),
    "every second": lambda: layers.Lambda(lambda values: values[:, 1::2]),
    "mean of neighbours by reshape": lambda: layers.Lambda(
        lambda values: tf.reduce_mean(tf.reshape(values[:, :, :12], (-1, values.shape[1], 4, 3, 2)), axis=3)
    ),
    "halves put together": lambda: layers.Lambda(
        lambda values: ops.concatenate([values[:, 4:], values[:, :4]], axis=1)
    ),
    "space to depth": lambda: layers.Lambda(lambda values: tf.nn.space_to_depth(values[:, :6, :8], 2)),
    "padded with a mirror": lambda: layers.Lambda(
        lambda values: tf.pad(values, [(0, 0), (1, 2), (2, 1), (0, 0)], "REFLECT")
    ),
    "skip": lambda: skip,
    "parallel strides": lambda: parallel_strides,
    "batch normalisation": lambda: layers.BatchNormalization(),
    "activation": lambda: layers.Activation("silu"),
}
# Cells of these are not a window that moves in even steps; the rest of the network cannot be told after them.
NO_WINDOW = ("turned over", "halves put together", "padded with a mirror", "resized, nearest", "resized, bilinear")
WINDOWS = [name for name in LAYERS if name not in NO_WINDOW]


@pytest.mark.parametrize("name", WINDOWS)
def test_each_kind_of_layer_has_the_field_that_pixels_show(name):
    assert_exact(network_of(LAYERS[name](), layers.Conv2D(2, 3, strides=2, padding="same")))


@pytest.mark.parametrize("seed", range(8))
def test_layers_in_any_order_have_the_fields_that_pixels_show(seed):
    random = np.random.default_rng(seed)
    known = [name for name in WINDOWS if name not in ("mean of neighbours by reshape", "space to depth")]
    assert_exact(network_of(*(LAYERS[name]() for name in random.choice(known, size=4)), shape=(19, 16, 2)))


@pytest.mark.parametrize("name", NO_WINDOW)
def test_a_grid_whose_cells_were_put_elsewhere_is_exact_or_not_told(name):
    network = network_of(LAYERS[name](), layers.Conv2D(2, 3, padding="same"))
    path = network.layers[-1].path
    field, grids = receptive_fields(network)[path], network.model(black_and_lit(*network.input_shape))
    expected = boxes_seen(grids, network.input_shape[:2])
    assert field is None or {cell: field.box(*cell, *network.input_shape[:2]) for cell in expected} == expected
    assert (field is not None) == name.startswith(("resized", "turned"))


VARIED = (
    *("nested_twice", "subclassed_block", "shared_layer", "skip_and_concat", "mixed_float16", "lambda_layer", "gelu"),
    *("with_a_preprocess_function", "block_that_is_a_tf_function", "batch_norm_dropout_augmentation", "not_square"),
)


@pytest.fixture(scope="module")
def seen_and_told(opened):
    """`seen_and_told(kind)`: [(the box that a cell of the last map sees, the box of its field)]."""

    def pairs(name):
        kind, network = opened(name)
        path, size = network.spatial_layers[-1].path, kind.shape[:2]
        grids = network.activations(black_and_lit(*kind.shape), path)
        step = np.finfo(np.float16 if name == "mixed_float16" else np.float32).eps
        seen = boxes_seen(grids, size, ROUNDING * step * np.abs(grids).max())
        field = receptive_fields(network)[path]
        return [(box, field.box(*cell, *size)) for cell, box in seen.items() if box is not None]

    return cache(pairs)


@pytest.mark.parametrize("name", VARIED)
def test_no_cell_notices_a_pixel_outside_its_field(name, seen_and_told):
    assert seen_and_told(name)
    for seen, told in seen_and_told(name):
        assert told[0] <= seen[0], (told, seen)
        assert told[1] <= seen[1], (told, seen)
        assert told[2] >= seen[2], (told, seen)
        assert told[3] >= seen[3], (told, seen)


@pytest.mark.parametrize("name", VARIED)
def test_a_field_of_a_pixel_less_on_any_side_would_be_noticed(name, seen_and_told):
    """So the rounding that is allowed hides no error."""
    seen, told = map(np.array, zip(*seen_and_told(name), strict=True))
    smaller = told + np.array([1, 1, -1, -1])
    assert (seen[:, :2] < smaller[:, :2]).any(axis=0).all()
    assert (seen[:, 2:] > smaller[:, 2:]).any(axis=0).all()


# ---- Numbers that one can work out on paper


def test_two_convolutions_and_a_pooling():
    network = network_of(layers.Conv2D(2, 3), layers.MaxPooling2D(2), layers.Conv2D(2, 3, padding="same"))
    convolution, pooling, last = (receptive_fields(network)[info.path] for info in network.layers)
    assert (convolution.size, convolution.stride, convolution.start) == ((3, 3), (1, 1), (0, 0))
    assert (pooling.size, pooling.stride, pooling.start) == ((4, 4), (2, 2), (0, 0))
    # Three cells, 2 px apart, 4 px each: 8 px. The first of them is padding, so that it begins 2 px before the image.
    assert (last.size, last.stride, last.start) == ((8, 8), (2, 2), (-2, -2))
    assert last.box(0, 1, 17, 14) == (0, 0, 6, 8)


def test_vgg16_sees_212_pixels():
    stack = []
    for convolutions in (2, 2, 3, 3, 3):
        stack += [*(layers.Conv2D(1, 3, padding="same") for _ in range(convolutions)), layers.MaxPooling2D(2)]
    network = network_of(*stack, shape=(224, 224, 3))
    field = receptive_fields(network)[network.layers[-1].path]
    # Each convolution adds 2, each pooling 1, times the stride so far.
    added = sum((2 * convolutions + 1) * 2**stage for stage, convolutions in enumerate((2, 2, 3, 3, 3)))
    assert field.size == (1 + added, 1 + added) == (212, 212)
    assert field.stride == (32, 32)


def test_an_enlarged_grid_moves_by_a_part_of_a_pixel():
    network = network_of(layers.Conv2D(2, 3), layers.UpSampling2D((2, 4)))
    field = receptive_fields(network)[network.layers[-1].path]
    assert (field.size, field.stride) == ((3, 3), (0.5, 0.25))
    assert field.box(5, 5, 17, 14) == (2, 1, 5, 4)


@pytest.mark.parametrize("side", [16, 17])
def test_the_padding_of_a_strided_convolution_depends_on_the_size(side):
    network = network_of(layers.Conv2D(2, 3, strides=2, padding="same"), shape=(side, side, 1))
    field = receptive_fields(network)[network.layers[-1].path]
    assert field.start == ((0, 0) if side == 16 else (-1, -1))


def test_cells_of_padding_see_nothing():
    network = network_of(layers.ZeroPadding2D(1))
    field = receptive_fields(network)[network.layers[-1].path]
    assert field.box(0, 5, 17, 14) is None
    assert field.box(1, 1, 17, 14) == (0, 0, 1, 1)


# ---- Everything, and nothing known


def squeeze_and_excite(values):
    gate = layers.Dense(2, activation="sigmoid")(layers.GlobalAveragePooling2D(keepdims=True)(values))
    return layers.Multiply()([values, gate])


def attention(values):
    tokens = layers.Reshape((-1, 2))(values)
    return layers.Reshape(values.shape[1:])(layers.MultiHeadAttention(1, 2)(tokens, tokens))


def normalised_over_places(values):
    return layers.GroupNormalization(1)(values)


@pytest.mark.parametrize("globally", [squeeze_and_excite, attention, normalised_over_places])
def test_what_looks_everywhere_sees_the_whole_image(globally):
    network = network_of(layers.Conv2D(2, 3), globally, layers.Conv2D(2, 3))
    field = receptive_fields(network)[network.layers[-1].path]
    assert (field.size, field.stride) == ((None, None), (None, None))
    assert field.box(3, 4, 17, 14) == (0, 0, 17, 14)


def test_a_dense_layer_after_a_flatten_sees_what_the_grid_saw():
    network = network_of(layers.Conv2D(2, 3, strides=2), layers.Flatten(), layers.Dense(3))
    field = receptive_fields(network)[network.layers[-1].path]
    assert field.size == (None, None)
    assert field.box(0, 0, 17, 14) == (0, 0, 17, 13)  # a stride of 2 leaves the last column out


def test_a_mean_over_columns_leaves_the_rows_a_window():
    network = network_of(layers.Conv2D(2, 3), layers.Lambda(lambda values: ops.mean(values, axis=2, keepdims=True)))
    field = receptive_fields(network)[network.layers[-1].path]
    assert (field.size, field.stride, field.start) == ((3, None), (1, None), (0, 0))
    assert field.box(4, 0, 17, 14) == (4, 0, 7, 14)


def test_after_an_operation_that_we_do_not_know_nothing_is_told():
    sort = layers.Lambda(lambda values: tf.sort(values, axis=1), name="sort")
    network = network_of(layers.Conv2D(2, 3, name="before"), sort, layers.Conv2D(2, 3, name="after"))
    fields = receptive_fields(network)
    assert fields["before"].size == (3, 3)
    assert fields["sort"] is None
    assert fields["after"] is None


def test_ways_of_different_stride_have_no_window_in_common():
    def uneven(values):
        first = layers.Conv2D(2, 3, strides=2, padding="same")(values)
        return layers.Add(name="add")([first, layers.Cropping2D(((0, 8), (0, 7)))(values)])

    assert receptive_fields(network_of(uneven))["add"] is None


# ---- Images of any size


def any_size(*stack):
    return network_of(*stack, shape=(None, None, 2))


def test_of_a_network_for_any_size_is_told_what_holds_at_every_size():
    network = any_size(layers.Conv2D(2, 3, strides=2, padding="same"), layers.Conv2D(2, 3))
    field = receptive_fields(network)[network.layers[-1].path]
    assert (field.size, field.stride, field.start) == ((7, 7), (2, 2), (None, None))


@pytest.mark.parametrize("size", [(16, 13), (9, 12)])
def test_the_box_is_worked_out_for_the_size_of_the_image(size):
    network = any_size(layers.Conv2D(2, 3, strides=2, padding="same"), layers.Conv2D(2, 3))
    field = receptive_fields(network)[network.layers[-1].path]
    expected = boxes_seen(network.model(black_and_lit(*size, 2)), size)
    assert {cell: field.box(*cell, *size) for cell in expected} == expected


# ---- Refusals


def test_a_cell_that_is_not_there_is_refused():
    field = receptive_fields(network_of(layers.Conv2D(2, 3, name="conv")))["conv"]
    for cell in ((15, 0), (0, 12), (-1, 0)):
        with pytest.raises(IndexError, match=r"\(15, 12\) \(rows, columns\) of cells. Received: \(" + str(cell[0])):
            field.box(*cell, 17, 14)


def test_an_image_of_another_size_is_refused():
    network = network_of(layers.Conv2D(2, 3, name="conv"))
    with pytest.raises(ValueError, match=r"must be those of the network's images, \(17, 14\). Received: \(20, 14\)"):
        receptive_fields(network)["conv"].box(0, 0, 20, 14)
    with pytest.raises(ValueError, match=r"one that the network takes, \(17, 14\). Received: \(20, 14\)"):
        receptive_fields(network, (20, 14))


@each_kind()
def test_every_kind_of_model_tells_the_fields_of_its_layers(name, opened):
    kind, network = opened(name)
    fields = receptive_fields(network)
    between = [tap.path for tap in network.engine.traced.all_taps if tap.layer is None]
    assert [path for path in fields if path not in between] == [info.path for info in network.layers]
    assert set(between) <= set(fields)
    # Behind the products of attention they are not known, and said to be so.
    if not any("Attention" in info.kind for info in network.layers):
        assert [path for path, field in fields.items() if field is None] == list(kind.aside)


def test_a_layer_that_runs_on_the_lower_half_of_the_image_sees_the_lower_half(opened):
    fields = receptive_fields(opened("time_distributed")[1])
    assert fields["td/inner"].box(3, 9, 12, 12) == (3, 9, 6, 12)
    assert fields["td/inner@2"].box(3, 9, 12, 12) == (9, 9, 12, 12)


# ---- The bundled networks


@pytest.mark.parametrize(
    ("name", "path", "cell"),
    [
        ("digits", "conv3", (4, 7)),
        ("digits", "pool2", (0, 4)),
        ("efficientnet_lite0", "block2_add", (20, 31)),
        ("efficientnet_lite0", "block3_project_bn", (3, 0)),
    ],
)
def test_a_unit_of_a_bundled_network_follows_the_edge_of_its_field_and_nothing_outside(name, path, cell):
    network = bundled(name)
    height, width, _ = network.input_shape
    top, left, bottom, right = receptive_fields(network)[path].box(*cell, height, width)
    random = np.random.default_rng(0)
    image, other = random.uniform(0, 255, (2, *network.input_shape)).astype(np.float32)
    elsewhere = other.copy()
    elsewhere[top:bottom, left:right] = image[top:bottom, left:right]
    variants = [image, elsewhere]
    for edge in (
        np.s_[top, left:right],
        np.s_[bottom - 1, left:right],
        np.s_[top:bottom, left],
        np.s_[top:bottom, right - 1],
    ):
        variants.append(image.copy())
        variants[-1][edge] = other[edge]
    same, outside, *edges = network.activations(np.stack(variants), path)[:, *cell]
    rounding = 1e-5 * np.abs(same).max()
    assert np.abs(outside - same).max() < rounding
    assert min(np.abs(edge - same).max() for edge in edges) > 10 * rounding


@cache
def bundled(name):
    return Network(importlib.import_module(f"cnnviz_widgets.networks.{name}").build())
