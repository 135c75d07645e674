"""The rules on single units that one can work out on paper, and on whole networks by a second route in plain NumPy."""

from functools import cache

import keras
import numpy as np
import pytest
from keras import layers

from cnnviz_widgets.methods.lrp.propagation_rules import RULES
from cnnviz_widgets.methods.lrp.relevance import relevance
from cnnviz_widgets.network import Network

KNOBS = {"epsilon": 0.0, "gamma": 0.25, "alpha": 2.0}
SETTINGS = [
    *({"rule": "epsilon", "epsilon": size} for size in (0.0, 0.1)),
    *({"rule": "gamma", "gamma": size} for size in (0.0, 0.5)),
    *({"rule": "alpha-beta", "alpha": size} for size in (1.0, 1.5, 2.0)),
    {"rule": "z-plus"},
    {"rule": "composite", "epsilon": 0.1},
]
every_setting = pytest.mark.parametrize("setting", SETTINGS, ids=lambda setting: " ".join(map(str, setting.values())))


def shared_out(network, image, target=0, **recipe):
    """(relevance, score, what biases took)."""
    return relevance(network, image, target, **(KNOBS | recipe))


# ---- One unit: contributions 2, -2 and 3, a bias of 1, so z = 4


def unit(sign=1):
    model = keras.Sequential([keras.Input((1, 3, 1)), layers.Flatten(), layers.Dense(1)])
    model.set_weights([sign * np.array([[2.0], [-1.0], [1.0]]), np.array([sign * 1.0])])
    return Network(model, value_range=(0, 3))


PIXELS = np.array([1, 2, 3], np.float32).reshape(1, 3, 1)
ON_PAPER = [
    ({"rule": "epsilon"}, [2, -2, 3], 1),
    ({"rule": "epsilon", "epsilon": 0.25}, [1.6, -1.6, 2.4], 0.8),  # 4 / (4 + 0.25 * 4): the root mean square is 4
    ({"rule": "gamma", "gamma": 0.5}, [12 / 7, -8 / 7, 18 / 7], 6 / 7),  # 4 + 0.5 * (2 + 3 + 1) = 7
    ({"rule": "alpha-beta", "alpha": 1.0}, [4 / 3, 0, 2], 2 / 3),
    ({"rule": "alpha-beta", "alpha": 2.0}, [8 / 3, -4, 4], 4 / 3),
    ({"rule": "z-plus"}, [1.6, 0, 2.4], 0),
    ({"rule": "composite", "epsilon": 0.25}, [1.6, -1.6, 2.4], 0.8),
]


@pytest.mark.parametrize(("setting", "shares", "to_bias"), ON_PAPER)
@pytest.mark.parametrize("sign", [1, -1], ids=["positive", "negative"])
def test_a_unit_shares_as_worked_out_on_paper(setting, shares, to_bias, sign):
    found, score, taken = shared_out(unit(sign), PIXELS, **setting)
    assert score == 4 * sign
    assert found.ravel() * sign == pytest.approx(shares, abs=1e-5)
    assert taken * sign == pytest.approx(to_bias, abs=1e-5)


def test_where_nothing_opposes_alpha_is_one():
    model = keras.Sequential([keras.Input((1, 3, 1)), layers.Flatten(), layers.Dense(1, use_bias=False)])
    model.set_weights([np.array([[2.0], [1.0], [1.0]])])
    found, *_ = shared_out(Network(model, value_range=(0, 3)), PIXELS, rule="alpha-beta", alpha=2.0)
    assert found.ravel() == pytest.approx([2, 2, 3], abs=1e-5)


def test_what_only_a_bias_made_goes_to_the_bias_under_every_rule():
    model = keras.Sequential([keras.Input((1, 3, 1)), layers.Flatten(), layers.Dense(1)])
    model.set_weights([-np.ones((3, 1)), np.array([10.0])])
    found, score, taken = shared_out(Network(model, value_range=(0, 3)), PIXELS, rule="z-plus")
    assert not found.any()
    assert (score, taken) == (4, 4)


# ---- A whole network, each layer a matrix


def shares_by_numpy(x, weights, bias, relevance, rule, knobs, ignore_bias):
    """(relevance of x, what the bias takes) of one layer x @ weights + bias, from every single contribution."""
    contributions = np.concatenate([x[:, None] * weights, bias[None]])
    size = np.sqrt((contributions.sum(axis=0) ** 2).mean())
    asked = relevance != 0  # the others may divide zero by zero
    contributions, weights, relevance = contributions[:, asked], weights[:, asked], relevance[asked]
    z = contributions.sum(axis=0)
    if rule == "epsilon":
        parts = contributions / (z + knobs["epsilon"] * size * np.where(z >= 0, 1, -1))
    elif rule == "flat":
        parts = np.concatenate([weights != 0, np.zeros((1, len(z)))]).astype(float)
        parts /= parts.sum(axis=0)
    else:
        own = np.where(np.sign(contributions) == np.sign(z), contributions, 0)
        opposed = contributions - own
        if rule == "gamma":
            parts = (contributions + knobs["gamma"] * own) / (z + knobs["gamma"] * own.sum(axis=0))
        elif rule == "alpha-beta":
            beta = np.where(opposed.sum(axis=0) == 0, 0, knobs["alpha"] - 1)
            against = opposed / np.where(beta == 0, 1, opposed.sum(axis=0))
            parts = (1 + beta) * own / own.sum(axis=0) - beta * against
        else:
            own[-1] *= not ignore_bias
            parts = own / own.sum(axis=0)
    handed = parts * relevance
    return handed[:-1].sum(axis=1), handed[-1].sum()


def convolution_matrix(kernel, side):
    """(pixels, cells) of a convolution with one step and no padding on a square image, channels last."""
    size, _, channels, filters = kernel.shape
    cells = side - size + 1
    matrix = np.zeros((side, side, channels, cells, cells, filters))
    for row, column in np.ndindex(cells, cells):
        matrix[row : row + size, column : column + size, :, row, column] = kernel
    return matrix.reshape(side * side * channels, -1)


@cache
def small_network():
    """(Network, [(matrix, bias, kind of place, ReLU behind it)]): convolution, batch normalisation, pooling, dense."""
    random = np.random.default_rng(5)
    convolutions = [layers.Conv2D(3, 3), layers.BatchNormalization(), layers.ReLU(), layers.Conv2D(4, 2), layers.ReLU()]
    model = keras.Sequential([keras.Input((5, 5, 2)), *convolutions, layers.GlobalAveragePooling2D(), layers.Dense(3)])
    for weight in model.weights:
        low = 0.5 if "variance" in weight.name else -1
        weight.assign(random.uniform(low, 1.5, weight.shape))
    (kernel, bias, gamma, beta, mean, variance, kernel2, bias2, dense, last_bias) = map(np.asarray, model.get_weights())
    scale = gamma / np.sqrt(variance + model.layers[1].epsilon)
    first = convolution_matrix(kernel * scale, 5), np.tile((bias - mean) * scale + beta, 9), "first", True
    second = convolution_matrix(kernel2, 3), np.tile(bias2, 4), "convolution", True
    average = np.tile(np.eye(4) / 4, (4, 1)), np.zeros(4), "sum", False
    return Network(model, value_range=(0, 1)), [first, second, average, (dense, last_bias, "dense", False)]


def by_numpy(steps, image, target, rule, knobs):
    values = [image.ravel().astype(np.float64)]
    for weights, bias, _, rectified in steps:
        z = values[-1] @ weights + bias
        values.append(np.maximum(z, 0) if rectified else z)
    relevance, taken = np.zeros(len(values[-1])), 0
    relevance[target] = values[-1][target]
    for x, (weights, bias, place, _) in zip(values[-2::-1], steps[::-1], strict=True):
        relevance, to_bias = shares_by_numpy(
            x, weights, bias, relevance, RULES[rule][place], knobs, ignore_bias=place != "sum"
        )
        taken += to_bias
    return relevance.reshape(image.shape), float(taken)


@every_setting
@pytest.mark.parametrize("target", range(3))
def test_a_network_with_batch_normalisation_shares_as_matrices_in_numpy_do(setting, target):
    network, steps = small_network()
    image = np.random.default_rng(1).uniform(0, 1, (5, 5, 2)).astype(np.float32)
    found, score, taken = shared_out(network, image, target, **setting)
    expected, to_biases = by_numpy(steps, image, target, setting["rule"], KNOBS | setting)
    size = np.abs(expected).max()
    assert size > 1e-3
    assert found == pytest.approx(expected, abs=1e-4 * size)
    assert taken == pytest.approx(to_biases, abs=1e-4 * max(abs(float(score)), abs(to_biases)))
