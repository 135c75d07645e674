"""The options of the app: a network and an image, chosen by the person who started it or by the address of the page.

The owner chooses by environment variables, which may name files. An address may come from a stranger, so it can only
name networks and images inside the package: `?network=digits&image=7 · sample 12`.
"""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs

from cnnviz_widgets.core.class_names import class_names_in
from cnnviz_widgets.core.image import InputImage
from cnnviz_widgets.core.pixel_conventions import range_of
from cnnviz_widgets.networks import default_name, names, samples
from cnnviz_widgets.words import one_line

NETWORK, IMAGE = "CNNVIZ_NETWORK", "CNNVIZ_IMAGE"
# What is said of the network.
OUTPUT_IS, RANGE, PREPROCESS, CLASSES = "CNNVIZ_OUTPUT_IS", "CNNVIZ_RANGE", "CNNVIZ_PREPROCESS", "CNNVIZ_CLASSES"
# Voila puts the part of the page's address behind "?" here.
ADDRESS = "QUERY_STRING"
DEFAULT = default_name()


@dataclass(frozen=True)
class Options:
    """A choice: `network` is a name or a path, `image` is None for the first sample, `remarks` are to be shown.

    `output_is` is what the network's output is said to be, None where nobody said it; `said` are the other options
    of `load` that somebody gave: `value_range`, `preprocess`, `class_names`.
    """

    network: str = DEFAULT
    image: InputImage | None = None
    remarks: tuple[str, ...] = ()
    output_is: str | None = None
    said: Mapping[str, Any] = field(default_factory=dict)


def options(environment: Mapping[str, str] = os.environ) -> Options:
    """Return the Options in the environment and the address. Raises OSError or ValueError for the owner's mistakes."""
    network, image = environment.get(NETWORK) or DEFAULT, environment.get(IMAGE) or None
    output_is, said = environment.get(OUTPUT_IS) or None, _said(environment)
    wish = {name: values[-1] for name, values in parse_qs(environment.get(ADDRESS, "")).items()}
    remarks = ()
    if "network" in wish:
        if wish["network"] in names():
            if wish["network"] != network:
                image, output_is, said = None, None, {}
            network = wish["network"]
        else:
            remarks += (_not_bundled("network", wish["network"], network, names()),)
    found = None if image is None else find_image(image, network)
    if "image" in wish:
        sample = find_sample(wish["image"], network)
        if sample is None:
            known = [each.name for each in _samples_for(network)]
            remarks += (_not_bundled("image", wish["image"], found.name if found else known[0], known),)
        found = sample or found
    return Options(network, found, remarks, output_is, said)


def said_in_variables(
    output_is: str | None, value_range: tuple[float, float] | None, preprocess: str | None, classes: str | None
) -> dict[str, str]:
    """Return the variables of the environment by which `options` finds what was said; `classes` is a path."""
    pixels = "" if value_range is None else "{!r},{!r}".format(*value_range)
    return {OUTPUT_IS: output_is or "", RANGE: pixels, PREPROCESS: preprocess or "", CLASSES: classes or ""}


def _said(environment):
    readers = {
        "value_range": (RANGE, range_of),
        "preprocess": (PREPROCESS, str),
        "class_names": (CLASSES, class_names_in),
    }
    return {option: read(environment[name]) for option, (name, read) in readers.items() if environment.get(name)}


def find_image(text: str, network: str = DEFAULT) -> InputImage:
    """Return the image with a sample's name or number, or with a path. Needs no TensorFlow."""
    sample = find_sample(text, network)
    if sample is not None:
        return sample
    if "/" not in text and os.sep not in text and "." not in text and not os.path.exists(text):
        known = _shortened([each.name for each in _samples_for(network)])
        raise ValueError(f"An image is a sample ({known}) or the path of a picture. Received: {one_line(text)!r}.")
    return InputImage.open(text)


def find_sample(text: str, network: str = DEFAULT) -> InputImage | None:
    """Return the sample image of that name or number, counted from 1; None where there is none."""
    known = _samples_for(network)
    if text.isascii() and text.isdigit() and 1 <= int(text) <= len(known):
        return known[int(text) - 1]
    return next((sample for sample in known if sample.name == text), None)


def _samples_for(network: str) -> tuple[InputImage, ...]:
    """Return the samples of a bundled network; for any other the photographs, which fit all networks for colours."""
    return samples(network if network in names() else DEFAULT)


def _not_bundled(what: str, received: str, shown: str, known: Sequence[str]) -> str:
    return (
        f"The address may name a bundled {what}: {_shortened(known)}. "
        f"Received: {one_line(received)!r}. Shown instead: {one_line(shown)}."
    )


def _shortened(known: Sequence[str]) -> str:
    return ", ".join(known[:8]) + (f" and {len(known) - 8} more" if len(known) > 8 else "")
