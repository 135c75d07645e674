"""`UndoHistory`: the pictures that a person can go back to. Standard library only."""

from typing import Generic, TypeVar

Chosen = TypeVar("Chosen")

# Steps that one can go back.
REMEMBERED = 50


class UndoHistory(Generic[Chosen]):
    """The settings of complete pictures, the latest ones."""

    def __init__(self) -> None:
        self._shown: tuple[Chosen, ...] = ()

    def add(self, settings: Chosen) -> None:
        """Remember that a picture of these settings is complete."""
        if not self._shown or self._shown[-1] != settings:
            self._shown = (*self._shown[1 - REMEMBERED :], settings)

    def has_others(self, settings: Chosen) -> bool:
        """Return True if there are settings other than these."""
        return any(shown != settings for shown in self._shown)

    def before(self, settings: Chosen) -> Chosen | None:
        """Return the latest settings other than these, and forget those after them; None where there are none."""
        while self._shown and self._shown[-1] == settings:
            self._shown = self._shown[:-1]
        return self._shown[-1] if self._shown else None
