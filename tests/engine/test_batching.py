"""Batches that do not fit into memory go in pieces, and nobody sees it in the numbers."""

from types import SimpleNamespace

import numpy as np
import pytest
import tensorflow as tf
from kinds import KINDS

from cnnviz_widgets.core.failures import sentence_of
from cnnviz_widgets.core.image import InputImage
from cnnviz_widgets.core.target import Target
from cnnviz_widgets.engine.batching import Batching
from cnnviz_widgets.engine.memory import Memory
from cnnviz_widgets.methods.lrp import LRP
from cnnviz_widgets.methods.lrp.relevance import relevance
from cnnviz_widgets.methods.occlusion.incremental import IncrementalOcclusion
from cnnviz_widgets.network import Network

ONE = InputImage(np.random.default_rng(5).uniform(0, 1, (12, 12, 3)))
WAY = (("images:0",), ("scores:0",), "forward")


def noise(*shape):
    return np.random.default_rng(0).uniform(0, 1, shape).astype(np.float32)


def windows(count):
    return [(slice(row, row + 3), slice(row + 1, row + 4)) for row in range(count)]


QUESTIONS = {
    "outputs": lambda network: np.hstack(network.outputs(noise(7, 12, 12, 3))),
    "scores": lambda network: network.scores(noise(7, 12, 12, 3), 2),
    "scores of a channel": lambda network: network.scores(noise(7, 12, 12, 3), Target("conv2", 3)),
    "watch": lambda network: network.watch(noise(7, 12, 12, 3), 1).scores,
    "activations": lambda network: network.activations(noise(7, 12, 12, 3), "conv2"),
    "gradient": lambda network: network.gradient(noise(7, 12, 12, 3), 2),
    "guided gradient": lambda network: network.gradient(noise(7, 12, 12, 3), 2, "guided"),
    "scores behind": lambda network: network.scores_behind(ONE, 1, "relu1", noise(7, 10, 10, 4)),
    "relevance": lambda network: relevance(network, noise(7, 12, 12, 3), Target(1), rule=LRP().rule, **LRP().knobs)[0],
    "covered": lambda network: (
        IncrementalOcclusion(network, ONE, np.zeros((12, 12, 3), np.float32), windows(7), 1)
        .outputs(np.arange(7))
        .scores
    ),
}


@pytest.fixture
def asked(monkeypatch):
    """How many images at once were asked for."""
    sizes, ask = [], Batching.ask

    def listening(pieces, way, batch, question, one=None):
        return ask(pieces, way, batch, lambda part: (sizes.append(len(part)), question(part))[1], one)

    monkeypatch.setattr(Batching, "ask", listening)
    return sizes


def functional(limit=None):
    return Network(KINDS["functional"].build(), value_range=(0, 1), memory_limit=limit)


@pytest.mark.parametrize("question", QUESTIONS)
def test_in_pieces_the_numbers_are_the_same(question, asked):
    ask = QUESTIONS[question]
    expected = ask(functional())
    assert max(asked) == 7
    network = functional()
    network.layers, asked.clear()
    network.memory.limit = 20_000 if question != "relevance" else 60_000
    found = ask(network)
    assert max(asked) < 7
    assert found == pytest.approx(expected, abs=1e-6)


def pieces(times=10.0, limit=None):
    """Of a graph that takes so many times as much memory as goes in; an image is 4 bytes."""
    made = Batching(SimpleNamespace(input="images:0"), Memory(limit))
    made._times[WAY] = times
    return made


def answering(at_most, sizes):
    """A question that has memory for so many images."""

    def ask(part):
        sizes.append(len(part))
        if len(part) > at_most:
            raise tf.errors.ResourceExhaustedError(None, None, "OOM when allocating tensor")
        return [2 * part, None]

    return ask


def images(count, side=1):
    return np.arange(count * side * side, dtype=np.float32).reshape(count, side, side, 1)


def test_a_batch_is_as_large_as_the_limit_allows_by_prediction():
    sizes = []
    pieces(limit=130).ask(WAY, images(8), answering(99, sizes))
    assert sizes == [3, 3, 2]


def test_what_fits_many_times_over_is_not_even_predicted():
    sizes = []
    Batching(None, Memory("1MB")).ask(WAY, images(8), answering(99, sizes))
    assert sizes == [8]


def test_where_memory_runs_out_the_batch_is_halved_and_the_answer_is_whole():
    sizes = []
    doubled, nothing = pieces().ask(WAY, images(11), answering(3, sizes))
    assert sizes == [11, 5, 2, 2, 2, 2, 2, 1]
    assert np.array_equal(doubled, 2 * images(11))
    assert nothing is None


def test_the_smaller_size_is_remembered_for_that_question_and_size_of_image():
    known, sizes = pieces(), []
    known.ask(WAY, images(8), answering(3, sizes))
    sizes.clear()
    known.ask(WAY, images(8), answering(3, sizes))
    assert sizes == [2, 2, 2, 2]
    known.ask(WAY, images(8, side=2), answering(99, sizes))
    known.ask((("images:0",), ("other:0",), "forward"), images(8), answering(99, sizes))
    assert sizes[4:] == [8, 8]


def test_memory_that_runs_out_in_numpy_counts_too():
    def ask(part):
        if len(part) > 2:
            raise MemoryError("Unable to allocate")
        return part

    assert len(pieces().ask(WAY, images(5), ask)) == 5


def test_an_image_for_which_memory_runs_out_is_refused_in_a_sentence():
    with pytest.raises(
        MemoryError, match="must fit into memory; .* Received: an image of 1×1 px, for which memory"
    ) as error:
        pieces().ask(WAY, images(4), answering(0, []))
    assert sentence_of(error.value).startswith("A pass through the network must fit")


def test_another_error_is_not_taken_for_a_lack_of_memory():
    def ask(part):
        raise ValueError("wrong")

    with pytest.raises(ValueError, match="wrong"):
        pieces().ask(WAY, images(4), ask)


def test_an_image_that_alone_takes_more_than_was_set_is_refused_in_a_sentence():
    network = functional("5 kB")
    with pytest.raises(MemoryError, match="memory_limit, 5 kB; .* Received: an image of 12×12 px, which takes about"):
        network.gradient(ONE, 0)
    network.memory.limit = None
    assert network.gradient(ONE, 0).shape == (12, 12, 3)


def test_an_image_that_takes_all_that_is_free_is_refused_and_one_above_the_ceiling_is_not(monkeypatch):
    monkeypatch.delenv("CNNVIZ_MEMORY_LIMIT", raising=False)
    monkeypatch.setattr("cnnviz_widgets.engine.memory.free", lambda: 100)
    sizes = []
    pieces(times=20).ask(WAY, images(3), answering(99, sizes))  # 80 bytes each, a ceiling of 25
    assert sizes == [1, 1, 1]
    with pytest.raises(MemoryError, match="the 100 bytes that are free; .* which takes about 120 bytes"):
        pieces(times=30).ask(WAY, images(3), answering(99, sizes))


def test_a_randomised_network_has_the_limit_of_its_own():
    network = functional()
    twin = network.randomised(1)
    network.memory.limit = "5 kB"
    with pytest.raises(MemoryError, match="memory_limit, 5 kB"):
        twin.gradient(ONE, 0)
