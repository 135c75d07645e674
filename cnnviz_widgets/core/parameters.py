"""The parameters of a method: each is a dataclass field with its range, its steps and its words.

    window: int = slider(32, 1, 112, unit="px", help="Side of the square that covers the image.")

The same field is the keyword of the headless API, the slider in the notebook, its tooltip, and a row in the docs.
"""

from collections.abc import Mapping
from dataclasses import MISSING, dataclass, field, fields
from math import isfinite
from numbers import Integral, Real
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .method import Method


@dataclass(frozen=True)
class Slider:
    """A number. Values below `low` make no sense; `high` is only the end of the slider.

    With `per_image`, default and ends are those for an image of 224 px and scale with the size of the image. `repeats`
    marks a count of repetitions, where 0 stands for all there are: more of them take longer and give a finer result.
    """

    low: float
    high: float
    step: float
    unit: str
    help: str
    per_image: bool = False
    repeats: bool = False

    def check(self, name: str, value: Any) -> None:
        """Raise TypeError or ValueError unless `value` is a number of the slider's kind, not below `low`.

        A slider with whole steps takes whole numbers. A value that depends on the image may go down to 1.
        """
        low, whole = 1 if self.per_image else self.low, isinstance(self.step, int)
        kind = "whole number" if whole else "number"
        if isinstance(value, bool) or not isinstance(value, Integral if whole else Real) or not isfinite(value):
            raise TypeError(f"{name} must be a {kind} of at least {low}. Received: {name}={value!r}.")
        if value < low:
            raise ValueError(f"{name} must be at least {low}. Received: {name}={value!r}.")


@dataclass(frozen=True)
class Choice:
    """One of several named ways; `options` maps each value to a sentence about it."""

    options: Mapping[Any, str]
    help: str

    def check(self, name: str, value: Any) -> None:
        """Raise ValueError unless `value` is one of the options."""
        if value not in list(self.options):  # a list also compares values without a hash
            known = ", ".join(repr(option) for option in self.options)
            raise ValueError(f"{name} must be one of {known}. Received: {name}={value!r}.")


@dataclass(frozen=True)
class Switch:
    """Yes or no."""

    help: str

    def check(self, name: str, value: Any) -> None:
        """Raise TypeError unless `value` is a bool."""
        if not isinstance(value, bool):
            raise TypeError(f"{name} must be True or False. Received: {name}={value!r}.")


# The three below return a dataclass field, but are typed, as `dataclasses.field` is, for the value that it holds.


def slider(
    default: Any,
    low: float,
    high: float,
    step: float = 1,
    unit: str = "",
    help: str = "",
    per_image: bool = False,
    repeats: bool = False,
) -> Any:
    """Return a dataclass field for a number between `low` and `high`, see `Slider`."""
    return _field(default, Slider(low, high, step, unit, help, per_image, repeats))


def choice(default: Any, options: Mapping[Any, str], help: str = "") -> Any:
    """Return a dataclass field for one of `options`, a mapping from each value to a sentence about it."""
    return _field(default, Choice(options, help))


def switch(default: bool, help: str = "") -> Any:
    """Return a dataclass field for True or False."""
    return _field(default, Switch(help))


def parameters_of(method: "Method | type[Method]") -> dict[str, Slider | Choice | Switch]:
    """Return the parameters of a method or method class by name, in order."""
    return {each.name: each.metadata["parameter"] for each in fields(method) if "parameter" in each.metadata}


def default_of(method: "Method | type[Method]", name: str) -> Any:
    """Return the default value of parameter `name`."""
    return next(each.default for each in fields(method) if each.name == name and each.default is not MISSING)


def _field(default: Any, parameter: Slider | Choice | Switch) -> Any:
    return field(default=default, metadata={"parameter": parameter})
