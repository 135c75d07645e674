"""`UndoHistory`: the pictures that a person can go back to. Standard library only."""

# Steps that one can go back.
REMEMBERED = 50


class UndoHistory:
    """The settings of complete pictures, the latest ones."""

    def __init__(self):
        self._shown = ()

    def add(self, settings: object) -> None:
        """Remember that a picture of these settings is complete."""
        if not self._shown or self._shown[-1] != settings:
            self._shown = (*self._shown[1 - REMEMBERED :], settings)

    def before(self, settings: object) -> object:
        """The latest settings other than these, which are then the last to be remembered; None where there are none."""
        while self._shown and self._shown[-1] == settings:
            self._shown = self._shown[:-1]
        return self._shown[-1] if self._shown else None
