"""The model is traced once, whatever is asked; answers are compiled once a question, and only so many are kept."""

import threading

import keras
import numpy as np
import pytest
from keras import layers

from cnnviz_widgets.core.image import InputImage
from cnnviz_widgets.core.target import Target
from cnnviz_widgets.engine.compiled import KEPT, FunctionStore
from cnnviz_widgets.methods.lrp import LRP
from cnnviz_widgets.methods.lrp.relevance import relevance
from cnnviz_widgets.methods.occlusion.incremental import GRAPHS, IncrementalOcclusion, Plans
from cnnviz_widgets.network import Network

CLASSES = 6


@keras.saving.register_keras_serializable("tests")
class Counting(layers.Layer):
    """Counts how often its Python code runs."""

    runs = 0

    def call(self, values):
        self.runs += 1
        return values


@pytest.fixture
def network():
    """A Network that takes any size of image, and whose first layer counts."""
    first = Counting(name="counting")
    convolutions = [layers.Conv2D(n, 3, activation="relu", name=f"conv{n}") for n in (4, 6)]
    last = [layers.GlobalAveragePooling2D(), layers.Dense(CLASSES, activation="softmax")]
    keras.utils.set_random_seed(1)
    model = keras.Sequential([keras.Input((None, None, 3)), first, *convolutions, *last])
    first.runs = 0
    return Network(model, value_range=(0, 1))


@pytest.fixture
def made(monkeypatch):
    """The answers that were compiled."""
    keys, remember = [], FunctionStore._remember

    def listening(questions, key, answer):
        keys.append(key)
        return remember(questions, key, answer)

    monkeypatch.setattr(FunctionStore, "_remember", listening)
    return keys


def noise(*shape):
    return np.random.default_rng(0).uniform(0, 1, shape).astype(np.float32)


def covered(network, side, index, count):
    """The scores of an image with each of `count` windows covered."""
    places = [(slice(n, n + 3), slice(0, 3)) for n in range(count)]
    fill = np.zeros((side, side + 1, 3), np.float32)
    covering = IncrementalOcclusion(network, InputImage(noise(side, side + 1, 3)), fill, places, index)
    return np.concatenate([covering.outputs(batch).scores for batch in covering.batches])


def ask_everything(network, index=0, count=3, side=10):
    one, batch = InputImage(noise(side, side + 1, 3)), noise(count, side, side + 1, 3)
    network.probabilities(one)
    network.scores(batch, Target(index) - Target((index + 1) % CLASSES))
    network.scores(batch, Target("conv6", index))
    network.gradient(batch, index)
    network.gradient(batch, index, "guided")
    activations, _ = network.layer_gradient(one, index, "conv4")
    network.scores_behind(one, index, "conv4", np.repeat(activations[None], count, axis=0))
    relevance(network, batch, Target(index), rule=LRP().rule, **LRP().knobs)
    network.randomised(1).gradient(batch, index)
    return covered(network, side, index, count)


@pytest.mark.slow
def test_new_classes_batch_sizes_and_image_sizes_trace_nothing(network, made):
    ask_everything(network)
    assert network.model.get_layer("counting").runs == 1
    before = list(made)
    assert len(before) > 6
    for n in range(20):
        ask_everything(network, index=n % CLASSES)
        ask_everything(network, count=1 + n % 9)
        ask_everything(network, side=8 + n)
    assert made == before
    assert network.model.get_layer("counting").runs == 1


@pytest.mark.slow
def test_what_was_compiled_for_one_size_is_right_for_another(network):
    fresh = Network(network.model, value_range=(0, 1))
    ask_everything(network, side=10)
    assert ask_everything(network, side=17) == pytest.approx(ask_everything(fresh, side=17), abs=1e-6)


def test_sixty_questions_leave_one_trace_and_no_more_answers_than_are_meant_to_be_kept(network, made):
    opened = network.engine
    tensors = [tap.tensor for tap in opened.traced.taps]
    for n in range(60):
        opened.functions.values(*tensors[: 1 + n % len(tensors)], *tensors[:1] * n)
        covered(network, 10, Target("conv4", n % 4) if n % 2 else 0, 2)
    assert len(made) >= 60
    assert len(opened.functions.store) == KEPT
    assert Plans.of(opened).functions.cache_info().currsize <= GRAPHS
    assert network.model.get_layer("counting").runs == 1


def test_the_more_operations_answers_have_the_fewer_are_kept(network, monkeypatch):
    questions = network.engine.functions
    tensors = [tap.tensor for tap in network.engine.traced.taps]
    questions.values(*tensors[:1])
    size = questions.store.operations
    monkeypatch.setattr("cnnviz_widgets.engine.compiled.OPERATIONS", 5 * size + 4)
    for n in range(9):
        questions.values(*tensors[:1] * (n + 1))
    assert 1 <= len(questions.store) <= 5
    monkeypatch.setattr("cnnviz_widgets.engine.compiled.OPERATIONS", 1)
    questions.values(*tensors[:1] * 20)
    assert len(questions.store) == 1


def test_who_asks_for_what_is_kept_does_not_wait_for_what_is_being_made(network):
    questions = network.engine.functions
    questions.values(questions.graph.input)
    with questions.store.making:  # another thread is at it
        asking = threading.Thread(target=questions.values, args=(questions.graph.input,))
        asking.start()
        asking.join(60)
        assert not asking.is_alive()
