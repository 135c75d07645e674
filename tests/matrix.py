"""Every method on every kind of model: what comes of it, told as a verdict, and the table of all of them.

`tests/test_matrix.py` asserts it, `tools/matrix.py` writes it down for people.
"""

import re
from dataclasses import dataclass
from functools import cache

import numpy as np
from fingerprint import fingerprint
from kinds import KINDS
from quick import quick

from cnnviz_widgets.core.result import COLOUR_MAP, MAP, PICTURE
from cnnviz_widgets.methods import all_methods
from cnnviz_widgets.request import compute

SIDE = 12
# How far two ways of writing one function may differ, relative to the largest value.
TOLERANCE = 1e-4


@dataclass(frozen=True)
class Verdict:
    """What came of a method on a kind: "right", or the sentence with which it refused; and what is wrong with it."""

    refusal: str | None = None
    faults: tuple = ()


def verdict(method, name, opened, image):
    """The Verdict of a method on the kind `name`; `opened` and `image` are the fixtures of these names."""
    kind, network = opened(name)
    picture = image(kind)
    asked, target = (quick(method.suited_to(SIDE)), network), 0 if "target" in method.uses else None
    asked += (picture if "image" in method.uses else None,)
    before = _untouched(network.model, kind, picture)
    try:
        result = compute(*asked, target=target)
    except ValueError as error:
        return Verdict(str(error), tuple(_faults_of_sentence(str(error))))
    network.cache.clear()
    faults = list(_faults_of_result(result, picture, network))
    if not np.array_equal(compute(*asked, target=target).array, result.array):
        faults.append("asked again it gives other numbers")
    if _fingerprint(network.model, kind, picture) != before:
        faults.append("the model is not as it was")
    if kind.plain is not None:
        faults += _differences(method, kind, network, opened(kind.plain[0])[1], picture)
    return Verdict(None, tuple(faults))


def _fingerprint(model, kind, picture):
    return fingerprint(model, kind, np.repeat(picture.array[np.newaxis], 2, axis=0))


_untouched = cache(_fingerprint)  # each kind is opened once, for all methods


def _faults_of_sentence(sentence):
    if "Received: " not in sentence:
        yield f"a refusal that does not say what arrived: {sentence}"
    if "\n" in sentence:
        yield f"a refusal of several lines: {sentence}"


def _faults_of_result(result, picture, network):
    if not result.complete:
        yield "not complete"
    if not np.isfinite(result.array).all():
        yield "numbers that are not finite"
    if result.array.ndim != len(result.axes) or result.array.size == 0:
        yield f"axes {result.axes} for an array of shape {result.array.shape}"
    if result.axes in (MAP, COLOUR_MAP) and result.on_image().shape[:2] != picture.shape[:2]:
        yield f"a map of shape {result.on_image().shape} for an image of shape {picture.shape}"
    if result.axes == PICTURE and len(result.array.shape) != len(network.input_shape):
        yield f"a picture of shape {result.array.shape}"


def _differences(method, kind, network, plain, picture):
    """Where the method gives other numbers than on the same function written plainly."""
    layers = kind.plain[1].items() if "layer" in method.uses else [(None, None)]
    usable = {info.path for info in method.layers(network)}, {info.path for info in method.layers(plain)}
    for own, others in layers:
        if own is not None and not (own in usable[0] and others in usable[1]):
            continue
        found, expected = (
            compute(
                quick(method.suited_to(SIDE)),
                each,
                picture if "image" in method.uses else None,
                target=0 if "target" in method.uses else None,
                layer=layer,
            ).array
            for each, layer in ((network, own), (plain, others))
        )
        if found.shape != expected.shape:
            yield f"shape {found.shape} where {kind.plain[0]} has {expected.shape}"
        elif np.abs(found - expected).max() > TOLERANCE * max(np.abs(expected).max(), 1e-12):
            yield f"at layer {own} it differs from {kind.plain[0]} by {np.abs(found - expected).max():.2g}"


# ---- For people

HEAD = """# Methods on models of every kind

Written by `python -m tools.matrix`, from the models in `tests/kinds.py`; a test checks that it is up to date.

**right**: the method gives finite numbers of the right shape, the same again, and leaves the model as it was (weights,
configuration, attributes, activations). For every kind the numbers that all methods are made of, outputs and gradients
at the image and at a layer, are compared with TensorFlow's own tape on a twin model (`tests/test_network.py`).
Where the second column names a kind, that one is the same function written plainly, with the same weights, and each
method gives the same map for both, to 1e-4 of its largest value.

A number is a refusal, in one sentence, below the table.
"""


def told(verdict, name):
    """A verdict on the kind `name` as the page tells it: "right", "wrong", or the sentence of the refusal."""
    if verdict.faults:
        return "wrong"
    if verdict.refusal is None:
        return "right"
    # What arrived is another thing for each model, and layers are numbered as they were made.
    return verdict.refusal.partition(" Received: ")[0].replace(f"and {name} has", "and the network has")


def table(cells):
    """The page, of what is told of each method on each kind: {(kind, method's name): text}."""
    sentences = {}
    methods = [method.__name__ for method in all_methods()]
    lines = [HEAD, f"| Kind of model | Same function as | {' | '.join(methods)} |"]
    lines.append("| --- | --- |" + " :-: |" * len(methods))
    for name, kind in KINDS.items():
        row = [_numbered(cells[name, method], sentences) for method in methods]
        plain = "" if kind.plain is None else words(kind.plain[0])
        lines.append(f"| {words(name)} | {plain} | {' | '.join(row)} |")
    notes = [f"{number}. {sentence}" for sentence, number in sentences.items()]
    return "\n".join([*lines, "", *notes, ""])


def cells_of(page):
    """The cells of a page, as `table` takes them."""
    sentences = dict(re.findall(r"^(\d+)\. (.+)$", page, re.MULTILINE))
    header, _, *rows = [
        [cell.strip() for cell in line.split("|")[1:-1]] for line in page.splitlines() if line.startswith("|")
    ]
    return {
        (row[0].replace(" ", "_"), method): sentences.get(cell, cell)
        for row in rows
        for method, cell in zip(header[2:], row[2:], strict=True)
    }


def words(name):
    """A kind's name as people write it."""
    return name.replace("_", " ")


def _numbered(text, sentences):
    return text if text in ("right", "wrong") else str(sentences.setdefault(text, len(sentences) + 1))
