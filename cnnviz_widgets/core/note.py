"""Note: a sentence that has to be read beside a picture or a map."""

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Note:
    """One sentence for the reader, with the numbers it speaks of.

    ``kind`` is a short name that code can look for ("outside_value_range"), ``text`` is what a
    person reads, ``numbers`` maps names to the values named in the text.
    """

    kind: str
    text: str
    # A mapping has no hash; kind and text are enough to tell notes apart quickly.
    numbers: Mapping[str, float] = field(default_factory=dict, hash=False)

    def __post_init__(self):
        object.__setattr__(self, "numbers", dict(self.numbers))

    @property
    def link(self):
        """Where it is explained, relative to the docs: "notes.md#cropped"."""
        return f"notes.md#{self.kind}"

    def __str__(self):
        return self.text
