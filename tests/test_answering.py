"""`answers_to`: variants in, results and progress out, with no session and no runner."""

from dataclasses import dataclass, replace

import numpy as np
import pytest
from kinds import KINDS

from cnnviz_widgets.answering import answers_to
from cnnviz_widgets.core.failures import Refusal
from cnnviz_widgets.core.image import InputImage
from cnnviz_widgets.core.method import Method
from cnnviz_widgets.core.result import Result
from cnnviz_widgets.core.target import Target
from cnnviz_widgets.methods.grad_cam import GradCAM
from cnnviz_widgets.methods.gradient import Gradient
from cnnviz_widgets.network import Network
from cnnviz_widgets.request import compute
from cnnviz_widgets.settings import FIELDS, Settings


def opened(kind="functional"):
    return Network(KINDS[kind].build(), value_range=(0, 1))


@pytest.fixture(scope="module")
def network():
    return opened()


@pytest.fixture
def settings(network, picture):
    return Settings(network, picture, GradCAM(), Target(1), "relu1")


def last(variants):
    """The results at the end."""
    *_, (results, progress) = answers_to(variants)
    assert progress == 1
    return results


OTHERS = {
    "network": lambda: opened("relu_activation"),
    "image": lambda: InputImage(np.random.default_rng(9).uniform(0, 1, (12, 12, 3))),
    "method": lambda: Gradient(reduce="sum"),
    "target": lambda: Target(3),
    "layer": lambda: "conv1",
}


def test_there_is_another_value_for_every_field():
    assert set(OTHERS) == set(FIELDS)


@pytest.mark.parametrize("name", FIELDS)
def test_each_variant_is_answered_with_its_own(name, settings):
    settings = settings if name in ("layer", "target", "image") else replace(settings, layer=None)
    variants = (settings, replace(settings, **{name: OTHERS[name]()}))
    one, other = last(variants)
    for result, asked in zip((one, other), variants, strict=True):
        layer = asked.layer if "layer" in asked.method.uses else None
        wanted = compute(asked.method, asked.network, asked.image, target=asked.target, layer=layer)
        np.testing.assert_array_equal(result.array, wanted.array)
    assert one.array.shape != other.array.shape or not np.array_equal(one.array, other.array)


def test_results_grow_one_after_the_other_and_the_progress_runs_to_one(settings):
    variants = [replace(settings, target=Target(index)) for index in range(3)]
    grown = list(answers_to(variants))
    assert [len(results) for results, _ in grown] == [1, 2, 3]
    assert [progress for _, progress in grown] == pytest.approx([1 / 3, 2 / 3, 1])


def test_what_cannot_be_answered_is_a_refusal_in_its_place(settings):
    first, second = last([replace(settings, target=Target(99)), settings])
    assert isinstance(first, Refusal)
    assert first.asked.target == Target(99)
    assert isinstance(second, Result)


@pytest.mark.parametrize(
    ("changes", "words"),
    [({"network": None}, "A network is"), ({"layer": "nowhere"}, "'nowhere'"), ({"image": None}, "needs an image")],
)
def test_whatever_cannot_be_asked_is_refused(changes, words, settings):
    first, second = last([replace(settings, **changes), settings])
    assert isinstance(first, Refusal)
    assert words in first.sentence
    assert isinstance(second, Result)


def test_nothing_is_yielded_before_there_is_a_result(settings):
    (results, _), *_ = answers_to([replace(settings, target=Target(99)), settings])
    assert len(results) == 2


def test_where_all_are_refused_the_first_sentence_is_raised(settings):
    with pytest.raises(ValueError, match="98"):
        list(answers_to([replace(settings, target=Target(98)), replace(settings, target=Target(99))]))


def test_of_nothing_there_is_no_answer():
    assert list(answers_to(())) == []


@dataclass(frozen=True)
class Training(Method):
    """Changes the network's weights, as somebody who trains it meanwhile."""

    title = "Training"
    family = "gradient"
    summary = "For tests."
    paper = "none"

    def run(self, network, image, target):
        kernel = network.model.get_layer("scores").kernel
        yield Result(np.zeros((2, 2), np.float32), signed=True, unit="")
        kernel.assign(kernel * 2)


def test_variants_of_one_network_explain_the_same_weights(settings):
    network = opened()
    settings = replace(settings, network=network, layer=None, method=Gradient())
    first, second = last([replace(settings, method=Training()), settings])
    assert first.request.weights == second.request.weights
