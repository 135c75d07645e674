"""A replica computes the same numbers, keeps them for itself, and reads what variables it is told to read."""

import numpy as np
import pytest
import tensorflow as tf

from cnnviz_widgets.methods.grad_cam import GradCAM
from cnnviz_widgets.methods.occlusion import Occlusion
from cnnviz_widgets.networks import load
from cnnviz_widgets.request import compute


@pytest.fixture(scope="module")
def network():
    return load("digits")


def test_it_gives_the_same_numbers_and_keeps_them_for_itself(network):
    image, other = network.samples[5], network.replica()
    network.cache.clear()
    found = compute(GradCAM(), other, image).array
    assert len(network.cache) == 0
    assert len(other.cache) > 0
    assert np.array_equal(found, compute(GradCAM(), network, image).array)


@pytest.mark.parametrize("method", [GradCAM(), Occlusion(window=8, stride=4)], ids=str)
@pytest.mark.parametrize("count", [0, 2])
def test_it_reads_the_variables_that_it_is_told_to_read(network, method, count):
    origin, image = network.randomised(count), network.samples[5]
    variables = origin.engine.variables
    same = origin.replica({handle: tf.Variable(known) for handle, known in variables.items()})
    zeros = origin.replica({handle: tf.Variable(tf.zeros_like(known)) for handle, known in variables.items()})
    assert np.array_equal(compute(method, same, image, target=3).array, compute(method, origin, image, target=3).array)
    assert not compute(method, zeros, image, target=3).array.any()
