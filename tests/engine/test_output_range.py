"""What counts as a probability: the range of an output, by its last operations."""

import keras
import numpy as np
import pytest
from keras import layers, ops

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
}
OTHERS = {
    "sum": lambda head: head() + head(),
    "difference": lambda head: head() - head(),
    "logits again": lambda head: layers.Dense(3)(head()),
    "reciprocal": lambda head: 1 / head(),
    "relu": lambda head: ops.relu(head() * 3 - 1),
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


def test_a_mask_that_is_resized_is_shown_as_it_is():
    image = keras.Input((12, 12, 3))
    small = layers.Conv2D(1, 1, activation="sigmoid")(layers.Conv2D(4, 3, strides=2, padding="same")(image))
    model = keras.Model(image, layers.UpSampling2D(2, interpolation="bilinear")(small))
    network = Network(model, class_names=["no", "yes"], value_range=(0, 1))
    yes = float(model(PICTURE[np.newaxis]).numpy().mean())
    assert network.probabilities(PICTURE) == pytest.approx([1 - yes, yes], abs=1e-6)


@pytest.mark.parametrize("column", [0, 1])
def test_of_two_sides_the_likelier_one_wins(column):
    network = network_of(lambda head: head()[:, column : column + 1], "softmax", 2, class_names=["no", "yes"])
    yes = float(network.model(PICTURE[np.newaxis])[0, 0])
    assert network.describe(network.target(None, PICTURE)) == ("yes" if yes > 0.5 else "no")


@pytest.mark.parametrize("by_hand", [False, True])
def test_the_exponentials_of_a_log_softmax_are_shown(by_hand):
    if by_hand:
        network = network_of(lambda head: ops.log(head()), "softmax")
    else:
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


def test_a_guess_says_so_and_how_to_confirm_it():
    model = network_of(lambda head: head() * head()).model
    for options, words in (({}, "taken as probabilities"), ({"output_is": "probabilities"}, "The output is")):
        notes = compute(GradCAM(), Network(model, value_range=(0, 1), **options), PICTURE, target=0).notes
        assert words in next(note.text for note in notes if note.kind == "hidden_head")


@pytest.mark.parametrize("options", [{"output_is": "chances"}, {"output_is": "logits", "task": "regression"}])
def test_a_meaning_that_cannot_be_is_refused(options):
    with pytest.raises(ValueError, match="output_is .* Received: "):
        network_of(lambda head: head(), **options)
