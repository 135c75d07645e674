"""Every kind of operation that is followed, in rectangles, against the operation on whole maps."""

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st

from cnnviz_widgets.engine.graph import ForwardGraph
from cnnviz_widgets.methods.occlusion.plan import Plan, changes, pastes
from cnnviz_widgets.methods.occlusion.rectangles import answers, clean_tensors
from cnnviz_widgets.methods.occlusion.steps import program

SHAPE = (11, 9, 2)
few = settings(max_examples=8, deadline=None)
paddings = st.sampled_from(["VALID", "SAME"])
small = st.integers(1, 3)


@st.composite
def covered_windows(draw, count=3):
    """Pairs of slices over the image, of several sizes and also at its borders."""
    pairs = []
    for _ in range(count):
        along = []
        for side in SHAPE[:2]:
            begin = draw(st.integers(0, side - 1))
            along.append(slice(begin, draw(st.integers(begin + 1, side))))
        pairs.append(tuple(along))
    return pairs


def noise(*shape, seed=0):
    return np.random.default_rng(seed).normal(size=shape).astype(np.float32)


class Followed:
    """A function of a batch of images as a graph, and the route that follows as much of it as it can."""

    def __init__(self, function, dtype=tf.float32):
        concrete = tf.function(function, autograph=False).get_concrete_function(tf.TensorSpec([None, *SHAPE], dtype))
        self.function, self.graph = concrete, ForwardGraph(concrete)
        self.program = program(self.graph, SHAPE[:2], (concrete.outputs[0].name,))
        self.frontiers = self.program.frontiers(self.graph)

    @property
    def kinds(self):
        """Of the operations that are followed, but for those that only hand on."""
        return [step.work.kind for step in self.program.steps if "Identity" not in step.work.kind]

    def spec(self, name):
        tensor = self.graph.tensor(name)
        return tf.TensorSpec([None, *tensor.shape[1:]], tensor.dtype)

    def check(self, windows, cut=None):
        """Compares rectangles, pasted into whole maps, with whole maps from the beginning."""
        cut = len(self.program.steps) if cut is None else cut
        frontier = self.frontiers[cut]
        image = noise(1, *SHAPE, seed=1)
        covered = np.repeat(image, len(windows), axis=0)
        for copy, window in zip(covered, windows, strict=True):
            copy[window] = 3
        route = Plan(cut, frontier, changes(self.program, windows), None, None)
        there = route.changed[self.program.image]
        parts = [
            copy[row : row + there.size[0], column : column + there.size[1]]
            for copy, (row, column) in zip(covered, there.first, strict=True)
        ]
        answer = answers(self.graph, self.program, cut, frontier, self.spec)
        names = clean_tensors(self.program, cut, frontier)
        ask = tf.function(lambda images: self.graph({self.graph.input: images}, names))
        given = tf.cast(image, self.graph.tensor(self.graph.input).dtype)
        where = pastes(self.program, route, np.arange(len(windows)))
        (found,) = answer(tf.cast(np.stack(parts), given.dtype), ask(given), where)
        expected = self.function(tf.cast(covered, given.dtype))
        expected = expected[0] if isinstance(expected, (list, tuple)) else expected
        assert found.shape == expected.shape
        scale = np.ptp(expected) or 1
        assert np.abs(np.asarray(found, np.float64) - np.asarray(expected)).max() <= 1e-5 * scale


@given(small, small, small, st.integers(1, 5), st.integers(1, 5), paddings, covered_windows())
@few
def test_a_convolution(down, across, dilation, height, width, padding, windows):
    if dilation > 1:
        down = across = 1  # TensorFlow does not know both
    if padding == "VALID" and ((height - 1) * dilation >= SHAPE[0] or (width - 1) * dilation >= SHAPE[1]):
        return
    kernel = noise(height, width, SHAPE[-1], 3)
    followed = Followed(lambda images: tf.nn.conv2d(images, kernel, (down, across), padding, dilations=dilation))
    assert followed.kinds == ["Conv2D"]
    followed.check(windows)


@given(st.tuples(*[st.integers(0, 2)] * 4), covered_windows())
@few
def test_a_convolution_with_padding_by_numbers(ends, windows):
    kernel, padding = noise(3, 4, SHAPE[-1], 3), [[0, 0], ends[:2], ends[2:], [0, 0]]
    followed = Followed(lambda images: tf.nn.conv2d(images, kernel, 2, padding))
    assert followed.kinds == ["Conv2D"]
    followed.check(windows)


@given(small, st.integers(1, 5), st.integers(1, 5), paddings, covered_windows())
@few
def test_a_depthwise_convolution(stride, height, width, padding, windows):
    kernel = noise(height, width, SHAPE[-1], 1)
    followed = Followed(lambda images: tf.nn.depthwise_conv2d(images, kernel, [1, stride, stride, 1], padding))
    assert followed.kinds == ["DepthwiseConv2dNative"]
    followed.check(windows)


@pytest.mark.parametrize("pool", [tf.nn.max_pool2d, tf.nn.avg_pool2d], ids=["max", "mean"])
@given(size=st.tuples(small, small), stride=st.tuples(small, small), padding=paddings, windows=covered_windows())
@few
def test_a_pooling(pool, size, stride, padding, windows):
    followed = Followed(lambda images: pool(images - 5, size, stride, padding))  # below zero: padding must not win
    assert followed.kinds == ["Sub", "MaxPool" if pool is tf.nn.max_pool2d else "AvgPool"]
    followed.check(windows)


@given(st.tuples(*[st.integers(0, 3)] * 4), st.sampled_from([0, 7]), paddings, covered_windows())
@few
def test_padding_of_its_own_before_a_convolution(ends, number, padding, windows):
    kernel = noise(3, 3, SHAPE[-1], 3)

    def function(images):
        padded = tf.pad(images, [[0, 0], ends[:2], ends[2:], [0, 0]], constant_values=number)
        return tf.nn.conv2d(tf.nn.relu(padded), kernel, 2, padding)

    followed = Followed(function)
    assert len(followed.kinds) == 3
    followed.check(windows)


@given(covered_windows())
@few
def test_two_branches_that_reach_differently_far_are_added_and_put_side_by_side(windows):
    wide, narrow = noise(5, 3, SHAPE[-1], 2), noise(1, 1, SHAPE[-1], 2)

    def function(images):
        far, near = tf.nn.conv2d(images, wide, 1, "SAME"), tf.nn.conv2d(images, narrow, 1, "SAME")
        return tf.concat([far + near, near * near, images], axis=-1)

    followed = Followed(function)
    assert sorted(followed.kinds) == ["AddV2", "ConcatV2", "Conv2D", "Conv2D", "Mul"]
    followed.check(windows)


CELL_BY_CELL = {
    "bias": lambda x: tf.nn.bias_add(x, [1.0, -2.0]),
    "scale": lambda x: x * tf.constant([[[[2.0, 3.0]]]]) - tf.constant(0.5),
    "relu": tf.nn.relu,
    "relu6": tf.nn.relu6,
    "sigmoid": tf.sigmoid,
    "tanh": tf.tanh,
    "leaky relu": tf.nn.leaky_relu,
    "elu": tf.nn.elu,
    "swish": tf.nn.silu,
    "cast": lambda x: tf.cast(tf.cast(x, tf.float64) * 2, tf.float32),
    "normalisation": lambda x: tf.compat.v1.nn.fused_batch_norm(
        x, [1.0, 2.0], [0.5, -1.0], [0.1, 0.2], [1.5, 0.5], is_training=False
    )[0],
}


@pytest.mark.parametrize("name", CELL_BY_CELL)
def test_what_works_cell_by_cell(name):
    kernel = noise(3, 3, SHAPE[-1], 3)
    followed = Followed(lambda images: tf.nn.conv2d(CELL_BY_CELL[name](images), kernel, 2, "SAME"))
    assert followed.kinds[-1] == "Conv2D"
    followed.check([(slice(2, 5), slice(3, 6)), (slice(8, 11), slice(0, 3))])


@pytest.mark.parametrize(
    "unknown",
    [
        lambda x: x * tf.reduce_mean(x, axis=(1, 2), keepdims=True),
        lambda x: x[:, ::-1],
        lambda x: x + noise(*SHAPE),  # a number of its own at every place
        lambda x: tf.pad(x, [[0, 0], [1, 1], [1, 1], [0, 0]], "REFLECT"),
        lambda x: tf.image.resize(x, (22, 18)),
        lambda x: tf.transpose(x, (0, 2, 1, 3)),
        lambda x: tf.concat([x, x], axis=1),
        lambda x: tf.pad(x, [[0, 0], [0, 0], [0, 0], [1, 0]]),
    ],
)
def test_what_is_not_known_is_left_to_whole_maps_and_so_is_all_behind_it(unknown):
    followed = Followed(lambda images: tf.nn.relu(unknown(tf.nn.relu(images) * 2)) + 1)
    assert followed.kinds == ["Relu", "Mul"]
    followed.check([(slice(2, 5), slice(3, 6)), (slice(8, 11), slice(0, 3))])


def test_every_place_to_go_over_to_whole_maps_gives_the_same():
    first, second = noise(3, 3, SHAPE[-1], 4), noise(3, 3, 4, 4)

    def function(images):
        stem = tf.nn.silu(tf.nn.conv2d(images, first, 2, "SAME"))
        return tf.reduce_mean(tf.nn.max_pool2d(stem + tf.nn.conv2d(stem, second, 1, "SAME"), 2, 2, "SAME"), (1, 2))

    followed = Followed(function)
    for cut in list(followed.frontiers)[1:]:
        followed.check([(slice(2, 5), slice(3, 6)), (slice(8, 11), slice(0, 3))], cut)


@pytest.mark.parametrize("dtype", [tf.float16, tf.float64])
def test_half_and_double_precision(dtype):
    def function(images):
        kernel = tf.ones((3, 3, SHAPE[-1], 1), dtype)
        sums = tf.nn.conv2d(tf.round(images * 4), kernel, 1, "SAME")  # whole numbers: exact in half precision too
        return tf.nn.max_pool2d(sums, 3, 2, "SAME")

    followed = Followed(function, dtype)
    assert followed.kinds[-1] == "MaxPool"
    followed.check([(slice(2, 5), slice(3, 6)), (slice(8, 11), slice(0, 3))])
