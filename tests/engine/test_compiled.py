"""Compiled answers: traced once, kept, and safe to ask from several threads."""

import threading

import numpy as np
import pytest
from kinds import KINDS

from cnnviz_widgets.core.image import InputImage
from cnnviz_widgets.core.target import Target
from cnnviz_widgets.engine.compiled import KEPT
from cnnviz_widgets.network import Network


@pytest.fixture
def network():
    return Network(KINDS["functional"].build(), value_range=(0, 1))


def noise(*shape):
    return np.random.default_rng(0).uniform(0, 1, shape).astype(np.float32)


def traced(network):
    """What was traced so far: a concrete function, which never traces again, by the question."""
    return dict(network.engine.functions.store)


def ask_everything(network, classes, sizes):
    for size in sizes:
        for index in classes:
            network.gradient(noise(size, 12, 12, 3), index)
            network.gradient(noise(size, 12, 12, 3), index, "guided")
            network.layer_gradient(noise(12, 12, 3), index, "relu1")
            network.scores(noise(size, 12, 12, 3), Target("conv1", index))


def test_new_classes_images_and_batch_sizes_trace_nothing_again(network):
    ask_everything(network, [0], [1])
    before = traced(network)
    assert len(before) > 4
    ask_everything(network, range(4), [1, 2, 7])
    assert traced(network) == before


def test_another_size_of_image_traces_nothing_again():
    network = Network(KINDS["any_size"].build(), value_range=(0, 1))
    network.gradient(noise(9, 10, 3), 1)
    before = traced(network)
    for side in range(10, 15):
        network.gradient(noise(side, side + 1, 3), 1)
    assert traced(network) == before


def test_many_questions_make_tensorflow_log_no_warning(network, caplog):
    for info in network.layers:
        network.activations(noise(12, 12, 3), info.path)
        network.scores(noise(12, 12, 3), Target(info.path, 0))
        network.gradient(noise(12, 12, 3), Target(info.path, 0))
    assert not caplog.records


def test_answers_that_were_not_asked_for_longest_are_dropped(network):
    questions = network.engine.functions
    tensors = [tap.tensor for tap in network.engine.traced.taps]
    first = questions.values(tensors[0])
    for n in range(KEPT):
        questions.values(*tensors[1:2] * (n + 1))
    assert len(questions.store) == KEPT
    assert questions.values(tensors[0]) is not first


@pytest.mark.slow
def test_four_threads_with_mixed_questions_get_the_answers_of_one(network):
    images = [InputImage(noise_) for noise_ in noise(5, 12, 12, 3)]
    random = np.random.default_rng(1)
    asked = [(random.integers(5), random.integers(5), random.integers(6)) for _ in range(100)]

    def answer(network, image, index, question):
        image = images[image]
        return (
            lambda: network.gradient(image, index),
            lambda: network.gradient(image, index, "guided"),
            lambda: network.layer_gradient(image, index, "relu1")[1],
            lambda: network.layer_gradient(image, index, "conv1", "deconvnet")[1],
            lambda: network.activations(image, "conv2"),
            lambda: network.probabilities(image),
        )[question]()

    serial = Network(network.model, value_range=(0, 1))
    expected = [answer(serial, *question) for question in asked]
    found, errors = [None] * len(asked), []
    together = threading.Barrier(4)

    def work(part):
        try:
            together.wait(60)
            for n in range(part, len(asked), 4):
                found[n] = answer(network, *asked[n])
        except Exception as error:
            errors.append(error)

    threads = [threading.Thread(target=work, args=(part,)) for part in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not errors
    for one, other in zip(found, expected, strict=True):
        assert one == pytest.approx(other, abs=1e-6)
    assert not any("call" in vars(layer) for layer in network.model.layers)
