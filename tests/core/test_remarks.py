"""The sentences that must stand beside a map, and when they do."""

import numpy as np
import pytest
from kinds import KINDS

from cnnviz_widgets.core import notes as remarks
from cnnviz_widgets.core.image import InputImage
from cnnviz_widgets.core.result import TILES, Result
from cnnviz_widgets.core.target import Target
from cnnviz_widgets.methods.gradient import Gradient
from cnnviz_widgets.network import Network
from cnnviz_widgets.request import compute


def kinds_of(notes):
    return [note.kind for note in notes]


def plain(array, **facts):
    return Result(np.asarray(array, np.float32), signed=True, unit="", **facts)


def test_a_class_that_the_network_does_not_see_is_pointed_out(picture):
    model = KINDS["functional"].build()
    kernel, _ = model.get_layer("scores").get_weights()
    model.get_layer("scores").set_weights([kernel * 0, np.array([9, 0, 0, 0, 0], np.float32)])
    network = Network(model, class_names=["cat", "dog", "bee", "cup", "pen"], value_range=(0, 1))
    (note, *_) = compute(Gradient(), network, picture, target="dog").notes
    assert note.kind == "unlikely_target"
    assert note.text == "The network gives dog only 0.01 % here: the map explains a class that it does not see."
    assert note.numbers["probability"] == pytest.approx(np.exp(-9), rel=1e-2)
    assert "unlikely_target" not in kinds_of(compute(Gradient(), network, picture, target="cat").notes)
    assert "unlikely_target" not in kinds_of(compute(Gradient(), network, picture, target=Target("conv1", 0)).notes)


def test_a_head_that_hides_its_softmax_is_pointed_out(opened, image):
    kind, network = opened("softmax_by_hand")
    assert "hidden_head" in kinds_of(compute(Gradient(), network, image(kind)).notes)


def test_the_images_own_notes_stand_beside_every_map_of_it(small):
    dark = InputImage(np.full((12, 12, 3), 30.0))
    assert "outside_value_range" in kinds_of(compute(Gradient(), small, dark).notes)


def test_a_map_that_is_the_same_everywhere_says_so():
    (note,) = remarks.on_result(plain([[2, 2], [2, 2]]))
    assert str(note) == "The map is 2 everywhere: it prefers no place."
    assert remarks.on_result(plain([[2, 2], [2, 3]])) == ()
    assert remarks.on_result(plain(np.zeros((1, 2, 2)), axes=TILES)) == ()
    assert remarks.on_result(plain([[5]])) == ()  # one cell is noted elsewhere


def test_numbers_that_are_none_are_counted():
    (note,) = remarks.on_result(plain([[1, np.nan], [np.inf, 0]]))
    assert note.kind == "not_finite"
    assert note.numbers == {"count": 2, "size": 4}


def test_weights_that_are_not_numbers_are_seen_in_the_result(picture):
    model = KINDS["functional"].build()
    model.get_layer("scores").kernel.assign(np.full((6, 5), np.nan))
    result = compute(Gradient(), Network(model, value_range=(0, 1)), picture, target=0)
    assert "not_finite" in kinds_of(result.notes)


def test_a_relu_rule_tells_what_it_changed_and_what_it_did_not():
    assert str(remarks.rewritten(1, {})) == "1 ReLU was rewritten."
    counted, warning = remarks.of_rewritten_gradient(3, {"Tanh": 1, "Elu": 2})
    assert str(counted) == "3 ReLUs were rewritten; 2 Elu, 1 Tanh kept their own gradient."
    assert "Adebayo" in str(warning)


def test_a_map_that_is_mostly_chance_asks_for_more_samples():
    chance = remarks.standard_error(0.9, 1.0, "masks")
    assert chance.text.endswith("chance makes about 81 % of its variance: take more masks.")
    assert chance.numbers == {"standard_error": 0.9, "spread": 1.0, "share": pytest.approx(0.81)}
    assert remarks.standard_error(0.1, 1.0, "masks").text.endswith("about 1 % of its variance.")
    assert remarks.standard_error(2.0, 1.0, "masks").numbers["share"] == 1
    assert remarks.standard_error(0.0, 0.0, "masks").numbers["share"] == 0


def test_guided_maps_carry_their_warning(small, picture):
    kinds = kinds_of(compute(Gradient(relu="guided"), small, picture).notes)
    assert kinds[:2] == ["relus_rewritten", "barely_about_weights"]


def test_every_note_is_one_sentence_on_one_line():
    notes = [
        remarks.unlikely("cat", 0.001),
        remarks.hidden_head(),
        remarks.not_finite(1, 2),
        remarks.constant_map(1.0),
        *remarks.of_rewritten_gradient(2, {"Tanh": 1}),
        remarks.nothing_positive(),
        remarks.single_cell("conv1"),
        remarks.standard_error(1.0, 2.0, "samples"),
    ]
    for note in notes:
        assert note.text.endswith(".")
        assert "\n" not in note.text
