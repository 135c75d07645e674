"""The common part of all ImageNet networks: the names of the 1000 classes, and photographs to try.

Sources, authors and licences are in the project's NOTICE.
"""

from functools import cache

from cnnviz_widgets.core.image import InputImage

from .stored_weights import DATA

PHOTOGRAPHS = DATA / "photographs"

# Name -> true class, where one of the classes plainly names the subject. None of the 1000 is a
# rocket on its pad, an astronaut, a palace's tower or a dahlia, and we do not know Chelsea's breed.
TRUE_CLASSES: dict[str, str | None] = {
    "chelsea": None,
    "coffee": "espresso",
    "grace_hopper": "military uniform",
    "rocket": None,
    "astronaut": None,
    "china": None,
    "flower": None,
}

# Classes that most people recognise.
FAVOURITES = (
    *("espresso", "daisy", "tabby", "chain mail", "strawberry", "stupa", "zebra", "honeycomb", "monarch", "jellyfish"),
    *("pineapple", "school bus"),
)


@cache
def class_names() -> tuple[str, ...]:
    """Return the names of the 1000 classes in the order of a network's outputs, each different."""
    return tuple((DATA / "imagenet_classes.txt").read_text(encoding="utf-8").splitlines())


@cache
def samples() -> tuple[InputImage, ...]:
    """Return the bundled photographs, 224 px square, 0..255 RGB, the cat first."""
    return tuple(InputImage.open(PHOTOGRAPHS / f"{name}.webp", label=label) for name, label in TRUE_CLASSES.items())
