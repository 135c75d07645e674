"""Requests: equal questions are equal keys, complete answers are kept, and what cannot be answered is refused."""

from dataclasses import dataclass

import numpy as np
import pytest

from cnnviz_widgets.core.image import InputImage
from cnnviz_widgets.core.method import Method
from cnnviz_widgets.core.parameters import slider
from cnnviz_widgets.core.result import Result
from cnnviz_widgets.core.target import Target
from cnnviz_widgets.methods.activations import Activations
from cnnviz_widgets.methods.filters import Filters
from cnnviz_widgets.methods.grad_cam import GradCAM
from cnnviz_widgets.methods.gradient import Gradient
from cnnviz_widgets.methods.occlusion import Occlusion
from cnnviz_widgets.network import Network
from cnnviz_widgets.request import Request, compute, steps


@dataclass(frozen=True)
class Counted(Method):
    """Three steps; `begun` and `done` count, `left` tells that the generator was closed."""

    title = "Counted"
    family = "perturbation"
    summary = "For tests."
    paper = "none"

    size: int = slider(1, 1, 9)

    def run(self, network, image, target):
        COUNTS["begun"] += 1
        try:
            for step in range(1, 4):
                yield Result(np.full((2, 2), step, np.float32), signed=True, unit="", progress=step / 3)
                COUNTS["steps"] += 1
        finally:
            COUNTS["left"] += 1


COUNTS = {}


@pytest.fixture(autouse=True)
def counts():
    COUNTS.update(begun=0, steps=0, left=0)


def test_equal_questions_are_equal_keys(network, picture):
    same = InputImage(picture.array, name="another name")
    top = int(network.logits(picture).argmax())
    one = Request.of(GradCAM(), network, picture, target=top, layer="conv2")
    others = [
        Request.of(GradCAM(relu="standard"), network, same, target=Target(top), layer="conv2"),
        Request.of(GradCAM(), network, picture.array, target=network.class_names[top], layer=None),
        Request.of(GradCAM(), network, picture, target=None, layer=None),
    ]
    assert {one, *others} == {one}


def test_different_questions_are_different_keys(network, picture):
    other_image = InputImage(picture.array * 0.5)
    asked = [
        Request.of(GradCAM(), network, picture, target=1, layer="conv2"),
        Request.of(GradCAM(final_relu=False), network, picture, target=1, layer="conv2"),
        Request.of(GradCAM(), network, other_image, target=1, layer="conv2"),
        Request.of(GradCAM(), network, picture, target=2, layer="conv2"),
        Request.of(GradCAM(), network, picture, target=1, layer="conv1"),
        Request.of(GradCAM(), network, picture, target=Target("conv2", 1), layer="conv2"),
        Request.of(GradCAM(), Network(network.model, value_range=(0, 1)), picture, target=1, layer="conv2"),
    ]
    assert len(set(asked)) == len(asked)


def test_what_a_method_does_not_use_is_no_part_of_the_question(network, picture):
    assert Request.of(Filters(), network, picture, target=1, layer="conv1") == Request.of(
        Filters(), network, None, target=2, layer="conv1"
    )
    assert Request.of(Gradient(), network, picture, target=1, layer="conv1") == Request.of(
        Gradient(), network, picture, target=1
    )
    assert Request.of(Activations(), network, picture, target=4).target is None


def test_a_complete_answer_is_kept(network, picture):
    first = compute(Counted(), network, picture)
    assert compute(Counted(), network, picture) is first
    assert COUNTS["begun"] == 1
    assert Request.of(Counted(), network, picture).answered() is first


def test_an_answer_of_other_parameters_is_another_answer(network, picture):
    assert compute(Counted(), network, picture) is not compute(Counted(size=2), network, picture)
    assert COUNTS["begun"] == 2


def test_dropping_the_work_keeps_nothing_half_done(network, picture):
    working = steps(Counted(), network, picture)
    rough = next(working)
    assert not rough.complete
    working.close()
    assert COUNTS == {"begun": 1, "steps": 0, "left": 1}
    assert Request.of(Counted(), network, picture).answered() is None
    assert compute(Counted(), network, picture).array[0, 0] == 3


def test_every_step_knows_its_request_and_carries_its_notes(network):
    dark = InputImage(np.full((12, 12, 3), 40.0))
    for result in steps(Counted(), network, dark):
        assert result.request == Request.of(Counted(), network, dark)
        assert result.notes[0].kind == "outside_value_range"


def test_without_a_layer_the_result_says_which_it_was(network, picture):
    assert compute(GradCAM(), network, picture).request.layer == "conv2"
    assert compute(Activations(), network, picture).request.layer == "conv1"


def test_the_caption_tells_method_layer_and_target(network, picture):
    request = Request.of(GradCAM(relu="guided"), network, picture, target="dog", layer="conv1")
    assert request.caption == "Grad-CAM (relu=guided) · conv1 · dog"
    assert Request.of(Filters(), network, layer="conv1").caption == "Filters · conv1"
    assert Request.of(Gradient(), network, picture, target=Target("conv2", 3)).caption.endswith("channel 3 of conv2")


def test_what_is_kept_takes_no_more_than_its_bytes(network, monkeypatch):
    monkeypatch.setattr(network.cache, "limit", 20_000)
    random = np.random.default_rng(0)
    for n in range(40):
        image = InputImage(random.uniform(0, 1, (12, 12, 3)))
        compute(Gradient(), network, image, target=n % 5)
        held = {id(result.request.image): result.request.image.array.nbytes for result in results(network)}
        assert sum(held.values()) + sum(result.array.nbytes for result in results(network)) <= 20_000
    assert len(network.cache) > 3


def results(network):
    return [value for value, _ in network.cache._kept.values() if isinstance(value, Result)]


def test_no_image_outlives_its_results_in_the_store(network):
    """A key that held the image would: 600 kB each for an answer of a few bytes."""
    for n in range(5):
        network.outputs(InputImage(np.full((12, 12, 3), n / 10)))
        network.layer_gradient(InputImage(np.full((12, 12, 3), n / 10)), 1, "conv1")
    assert not any(isinstance(part, InputImage) for key in network.cache._kept for part in key)


@pytest.mark.parametrize(
    ("ask", "error", "sentence"),
    [
        (
            lambda n, i: compute(GradCAM, n, i),
            TypeError,
            r"A method is an object such as GradCAM\(\). Received: <class",
        ),
        (lambda n, i: compute("Grad-CAM", n, i), TypeError, r"A method is an object .* Received: 'Grad-CAM'"),
        (
            lambda n, i: compute(GradCAM(), n.model, i),
            TypeError,
            r"A network is what cnnviz.load\(...\) gives. Received",
        ),
        (lambda n, i: compute(GradCAM(), n, None), ValueError, r"Grad-CAM needs an image. Received: None"),
        (lambda n, i: compute(GradCAM(), n, "cat.jpg"), FileNotFoundError, "No such file. .* Received: 'cat.jpg'"),
        (lambda n, i: compute(GradCAM(), n, np.zeros((9, 9, 3))), ValueError, r"\(12, 12, 3\).*Received: \(9, 9, 3\)"),
        (lambda n, i: compute(GradCAM(), n, np.zeros((1, 12, 12, 3))), ValueError, r"Take one image of the batch"),
        (
            lambda n, i: compute(GradCAM(), n, np.full((12, 12, 3), np.nan)),
            ValueError,
            r"432 of 432 values that are NaN",
        ),
        (lambda n, i: compute(GradCAM(), n, i, layer="conv3"), ValueError, r"No layer named 'conv3'. Near to it: conv"),
        (
            lambda n, i: compute(GradCAM(), n, i, layer="scores"),
            ValueError,
            r"Grad-CAM cannot use this layer.*'scores'",
        ),
        (
            lambda n, i: compute(Filters(), n, layer="relu1"),
            ValueError,
            r"Filters cannot use this layer.*'relu1', a ReLU",
        ),
        (lambda n, i: compute(GradCAM(), n, i, target=5), ValueError, r"Class must be between 0 and 4. Received: 5"),
        (lambda n, i: compute(GradCAM(), n, i, target=-1), ValueError, r"Class must be between 0 and 4. Received: -1"),
        (lambda n, i: compute(GradCAM(), n, i, target="dug"), ValueError, r"No class named 'dug'.*Near to it: dog"),
        (lambda n, i: compute(GradCAM(), n, i, target=Target("conv1", 9)), ValueError, r"between 0 and 3. Received: 9"),
        (lambda n, i: compute(GradCAM(relu="guided"), n, i, layer="conv2"), ValueError, r"There is no ReLU to rewrite"),
        (lambda n, i: compute(Occlusion(window=13), n, i), ValueError, r"window must fit in the image \(12 px\)"),
    ],
)
def test_what_cannot_be_done_is_refused_in_a_sentence(ask, error, sentence, network, picture):
    with pytest.raises(error, match=sentence) as refusal:
        ask(network, picture)
    assert "\n" not in str(refusal.value)
    assert len(str(refusal.value)) < 300


def test_a_text_file_is_refused_where_an_image_is_expected(tmp_path):
    text = tmp_path / "notes.jpg"
    text.write_text("not a picture")
    with pytest.raises(ValueError, match="notes|picture|image"):
        InputImage.open(text)


def test_the_layer_of_a_channel_is_the_default_where_a_layer_is_needed(network, picture):
    path = network.spatial_layers[0].path
    assert Request.of(GradCAM(), network, picture, target=Target(path, 0)).layer == path
