"""The table of operations: it has a row for what models contain, and its rows agree with TensorFlow and each other."""

import re
import sys
from collections import Counter, defaultdict
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
from kinds import KINDS
from tensorflow.python.framework import op_def_registry

from cnnviz_widgets.engine import op_kinds
from cnnviz_widgets.engine.op_kinds import OP_KINDS, ROWS


@pytest.mark.parametrize("name", KINDS)
def test_every_operation_of_every_kind_of_model_has_a_row(name, opened):
    definition = opened(name)[1].engine.traced.graph.definition
    assert {node.op for node in definition.node} <= set(OP_KINDS)


def test_no_kind_has_two_rows():
    assert [name for name, count in Counter(row.name for row in ROWS).items() if count > 1] == []


def defined(name):
    """TensorFlow's definition of a kind of operation, None where it has none of that name."""
    return op_def_registry.get(name)


def test_tensorflow_knows_every_kind():
    assert [name for name in OP_KINDS if defined(name) is None] == []


def test_versions_of_one_kind_have_the_same_facts():
    versions = defaultdict(list)
    for row in ROWS:
        versions[re.sub(r"V\d$", "", row.name)].append(row)
    several = [rows for rows in versions.values() if len(rows) > 1]
    assert len(several) >= 4
    for rows in several:
        assert len({str(asdict(row) | {"name": ""}) for row in rows}) == 1, rows


def test_what_can_have_its_channels_first_says_which_input_that_is():
    layouts = {
        name: attribute.allowed_values.list.s
        for name in OP_KINDS
        for attribute in defined(name).attr
        if attribute.name == "data_format"
    }
    assert {name for name, values in layouts.items() if b"NCHW" in values} == set(op_kinds.GRIDS)


def test_a_place_of_the_table_is_a_place_of_the_operation():
    for row in ROWS:
        takes = defined(row.name).input_arg
        if not any(argument.number_attr or argument.type_list_attr for argument in takes):
            places = [*row.linear, *(place for place in (row.weights, row.grid) if place is not None)]
            assert all(place < len(takes) for place in places), row


def test_calls_are_the_operations_that_run_a_function_once():
    with_functions = {name for name in OP_KINDS if any(one.type.endswith("func") for one in defined(name).attr)}
    assert with_functions == op_kinds.CALLS


FUNCTIONS = [row.name for row in ROWS if row.family == "activation"]
VALUES = np.linspace(-3, 9, 49, dtype=np.float32)  # zero is one of them


def of_values(name):
    """The output of an operation with one input for VALUES."""
    (argument,) = defined(name).input_arg
    return getattr(tf.raw_ops, name)(**{argument.name: VALUES}).numpy()


@pytest.mark.parametrize("name", FUNCTIONS)
def test_an_activation_keeps_the_sign_if_the_table_says_so(name):
    made = of_values(name)
    keeps = bool(((made == 0) | (np.sign(made) == np.sign(VALUES))).all() and made[VALUES == 0] == 0)
    assert keeps == OP_KINDS[name].keeps_sign


@pytest.mark.parametrize("name", sorted(op_kinds.IDENTITIES | op_kinds.RELUS | op_kinds.ROUNDINGS))
def test_what_needs_no_more_than_a_cell_works_cell_by_cell(name):
    assert OP_KINDS[name].cell_by_cell


def test_every_relu_passes_relevance():
    assert op_kinds.RELUS
    assert op_kinds.RELUS <= op_kinds.KEEPS_SIGN


def test_every_activation_is_a_gate():
    assert {row.name for row in ROWS if row.family == "activation"} <= set(op_kinds.GATES)


def test_a_scale_and_shift_is_linear():
    assert op_kinds.NORMALISATIONS <= op_kinds.AFFINE
    assert op_kinds.AFFINE - set(op_kinds.LINEAR) == set()


def test_what_sums_or_has_weights_is_linear():
    assert op_kinds.SUMS | set(op_kinds.WEIGHTS_AT) <= set(op_kinds.LINEAR)


def test_no_fact_of_the_table_is_left_unread():
    """The first thing to be forgotten in a table is a column."""
    source = Path(op_kinds.__file__).read_text()
    assert [fact for fact in set(asdict(ROWS[0])) - {"name", "family"} if f'_with("{fact}")' not in source] == []


SHAPE = (2, 4, 4, 4)
CHANNELS = tf.ones(4)


def fused(name):
    facts = {"scale": CHANNELS, "offset": CHANNELS, "mean": CHANNELS, "variance": CHANNELS, "is_training": False}
    return lambda values: getattr(tf.raw_ops, name)(x=values, **facts)[0]


LINEAR_ONES = {
    "Add": lambda values: tf.raw_ops.Add(x=values, y=1.0),
    "AvgPool": lambda values: tf.nn.avg_pool2d(values, 2, 2, "SAME"),
    "ConcatV2": lambda values: tf.concat([values, values], axis=1),
    "Conv2D": lambda values: tf.nn.conv2d(values, tf.ones((3, 3, 4, 2)), 1, "SAME"),
    "DepthwiseConv2dNative": lambda values: tf.nn.depthwise_conv2d(values, tf.ones((3, 3, 4, 1)), [1] * 4, "SAME"),
    "Einsum": lambda values: tf.einsum("nijk,kl->nijl", values, tf.ones((4, 3))),
    "FusedBatchNorm": fused("FusedBatchNorm"),
    "FusedBatchNormV3": fused("FusedBatchNormV3"),
    "GatherV2": lambda values: tf.gather(values, [0, 1], axis=1),
    "Mean": lambda values: tf.reduce_mean(values, axis=(1, 2)),
    "MirrorPad": lambda values: tf.pad(values, [[0, 0], [1, 1], [1, 1], [0, 0]], "REFLECT"),
    "PadV2": lambda values: tf.raw_ops.PadV2(
        input=values, paddings=[[0, 0], [1, 1], [1, 1], [0, 0]], constant_values=1.0
    ),
    "ResizeBilinear": lambda values: tf.image.resize(values, (8, 8)),
    "ResizeNearestNeighbor": lambda values: tf.image.resize(values, (8, 8), "nearest"),
    "StridedSlice": lambda values: values[:, 1:],
    "Tile": lambda values: tf.tile(values, [1, 2, 1, 1]),
}


def before(tensor):
    """The operations that a tensor is computed by."""
    found, waiting = set(), [tensor.op]
    while waiting:
        operation = waiting.pop()
        if operation not in found:
            found.add(operation)
            waiting += [taken.op for taken in operation.inputs]
    return found


@pytest.mark.parametrize("name", LINEAR_ONES)
def test_a_gradient_holds_on_to_the_input_of_a_linear_operation_if_the_table_says_so(name):
    assert name in op_kinds.LINEAR

    def gradient(images):
        values = tf.exp(images)
        made = LINEAR_ONES[name](values)
        assert made.op.type == name
        (found,) = tf.gradients(made, values)
        readers = {reader for reader in values.consumers() if reader.type not in op_kinds.SHAPE_ONLY}
        assert bool(readers & before(found) - {made.op}) == OP_KINDS[name].gradient_reads
        return found

    tf.function(gradient, autograph=False).get_concrete_function(tf.TensorSpec(SHAPE))


MOVED = {
    "Roll": lambda values: tf.roll(values, 1, axis=1),
    "Transpose": lambda values: tf.transpose(values, (0, 2, 1, 3)),
    "Pad": lambda values: tf.pad(values, [[0, 0], [1, 1], [1, 1], [0, 0]]),
    "GatherNd": lambda values: tf.gather_nd(values, [[1, 0], [0, 3]]),
    "DepthToSpace": lambda values: tf.nn.depth_to_space(values, 2),
    "Reshape": lambda values: tf.reshape(values, (2, -1)),
}


@pytest.mark.parametrize("name", MOVED)
def test_what_moves_numbers_makes_no_new_ones(name):
    assert name in op_kinds.MOVES
    given = np.random.default_rng(0).normal(size=SHAPE).astype(np.float32)
    assert np.isin(MOVED[name](given), [0, *given.flat]).all()


def test_the_table_needs_only_the_standard_library():
    imports = re.findall(r"^(?:import|from) (\w+)", Path(op_kinds.__file__).read_text(), re.MULTILINE)
    assert set(imports) <= sys.stdlib_module_names
