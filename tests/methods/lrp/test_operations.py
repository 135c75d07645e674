"""Single operations: what scale and shift they are, and that they run again on other numbers as they ran before."""

import numpy as np
import pytest
import tensorflow as tf

from cnnviz_widgets.engine.op_kinds import AFFINE
from cnnviz_widgets.methods.lrp.operations import again, passes, scaled_and_shifted

VALUES = np.random.default_rng(0).normal(size=(2, 3, 3, 4)).astype(np.float32)
CONSTANT = tf.constant([1.0, -2, 3, 0.5])


def normalised(kind):
    given = {"scale": CONSTANT, "offset": CONSTANT + 1, "mean": CONSTANT - 2, "variance": CONSTANT**2}
    return lambda values: getattr(tf.raw_ops, kind)(x=values, is_training=False, epsilon=0.1, **given).y


SCALINGS = {
    "Mul": lambda values: tf.raw_ops.Mul(x=CONSTANT, y=values),
    "RealDiv": lambda values: values / CONSTANT,
    "Div": lambda values: tf.raw_ops.Div(x=values, y=CONSTANT),
    "Add": lambda values: tf.raw_ops.Add(x=values, y=CONSTANT),
    "AddV2": lambda values: values + CONSTANT,
    "BiasAdd": lambda values: tf.nn.bias_add(values, CONSTANT),
    "Sub": lambda values: values - CONSTANT,
    "Sub from": lambda values: CONSTANT - values,
    "Neg": lambda values: -values,
    "FusedBatchNorm": normalised("FusedBatchNorm"),
    "FusedBatchNormV2": normalised("FusedBatchNormV2"),
    "FusedBatchNormV3": normalised("FusedBatchNormV3"),
}


def test_there_is_a_case_for_every_kind_of_scale_and_shift():
    assert set(SCALINGS) - {"Sub from"} == AFFINE


def in_a_graph(compute, *inputs):
    """The numbers that `compute` gives inside a `tf.function`, where operations have what we look at."""
    return [np.asarray(one) for one in tf.function(compute, autograph=False)(*map(tf.constant, inputs))]


@pytest.mark.parametrize("name", SCALINGS)
def test_a_scale_and_shift_is_followed_by_what_the_operation_does(name):
    def compute(values):
        result = SCALINGS[name](values)
        assert result.op.type == name.removesuffix(" from")
        (way,) = [place for place, tensor in enumerate(result.op.inputs) if tensor is values]
        scale, shift = scaled_and_shifted(result.op, way, 3.0, CONSTANT * 2)
        return SCALINGS[name](3 * values + CONSTANT * 2), scale * values + shift

    expected, found = in_a_graph(compute, VALUES)
    assert found == pytest.approx(expected, abs=1e-5)


@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float32", "float64"])
def test_an_operation_runs_again_in_at_least_32_bits(dtype):
    def compute(values):
        narrow = tf.cast(values, dtype)
        joined = tf.concat([narrow, narrow], axis=-1)
        (result,) = again(joined.op, {1: tf.cast(values + 1, "float64" if dtype == "float64" else "float32")})
        assert result.dtype == (tf.float64 if dtype == "float64" else tf.float32)
        return tf.cast(narrow, result.dtype), result

    narrow, result = in_a_graph(compute, VALUES)
    assert np.array_equal(result, np.concatenate([narrow, VALUES + 1], axis=-1))


@pytest.mark.parametrize(
    ("function", "expected"),
    [
        (tf.nn.relu6, True),
        (tf.tanh, True),
        (lambda values: tf.minimum(values, 8.0), True),
        (lambda values: tf.minimum(values, -1.0), False),
        (lambda values: tf.maximum(values, -1.0), True),
        (lambda values: tf.maximum(values, 1.0), False),
        (lambda values: tf.maximum(values, values * 2), False),
        (lambda values: tf.cast(values, tf.float64), True),
        (lambda values: tf.cast(values, tf.int32), False),
        (tf.sigmoid, False),
        (tf.abs, False),
    ],
)
def test_relevance_passes_what_keeps_the_sign(function, expected):
    def compute(values):
        assert passes(function(values).op) == expected
        return [values]

    in_a_graph(compute, VALUES)
