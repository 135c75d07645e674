"""The package and the second route agree; and the second route's own operations are right, by themselves."""

import re
from functools import cache
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
from properties.class_maps import SUM_OF_GRADIENTS
from properties.occlusions import WIDE_WINDOW
from properties.shared_bugs import PROBABILITY

from second_route import operations
from second_route.comparison import BOUND, NETWORKS, Pair

PAGE = Path(__file__).parents[2] / "docs" / "second_route.md"


@cache
def rows(name):
    return tuple(Pair(name).rows())


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=pytest.mark.slow if name != "digits" else ()) for name in NETWORKS]
)
def test_both_routes_give_the_same_numbers(name):
    far = {row.question: row.difference for row in rows(name) if not row.difference <= BOUND}
    assert far == {}
    assert all(row.largest > 1e-4 for row in rows(name))


def test_a_unit_at_its_kink_is_taken_on_the_side_on_which_the_gradient_has_it(monkeypatch):
    """As where the answer that gives values rounds differently from the one that gives the gradient."""
    pair = Pair("digits")
    ask, turned = pair._ask, []

    def other_sides(images):
        outputs = [output.numpy() for output in ask(images)]
        before = pair.second.forward(images)
        for step, output in zip(pair.second.relus, outputs, strict=True):
            near = np.abs(before[step.sources[0]]) < 3e-6
            output[near] = np.where(output[near] > 0, 0, 1e-9)
            turned.append(near.sum())
        return [tf.constant(output) for output in outputs]

    monkeypatch.setattr(pair, "_ask", other_sides)
    ours, theirs, _ = pair.integrated_gradients()
    assert sum(turned) > 0
    assert np.abs(ours - theirs).max() <= BOUND * np.abs(theirs).max()


@pytest.mark.parametrize(
    ("bug", "shows_in"),
    [(PROBABILITY, "gradient"), (SUM_OF_GRADIENTS, "Grad-CAM, conv2"), (WIDE_WINDOW, "occlusion")],
    ids=lambda value: getattr(value, "sentence", None),
)
def test_a_planted_bug_leads_them_apart(bug, shows_in):
    with bug.planted():
        far = [row.question for row in Pair("digits").rows() if row.difference > 1000 * BOUND]
    assert shows_in in far


@pytest.mark.slow
def test_the_page_lists_every_comparison_and_none_beyond_the_bound():
    lines = re.findall(r"^\| (\S+) \| (.+?) \| \S+ \| (\S+) \| \d+ \|$", PAGE.read_text(encoding="utf-8"), re.MULTILINE)
    assert [line[:2] for line in lines] == [(row.network, row.question) for name in NETWORKS for row in rows(name)]
    assert all(float(difference) <= BOUND for _, _, difference in lines)


random = np.random.default_rng(0)
OPERATIONS = {
    "scale": (operations.Scale(0.5, 1), [(2, 3, 3, 2)]),
    "normalise": (operations.Normalise(*random.uniform(0.5, 2, (4, 2))), [(2, 3, 3, 2)]),
    "relu6": (operations.Relu(0.5), [(2, 3, 3, 2)]),
    "convolve": (operations.Convolve(random.normal(size=(3, 3, 2, 4)), 0.3), [(2, 6, 7, 2)]),
    "convolve, same, odd": (operations.Convolve(random.normal(size=(3, 3, 2, 4)), 0, 2, True), [(2, 7, 5, 2)]),
    "convolve, same, even": (operations.Convolve(random.normal(size=(3, 3, 2, 4)), 0, 2, True), [(2, 6, 8, 2)]),
    "convolve each": (operations.ConvolveEach(random.normal(size=(5, 5, 2)), 2), [(2, 7, 8, 2)]),
    "largest": (operations.Largest(), [(2, 5, 6, 2)]),
    "flatten": (operations.Flatten(), [(2, 3, 3, 2)]),
    "mean": (operations.MeanOfPlaces(), [(2, 3, 4, 2)]),
    "dense": (operations.Dense(random.normal(size=(4, 3)), random.normal(size=3)), [(2, 4)]),
    "add": (operations.Add(), [(2, 3, 3, 2), (2, 3, 3, 2)]),
}


@pytest.mark.parametrize("name", OPERATIONS)
def test_its_derivatives_are_the_slopes_of_its_forward_pass(name):
    operation, shapes = OPERATIONS[name]
    noise = np.random.default_rng(1)
    inputs = [noise.normal(size=shape) for shape in shapes]
    output = operation.forward(*inputs)
    weights = noise.normal(size=output.shape)
    for number, gradient in enumerate(operation.backward(weights, *inputs)):
        for place in np.ndindex(inputs[number].shape):
            moved = []
            for step in (1e-6, -1e-6):
                changed = [array.copy() for array in inputs]
                changed[number][place] += step
                moved.append((weights * operation.forward(*changed)).sum())
            assert gradient[place] == pytest.approx((moved[0] - moved[1]) / 2e-6, abs=1e-6)


def test_a_convolution_is_the_sum_that_its_definition_says():
    kernel, image = random.normal(size=(3, 3, 2, 4)), random.normal(size=(1, 5, 5, 2))
    found = operations.Convolve(kernel, 0.5).forward(image)
    for row, column in ((0, 0), (2, 1)):
        patch = image[0, row : row + 3, column : column + 3]
        expected = [(patch * kernel[..., k]).sum() + 0.5 for k in range(4)]
        assert found[0, row, column] == pytest.approx(expected)


def test_same_padding_puts_the_odd_pixel_at_the_end():
    assert operations.margins(6, 3, 2, True) == (0, 1, 3)
    assert operations.margins(7, 3, 2, True) == (1, 1, 4)
    assert operations.margins(7, 3, 2, False) == (0, 0, 3)
