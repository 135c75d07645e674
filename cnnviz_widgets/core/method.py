"""`Method`: one way to look inside a network, and the register from which every list of methods is made."""

from abc import ABC, abstractmethod
from dataclasses import fields, replace
from typing import ClassVar

from .parameters import Slider, default_of, parameters_of

# In display order: what a person would try first stands first.
FAMILIES = ("class activation map", "gradient", "perturbation", "what the network holds")
# The side, in px, for which parameters marked `per_image` give their numbers.
REFERENCE_SIDE = 224

_registered = []


class Method(ABC):
    """A frozen dataclass whose fields are its parameters and whose `run` yields results.

    `uses` names what it needs of "image", "target" and "layer"; exactly these reach `run` as keywords. The class
    docstring tells what the numbers mean: axes, unit, sign, range. `summary` is one sentence for a tooltip.
    """

    title: ClassVar[str]
    family: ClassVar[str]
    summary: ClassVar[str]
    paper: ClassVar[str]
    uses: ClassVar[tuple] = ("image", "target")
    leads: ClassVar[bool] = False  # stands first in its family, whatever its title

    def __post_init__(self):
        for name, parameter in parameters_of(self).items():
            parameter.check(name, getattr(self, name))

    @abstractmethod
    def run(self, network, **uses):
        """Yield a `Result` for every step, the last one complete. Yielding is progress, dropping it is cancelling."""

    @classmethod
    def layers(cls, network):
        """The layers among which the method lets one choose: a sequence of LayerInfo."""
        return network.spatial_layers

    @classmethod
    def default_layer(cls, network):
        """The path of the layer that is meant when none is named."""
        usable = cls.layers(network)
        if not usable:
            raise ValueError(
                f"{cls.title} needs a layer that it can show, and {network.name} has none. "
                f"Received: a network of {len(network.layers)} layers."
            )
        return usable[-1].path

    @classmethod
    def slider_ends(cls, name, side, layer=None):
        """(lowest, highest, step) of parameter `name` for an image of shorter side `side` px and a chosen LayerInfo."""
        parameter = parameters_of(cls)[name]
        if not parameter.per_image:
            return parameter.low, parameter.high, parameter.step
        return (
            _scaled(parameter.low, side),
            _scaled(parameter.high, side),
            _scaled(parameter.step, side),
        )

    @classmethod
    def suited_to(cls, side):
        """The method with its defaults, where they depend on the image for one whose shorter side is `side` px."""
        scaled = {
            name: _scaled(default_of(cls, name), side)
            for name, parameter in parameters_of(cls).items()
            if isinstance(parameter, Slider) and parameter.per_image
        }
        return replace(cls(), **scaled)

    def changed(self, name, value):
        """The method with one parameter changed by hand, and with it what would no longer fit to it."""
        return replace(self, **{name: value})

    @classmethod
    def presets(cls, network):
        """Settings worth a name: {name: method}, the first one where to begin; {} where there are none."""
        return {}

    def __str__(self):
        """The title with what differs from the defaults: "Grad-CAM (relu=guided)"."""
        changed = [
            f"{each.name}={getattr(self, each.name)}"
            for each in fields(self)
            if getattr(self, each.name) != each.default
        ]
        return self.title + (f" ({', '.join(changed)})" if changed else "")


def register(method):
    """Class decorator: put a method into every list of methods."""
    # The same class again, as when a notebook cell is run twice, takes the place of the old one.
    _registered[:] = [known for known in _registered if known.__qualname__ != method.__qualname__]
    _registered.append(method)
    return method


def registered():
    """The registered method classes in display order: by family, in it the one that leads, then by title."""
    return tuple(
        sorted(_registered, key=lambda method: (FAMILIES.index(method.family), not method.leads, method.title))
    )


def _scaled(pixels, side):
    return max(1, round(pixels * side / REFERENCE_SIDE))
