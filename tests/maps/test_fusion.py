"""Several layers fused into one class activation map: numbers done on paper, its notes, and what is refused."""

import numpy as np
import pytest
from kinds import KINDS

from cnnviz_widgets.core.display import resize_map
from cnnviz_widgets.core.notes import Note
from cnnviz_widgets.core.result import Result
from cnnviz_widgets.core.target import Target
from cnnviz_widgets.maps.fusion import fused
from cnnviz_widgets.methods.ablation_cam import AblationCAM
from cnnviz_widgets.methods.activations import Activations
from cnnviz_widgets.methods.cam import CAM
from cnnviz_widgets.methods.grad_cam import GradCAM
from cnnviz_widgets.methods.gradient import Gradient
from cnnviz_widgets.methods.layer_cam import LayerCAM
from cnnviz_widgets.network import Network
from cnnviz_widgets.request import Request, compute, steps


def plain(values, signed=True, notes=()):
    return Result(np.array(values, np.float32), signed=signed, unit="score", notes=notes)


@pytest.fixture
def network():
    return Network(KINDS["functional"].build(), value_range=(0, 1))


# ---- The arithmetic


def test_a_worked_example():
    fine, coarse = plain([[0, 50], [100, -100]]), plain([[-0.25, 0.125]])
    result = fused([fine, coarse], ("a", "b"), (2, 2), 1.0)
    # The first over 100; the second, twice in a column, over 0.25; their mean.
    assert result.array.tolist() == [[(0 - 1) / 2, (0.5 + 0.5) / 2], [(1 - 1) / 2, (-1 + 0.5) / 2]]
    assert result.signed
    assert result.notes[0].numbers == {"a": 100, "b": 0.25}
    assert result.notes[0].text.endswith(": a, b.")


def test_a_map_that_is_zero_stays_zero():
    result = fused([plain([[2.0, 4.0]]), plain([[0.0, 0.0]])], ("a", "b"), (1, 2), 1.0)
    assert result.array.tolist() == [[0.25, 0.5]]


def test_it_is_unsigned_where_every_map_is():
    one, other = plain([[1.0]], signed=False), plain([[1.0]], signed=False)
    assert not fused([one, other], ("a", "b"), (1, 1), 1.0).signed


def test_a_note_of_every_layer_stands_once_and_that_of_some_names_them():
    everywhere, here = Note("unlikely", "The class is unlikely."), Note("single_cell", "It has one cell.")
    maps = [plain([[1.0]], notes=(everywhere, here)), plain([[1.0]], notes=(everywhere,))]
    _, *notes = fused(maps, ("conv1", "conv2"), (1, 1), 1.0).notes
    assert [str(note) for note in notes] == ["The class is unlikely.", "conv1: It has one cell."]
    assert [note.kind for note in notes] == ["unlikely", "single_cell"]


# ---- As a question


def test_it_is_the_mean_of_the_layers_own_maps_each_over_its_largest_value(network, picture):
    paths = ["relu1", "conv2"]
    maps = [compute(GradCAM(final_relu=False), network, picture, target=0, layer=path).array for path in paths]
    expected = sum(resize_map(each, 10, 10) / np.abs(resize_map(each, 10, 10)).max() for each in maps) / 2
    result = compute(GradCAM(final_relu=False), network, picture, target=0, layer=paths)
    assert maps[1].shape < result.array.shape == (10, 10)
    assert result.array == pytest.approx(expected, abs=1e-6)
    assert np.abs(result.array).max() > 0.1
    assert result.request.caption == "Grad-CAM (final_relu=False) · relu1 + conv2 · class 0"
    assert result.notes[0].kind == "fused_layers"
    assert result.on_image().shape == (12, 12)


def test_the_order_in_which_layers_are_named_makes_no_other_question(network, picture):
    one = Request.of(LayerCAM(), network, picture, target=0, layer=("relu1", "conv2"))
    other = Request.of(LayerCAM(), network, picture, target=0, layer=["conv2", "relu1"])
    assert one == other
    assert hash(one) == hash(other)
    assert one.layer == ("relu1", "conv2")
    assert one != Request.of(LayerCAM(), network, picture, target=0, layer=("conv1", "conv2"))


def test_one_layer_in_a_list_is_that_layer_as_it_is(network, picture):
    assert Request.of(GradCAM(), network, picture, target=0, layer=["conv2"]) == Request.of(
        GradCAM(), network, picture, target=0, layer="conv2"
    )


def test_it_is_kept_and_so_is_each_layers_map(network, picture):
    result = compute(LayerCAM(), network, picture, target=0, layer=("relu1", "conv2"))
    assert compute(LayerCAM(), network, picture, target=0, layer=("relu1", "conv2")) is result
    assert Request.of(LayerCAM(), network, picture, target=0, layer="relu1").answered() is not None


def test_every_step_is_a_whole_map_and_only_the_last_is_complete(network, picture, monkeypatch):
    monkeypatch.setattr("cnnviz_widgets.methods.ablation_cam.BATCH", 2)
    results = list(steps(AblationCAM(), network, picture, target=0, layer=("conv1", "conv2")))
    # Two steps for the four channels of conv1, three for the six of conv2.
    assert [result.progress for result in results] == pytest.approx([1 / 4, 1 / 2, 2 / 3, 5 / 6, 1])
    assert {result.array.shape for result in results} == {(10, 10)}
    assert [result.complete for result in results] == [False] * 4 + [True]


def test_leaving_the_loop_keeps_no_unfinished_map(network, picture):
    working = steps(LayerCAM(), network, picture, target=0, layer=("relu1", "conv2"))
    next(working)
    working.close()
    assert Request.of(LayerCAM(), network, picture, target=0, layer=("relu1", "conv2")).answered() is None


def test_the_finest_grid_is_found_where_it_depends_on_the_image(opened, image):
    kind, network = opened("any_size")
    assert compute(LayerCAM(), network, image(kind), target=0, layer=("conv1", "conv2")).array.shape == (10, 10)


def test_a_method_without_layers_takes_no_notice(network, picture):
    several = Request.of(CAM(), network, picture, target=0, layer=("conv1", "conv2"))
    assert several == Request.of(CAM(), network, picture, target=0)
    assert Request.of(Gradient(), network, picture, target=0, layer=()).layer is None


@pytest.mark.parametrize(
    ("method", "layer", "sentence"),
    [
        (GradCAM(), (), r"at least one, each named once. Received: \(\)"),
        (GradCAM(), [], r"at least one, each named once. Received: \[\]"),
        (GradCAM(), ("conv1", "conv1"), r"each named once. Received: \('conv1', 'conv1'\)"),
        (GradCAM(), ("conv1", "conv3"), "No layer named 'conv3'. Near to it: conv"),
        (GradCAM(), ("conv1", "scores"), "Grad-CAM cannot use this layer.*'scores'"),
        (GradCAM(), ("conv1", None), "No layer named None"),
        (Activations(), ("conv1", "conv2"), r"Activations takes one layer.*Received: \('conv1', 'conv2'\)"),
    ],
)
def test_what_cannot_be_fused_is_refused_in_a_sentence(method, layer, sentence, network, picture):
    with pytest.raises(ValueError, match=sentence) as refusal:
        compute(method, network, picture, target=0, layer=layer)
    assert "\n" not in str(refusal.value)


def test_a_layer_behind_the_target_is_refused_as_it_is_alone(network, picture):
    with pytest.raises(ValueError, match="channel 0 of conv1 must depend on layer 'conv2'"):
        compute(GradCAM(), network, picture, target=Target("conv1", 0), layer=("conv1", "conv2"))
