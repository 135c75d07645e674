"""Notes: a sentence with its numbers."""

import copy
from dataclasses import FrozenInstanceError

import pytest

from cnnviz_widgets.core.notes import Note


def test_a_note_reads_as_its_sentence():
    assert str(Note("cropped", "A third was cut away.")) == "A third was cut away."


def test_a_note_cannot_be_changed():
    with pytest.raises(FrozenInstanceError):
        Note("cropped", "A third was cut away.").text = "All is well."


def test_a_note_keeps_the_numbers_it_was_made_with():
    numbers = {"share": 0.33}
    note = Note("cropped", "A third was cut away.", numbers)
    numbers["share"] = 0.5
    assert note.numbers == {"share": 0.33}


def test_notes_go_into_sets_and_differ_by_kind_text_and_numbers():
    notes = {
        Note("a", "one", {"n": 1}),
        Note("a", "one", {"n": 1}),
        Note("a", "one", {"n": 2}),
        Note("a", "two", {"n": 1}),
        Note("b", "one", {"n": 1}),
    }
    assert len(notes) == 4


def test_a_note_without_numbers_shares_none_with_another():
    assert Note("a", "one").numbers == {}
    assert Note("a", "one").numbers is not Note("a", "one").numbers


def test_a_copied_note_is_an_equal_note():
    note = Note("a", "one", {"n": 1})
    assert copy.deepcopy(note) == note
