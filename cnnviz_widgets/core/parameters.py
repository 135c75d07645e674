"""What a person may vary about a method: a dataclass field plus how far, in which steps, in which words.

    window: int = slider(32, 1, 112, unit="px", help="Side of the square that covers the image.")

The same field is the keyword of the headless API, the slider in the notebook, its tooltip, and a row in the docs.
"""

from dataclasses import MISSING, dataclass, field, fields
from math import isfinite
from numbers import Integral, Real


@dataclass(frozen=True)
class Slider:
    """A number. Below `low` it makes no sense; `high` only says where the slider ends.

    With `per_image`, default and ends are meant for an image of 224 px and shrink or grow with the image.
    """

    low: float
    high: float
    step: float
    unit: str
    help: str
    per_image: bool = False

    def check(self, name, value):
        """Raise TypeError or ValueError unless `value` is a number of the slider's kind, not below `low`.

        A slider that moves in whole steps takes whole numbers. What depends on the image may go down to 1.
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

    options: dict
    help: str

    def check(self, name, value):
        """Raise ValueError unless `value` is one of the options."""
        if value not in list(self.options):  # a list compares also what has no hash
            known = ", ".join(repr(option) for option in self.options)
            raise ValueError(f"{name} must be one of {known}. Received: {name}={value!r}.")


@dataclass(frozen=True)
class Switch:
    """Yes or no."""

    help: str

    def check(self, name, value):
        """Raise TypeError unless `value` is a bool."""
        if not isinstance(value, bool):
            raise TypeError(f"{name} must be True or False. Received: {name}={value!r}.")


def slider(default, low, high, step=1, unit="", help="", per_image=False):
    """A dataclass field for a number between `low` and `high`, see `Slider`."""
    return _field(default, Slider(low, high, step, unit, help, per_image))


def choice(default, options, help=""):
    """A dataclass field for one of `options`, a dict from value to a sentence about it."""
    return _field(default, Choice(options, help))


def switch(default, help=""):
    """A dataclass field for True or False."""
    return _field(default, Switch(help))


def parameters_of(method):
    """The parameters of a method or method class, in order: a dict from name to Slider, Choice or Switch."""
    return {each.name: each.metadata["parameter"] for each in fields(method) if "parameter" in each.metadata}


def default_of(method, name):
    """The value that parameter `name` has when nobody gives one."""
    return next(each.default for each in fields(method) if each.name == name and each.default is not MISSING)


def _field(default, parameter):
    return field(default=default, metadata={"parameter": parameter})
