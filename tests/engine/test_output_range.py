"""What counts as a probability: the range of an output, by its last operations."""

import itertools

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import layers, ops
from tensorflow.python.framework import op_def_registry

from cnnviz_widgets.engine.output_range import OVER_AN_AXIS, RULES, are_probabilities
from cnnviz_widgets.methods.grad_cam import GradCAM
from cnnviz_widgets.network import Network
from cnnviz_widgets.request import compute

PICTURE = np.random.default_rng(0).uniform(0, 1, (12, 12, 3)).astype(np.float32)


def network_of(make, activation="sigmoid", units=3, **options):
    """A Network whose output is `make` of one or several heads of that activation."""
    keras.utils.set_random_seed(3)
    image = keras.Input((12, 12, 3))
    values = layers.Conv2D(8, 3, activation="relu", name="conv")(image)

    def head():
        return layers.Dense(units, activation=activation, kernel_initializer="random_normal")(
            layers.GlobalAveragePooling2D()(values)
        )

    return Network(keras.Model(image, make(head)), value_range=(0, 1), **options)


PROBABILITIES = {
    "mean": lambda head: layers.Average()([head(), head(), head()]),
    "weighted mean": lambda head: 0.3 * head() + 0.7 * head(),
    "product": lambda head: head() * head(),
    "either": lambda head: 1 - (1 - head()) * (1 - head()),
    "clip": lambda head: ops.clip(head(), 1e-7, 1 - 1e-7),
    "columns": lambda head: head()[:, 1:],
    "largest": lambda head: ops.maximum(head(), head()),
    "stacked, then averaged": lambda head: ops.mean(ops.stack([head(), head()], axis=1), axis=1),
    "joined": lambda head: ops.concatenate([head(), head()], axis=-1),
    "half of a tanh": lambda head: (ops.tanh(head()) + 1) / 2,
    "hard sigmoid": lambda head: ops.hard_sigmoid(head()),
    "sum of a stack": lambda head: ops.sum(ops.stack([head(), head(), head()], axis=1), axis=1) / 3,
    "either of a stack": lambda head: 1 - ops.prod(1 - ops.stack([head(), head()], axis=1), axis=1),
    "geometric mean": lambda head: ops.sqrt(head() * head()),
    "power": lambda head: (head() * head() * head()) ** (1 / 3),
    "chosen": lambda head: of_one(head, lambda p: ops.where(p > 0.5, p, 0.25)),
    "running product": lambda head: ops.cumprod(head(), axis=-1),
    "exponentials": lambda head: ops.exp(-ops.softplus(-head())),
}
# What is asked of a trial: an interval goes beyond 0 to 1, the numbers do not.
TRIED = {
    "sum of columns": ("softmax", lambda head: of_one(head, lambda p: p[:, :1] + p[:, 1:])),
    "what columns leave": ("softmax", lambda head: of_one(head, lambda p: 1 - p[:, :1] - p[:, 1:2])),
    "running sum": ("softmax", lambda head: ops.cumsum(head(), axis=-1)[:, :2]),
    "either": ("sigmoid", lambda head: either(head(), head())),
    "balanced": ("sigmoid", lambda head: of_one(head, lambda p: 4 * p * (1 - p))),
    "sigmoid by hand": (None, lambda head: of_one(head, lambda z: ops.exp(z) / (1 + ops.exp(z)))),
    "columns of a softmax by hand": (None, lambda head: of_one(head, lambda z: shares(ops.exp(z))[:, 1:])),
    "two classes made one": ("softmax", lambda head: ops.matmul(head(), np.float32([[1, 0], [1, 0], [0, 0]]))),
    "attention over instances": (
        None,
        lambda head: ops.sum(ops.softmax(head()) * ops.sigmoid(head()), axis=-1, keepdims=True),
    ),
}
LOGARITHMS = {
    "of sigmoids": ("log_sigmoid", lambda head: head()),
    "columns": ("log_softmax", lambda head: head()[:, 1:]),
    "product": ("log_sigmoid", lambda head: head() + head()),
    "clipped": ("sigmoid", lambda head: ops.log(ops.clip(head(), 1e-7, 1))),
    "of the others": ("sigmoid", lambda head: ops.log1p(-head())),
    "of a softmax": ("softmax", lambda head: ops.log(head())),
    "by hand": (None, lambda head: of_one(head, log_shares)),
    "columns by hand": (None, lambda head: of_one(head, log_shares)[:, 1:]),
    "mixture": ("log_softmax", lambda head: ops.logsumexp(ops.stack([head(), head()]), axis=0) - np.log(2)),
}


def of_one(head, end):
    return end(head())


def either(one, other):
    return one + other - one * other


def shares(powers):
    return powers / ops.sum(powers, axis=-1, keepdims=True)


def log_shares(logits):
    return logits - ops.logsumexp(logits, axis=-1, keepdims=True)


def unit_length(values):
    return values / ops.sqrt(ops.sum(values * values, axis=-1, keepdims=True) + 1e-6)


OTHERS = {
    "sum": lambda head: head() + head(),
    "difference": lambda head: head() - head(),
    "logits again": lambda head: layers.Dense(3)(head()),
    "reciprocal": lambda head: 1 / head(),
    "relu": lambda head: ops.relu(head() * 3 - 1),
    "twice a column": lambda head: 2 * ops.softmax(head())[:, 2:],
    "dense behind": lambda head: layers.Dense(1, "relu", kernel_initializer="random_normal")(head()),
    "expected number": lambda head: ops.sum(ops.softmax(head()) * np.float32([0, 1, 2]), axis=-1, keepdims=True),
    "log odds": lambda head: of_one(head, lambda p: ops.log(p / (1 - p))),
    "place of the largest": lambda head: ops.cast(ops.argmax(head(), axis=-1, keepdims=True), "float32"),
    "entropy": lambda head: of_one(head, lambda p: ops.sum(p * ops.log(p + 1e-9), axis=-1, keepdims=True)),
}
# Heads of logits, of quantities and of embeddings, small enough to lie between 0 and 1 for every image.
SMALL = {
    None: lambda head: 0.01 * head()[:, :1] + 0.5,
    "tanh": lambda head: head()[:, 2:],
    "relu": lambda head: 0.001 * head(),
    "swish": lambda head: ops.relu(head()) * 0.001,
    "gelu": lambda head: ops.relu(head()) * 0.001,
    "softplus": lambda head: head() * 0.1,
    "exponential": lambda head: head() * 0.01,
    "relu6": lambda head: unit_length(head() + 0.001),
    "linear": lambda head: 0.001 * ops.relu(head()) * ops.sigmoid(head()),
}


@pytest.mark.parametrize("activation", ["sigmoid", "softmax"])
@pytest.mark.parametrize("name", PROBABILITIES)
def test_what_can_only_lie_between_0_and_1_is_shown_as_it_is(name, activation):
    network = network_of(PROBABILITIES[name], activation)
    output = network.model(PICTURE[np.newaxis]).numpy()[0]
    assert network.probabilities(PICTURE) == pytest.approx(output, abs=1e-6)
    assert network.scores(PICTURE, 1) == pytest.approx(np.log(output[1]), abs=1e-5)
    assert network.target(None, PICTURE).index == output.argmax()


@pytest.mark.parametrize("name", OTHERS)
def test_what_may_lie_elsewhere_is_no_probability(name):
    assert network_of(OTHERS[name]).head == "none"


@pytest.mark.parametrize("name", TRIED)
def test_what_never_leaves_0_to_1_in_a_trial_is_shown_as_it_is(name):
    network = network_of(TRIED[name][1], TRIED[name][0])
    output = network.model(PICTURE[np.newaxis]).numpy()[0]
    assert not are_probabilities(network.engine.traced.graph, network.engine.traced.output)
    assert network.probabilities(PICTURE) == pytest.approx(output, abs=1e-6)
    assert network.head == "hidden"


@pytest.mark.parametrize("name", LOGARITHMS)
def test_of_logarithms_the_exponentials_are_shown(name):
    network = network_of(LOGARITHMS[name][1], LOGARITHMS[name][0])
    output = network.model(PICTURE[np.newaxis]).numpy()[0]
    assert network.probabilities(PICTURE) == pytest.approx(np.exp(output), abs=1e-6)
    assert network.scores(PICTURE, 0) == pytest.approx(output[0], abs=1e-6)
    assert network.head == "hidden_log"


@pytest.mark.parametrize("activation", SMALL)
def test_small_numbers_are_no_probabilities(activation):
    network = network_of(SMALL[activation], activation)
    output = network.model(PICTURE[np.newaxis]).numpy()
    assert network.head == "none"
    assert 0 <= output.min() <= output.max() <= 1  # nobody sees it from the numbers


def test_a_long_chain_of_operations_is_walked():
    def clipped(head):
        values = head()
        for _ in range(400):
            values = ops.clip(values, 0.1, 0.9)
        return values

    assert network_of(clipped, "softplus").head == "hidden"


BOUNDS = (-3.0, -0.4, 0.0, 0.5, 2.0)
INTERVALS = [(low, high) for low in BOUNDS for high in BOUNDS if low <= high]
ONE_OR_TWO = {
    kind: [one.name for one in op_def_registry.get(kind).input_arg] for kind in RULES if "Logical" not in kind
}
ONE_OR_TWO = {kind: names for kind, names in ONE_OR_TWO.items() if set(names) <= {"x", "y", "features"}}


@pytest.mark.parametrize("kind", sorted(ONE_OR_TWO))
def test_no_number_leaves_the_range_that_a_rule_gives(kind):
    """Each rule beside TensorFlow's operation, at numbers between the bounds."""
    names = ONE_OR_TWO[kind]
    for given in itertools.product(INTERVALS, repeat=len(names)):
        numbers = np.meshgrid(*(np.linspace(*bounds, 5, dtype=np.float32) for bounds in given))
        found = np.float64(getattr(tf.raw_ops, kind)(**dict(zip(names, numbers, strict=True))))
        found = found[~np.isnan(found)]
        with np.errstate(all="ignore"):
            low, high = RULES[kind](*given)
        assert found.size == 0 or (low - 1e-5 <= found.min() and found.max() <= high + 1e-5), given


@pytest.mark.parametrize("kind", sorted(OVER_AN_AXIS))
def test_no_sum_or_product_leaves_the_range_that_its_rule_gives(kind):
    for low, high in INTERVALS:
        rows = np.float32(list(itertools.product(np.linspace(low, high, 3), repeat=4)))
        found = np.asarray(getattr(tf.raw_ops, kind)(**{"x" if "Cum" in kind else "input": rows, "axis": 1}))
        lowest, highest = OVER_AN_AXIS[kind]((low, high), 4)
        assert lowest - 1e-4 <= found.min() <= found.max() <= highest + 1e-4


@pytest.mark.parametrize("kernel", ["bilinear", "area", "gaussian", "bicubic"])
def test_a_mask_that_is_resized_is_shown_as_it_is(kernel):
    image = keras.Input((12, 12, 3))
    small = layers.Conv2D(1, 1, activation="sigmoid")(layers.Conv2D(4, 3, strides=2, padding="same")(image))
    model = keras.Model(image, layers.Lambda(lambda values: tf.image.resize(values, (9, 9), kernel))(small))
    network = Network(model, class_names=["no", "yes"], value_range=(0, 1))
    yes = float(model(PICTURE[np.newaxis]).numpy().mean())
    assert network.probabilities(PICTURE) == pytest.approx([1 - yes, yes], abs=1e-6)


@pytest.mark.parametrize("activation", ["softmax", "log_softmax"])
@pytest.mark.parametrize("column", [0, 1])
def test_of_two_sides_the_likelier_one_wins(column, activation):
    network = network_of(lambda head: head()[:, column : column + 1], activation, 2, class_names=["no", "yes"])
    yes = float(network.model(PICTURE[np.newaxis])[0, 0])
    yes = yes if activation == "softmax" else np.exp(yes)
    assert network.describe(network.target(None, PICTURE)) == ("yes" if yes > 0.5 else "no")


def test_the_exponentials_of_a_log_softmax_are_shown():
    network = network_of(lambda head: head(), "log_softmax")
    output = network.model(PICTURE[np.newaxis]).numpy()[0]
    assert network.probabilities(PICTURE) == pytest.approx(np.exp(output), abs=1e-6)
    notes = {note.kind for note in compute(GradCAM(), network, PICTURE).notes}
    assert not notes & {"unlikely_target", "hidden_head"}


def test_one_says_what_the_output_is():
    model = network_of(lambda head: ops.relu(head() * 3 - 1)).model
    output = model(PICTURE[np.newaxis]).numpy()[0]
    said = {meaning: Network(model, value_range=(0, 1), output_is=meaning).probabilities(PICTURE) for meaning in MEANT}
    for meaning, expected in MEANT.items():
        assert said[meaning] == pytest.approx(expected(output), abs=1e-6)


MEANT = {
    "probabilities": lambda output: output,
    "log probabilities": np.exp,
    "logits": lambda output: np.exp(output) / np.exp(output).sum(),
}


@pytest.mark.parametrize(
    ("make", "meaning"),
    [
        (PROBABILITIES["product"], "probabilities"),
        (lambda head: either(head(), head()), "probabilities"),
        (lambda head: ops.log(head()), "log probabilities"),
    ],
)
def test_a_guess_says_so_and_how_to_confirm_it(make, meaning):
    model = network_of(make).model
    kind = {"probabilities": "probabilities", "log probabilities": "logarithms of probabilities"}[meaning]
    for options, words in (({}, f"taken as {kind}"), ({"output_is": meaning}, f"The output is {kind}")):
        notes = compute(GradCAM(), Network(model, value_range=(0, 1), **options), PICTURE, target=0).notes
        assert words in next(note.text for note in notes if note.kind == "hidden_head")


@pytest.mark.parametrize("options", [{"output_is": "chances"}, {"output_is": "logits", "task": "regression"}])
def test_a_meaning_that_cannot_be_is_refused(options):
    with pytest.raises(ValueError, match="output_is .* Received: "):
        network_of(lambda head: head(), **options)
