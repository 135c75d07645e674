"""A layer's facts in words: short for tooltips and tables, in sentences for the person who has picked it."""

from typing import TYPE_CHECKING

from cnnviz_widgets.words import percent

if TYPE_CHECKING:
    from cnnviz_widgets.anatomy.anatomy import Anatomy, LayerStructure

IMAGE = ""  # the image's name among the inputs of a layer

# Families of layers, by pieces of Keras's class names; the first that fits.
FAMILIES = {
    "norm": ("Normalization",),
    "pooling": ("Pool",),
    "conv": ("Conv",),
    "activation": ("ReLU", "ELU", "Activation", "Softmax"),
    "merge": ("Add", "Concatenate", "Multiply", "Average", "Subtract", "Maximum", "Minimum", "Dot"),
    "dense": ("Dense",),
}


def family(kind: str) -> str:
    """Return the family of a Keras class: a key of FAMILIES, or "other"."""
    return next((name for name, pieces in FAMILIES.items() if any(piece in kind for piece in pieces)), "other")


def short_kind(kind: str) -> str:
    """Return Keras's class name, shortened if it is long."""
    return kind.replace("Normalization", "Norm").replace("Activation", "Activ.") if len(kind) > 10 else kind


def leaf_name(path: str) -> str:
    """Return the last part of a path: "base/conv2" -> "conv2"."""
    return path.rsplit("/", 1)[-1]


def in_short(facts: "LayerStructure") -> str:
    """Return one line about a layer."""
    info = facts.info
    parts = [leaf_name(info.path), info.kind, info.size]
    if info.parameters:
        parts.append(f"{info.parameters:,} parameters")
    if seen := field_in_short(facts)[0]:
        parts.append(f"a cell sees {seen}")
    return " · ".join(parts)


def sentences(facts: "LayerStructure", anatomy: "Anatomy") -> list[str]:
    """Return the sentences about a layer."""
    return [
        sentence
        for sentence in (
            _flow(facts, anatomy),
            _window(facts),
            _cost(facts, anatomy),
            _sight(facts),
        )
        if sentence
    ]


def _flow(facts, anatomy):
    names = ["the image" if path == IMAGE else leaf_name(path) for path in facts.inputs]
    sizes = [anatomy.layer(path).info.size for path in facts.inputs if path != IMAGE]
    gives = f"gives {facts.info.size}"
    if len(names) == 1:
        return f"Takes {f'{sizes[0]} from ' if sizes else ''}{names[0]}, {gives}."
    if names:
        return f"Takes the outputs of {', '.join(names[:-1])} and {names[-1]}, {gives}."
    return f"{gives.capitalize()}."


def _window(facts):
    if not facts.kernel:
        return f"Activation: {facts.activation}." if facts.activation not in (None, "linear") else ""
    parts = [f"A window of {'×'.join(map(str, facts.kernel))} cells of its input"]
    step = _both(facts.stride or (1, 1))
    parts.append("at every cell" if step == "1" else f"moved by {step} cells")
    if facts.dilation and any(rate != 1 for rate in facts.dilation):
        parts.append(f"dilated by {_both(facts.dilation)}")
    if facts.padding:
        parts.append(f"padding {facts.padding}")
    if (facts.groups or 1) > 1:
        parts.append(f"channels in {facts.groups} groups")
    if facts.activation not in (None, "linear"):
        parts.append(f"then {facts.activation}")
    return f"{', '.join(parts)}."


def _cost(facts, anatomy):
    count = facts.trainable + facts.fixed
    trained = {count: "all of them trainable", 0: "none of them trainable"}.get(
        facts.trainable, f"{facts.trainable:,} of them trainable"
    )
    parts = [f"{count:,} parameters ({percent(count / anatomy.parameters)}), {trained}" if count else "No parameters"]
    if facts.multiply_adds is None:
        parts.append("the number of multiply-adds depends on the image or is not known")
    elif facts.multiply_adds:
        share = f" ({percent(facts.multiply_adds / anatomy.multiply_adds)})" if anatomy.multiply_adds else ""
        parts.append(f"{compact(facts.multiply_adds)} multiply-adds for an image{share}")
    return f"{'; '.join(parts)}."


def _sight(facts):
    if (field := facts.field) is None:
        return "The part of the image that a cell sees is not known."
    if _sees_all(field):
        return "It sees the whole image."
    if None in field.size:
        high, wide = ("all" if size is None else f"{size:g} px" for size in field.size)
        return f"Each cell sees {high} of the image's height and {wide} of its width."
    text = f"Each cell sees {_times(field.size)} px of the image, every {_both(field.stride)} px"
    if None in field.start:
        return f"{text}."
    middle = ", ".join(f"{start + (size - 1) / 2:g}" for start, size in zip(field.start, field.size, strict=True))
    text += f"; the first is centred on ({middle})"
    beyond = field.image_size and any(a > b for a, b in zip(field.size, field.image_size, strict=True))
    return f"{text}. That is more than there is: the rest is padding." if beyond else f"{text}."


def field_in_short(facts: "LayerStructure") -> tuple[str, str]:
    """Return the receptive field as ("43×43 px", "every 8 px"); two empty strings where it is not known."""
    if facts.field is None:
        return "", ""
    if _sees_all(facts.field):
        return "whole image", ""
    return f"{_times(facts.field.size)} px", f"every {_both(facts.field.stride)} px"


def window_in_short(facts: "LayerStructure") -> tuple[str, str]:
    """Return the window of a convolution or a pooling as ("3×3", "step 2, same"); "" for no window, no details."""
    if not facts.kernel:
        return "", facts.padding or ""
    stepping = [] if all(step == 1 for step in facts.stride or ()) else [f"step {_both(facts.stride)}"]
    dilated = [f"dilated {_both(facts.dilation)}"] if facts.dilation and set(facts.dilation) != {1} else []
    return _times(facts.kernel), ", ".join([*stepping, *dilated, *([facts.padding] if facts.padding else [])])


def compact(count: int) -> str:
    """Return a count in three digits: "5.71 G", "23.9 M", "960"."""
    for size, letter in ((1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "k")):
        if count >= size:
            return f"{count / size:.3g} {letter}" if count < 999.5 * size else f"{count / size:.0f} {letter}"
    return str(count)


def _sees_all(field):
    return all(size is None for size in field.size)


def _times(pair):
    return "×".join("all" if value is None else f"{value:g}" for value in pair)


def _both(pair):
    """Return two numbers as one where they are the same: (8, 8) -> "8", (2, 1) -> "2×1"."""
    return _times(pair[:1] if pair[0] == pair[1] else pair)
