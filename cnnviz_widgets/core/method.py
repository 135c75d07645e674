"""`Method`: one way to look inside a network, and the register from which every list of methods is made."""

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import fields, replace
from typing import TYPE_CHECKING, Any, ClassVar, Self, TypeVar

from .layer import LayerInfo
from .parameters import Slider, default_of, parameters_of
from .result import Result
from .target import Target

if TYPE_CHECKING:
    from cnnviz_widgets.network import Network

# In display order: first those that a person would try first.
FAMILIES = ("class activation map", "gradient", "perturbation", "attention", "what the network holds")
# How far gradients go back: not even to the model's input, to that, or to the pixels through the network's preprocess.
SLOPES = ("none", "behind", "exact")
# The side, in px, for which parameters marked `per_image` give their numbers.
REFERENCE_SIDE = 224

_registered: "list[type[Method]]" = []
AnyMethod = TypeVar("AnyMethod", bound="type[Method]")


class Method(ABC):
    """A frozen dataclass whose fields are its parameters and whose `run` yields results.

    `uses` names the inputs it needs among "image", "target" and "layer"; exactly these reach `run` as keywords. The
    class docstring tells what the numbers mean: axes, unit, sign, range. `summary` is one sentence for a tooltip.
    """

    __dataclass_fields__: ClassVar[dict[str, Any]]  # tells type checkers that every method is a dataclass

    title: ClassVar[str]
    family: ClassVar[str]
    summary: ClassVar[str]
    paper: ClassVar[str]
    uses: ClassVar[tuple[str, ...]] = ("image", "target")
    leads: ClassVar[bool] = False  # stands first in its family, whatever its title
    makes_map: ClassVar[bool] = True  # its result lies over the image, unlike tiles and pictures
    fuses_layers: ClassVar[bool] = False  # the maps of several layers may be fused into one
    needs_slope: ClassVar[str] = "none"  # how far its gradients must go back to the pixels, one of `SLOPES`

    def __post_init__(self) -> None:
        for name, parameter in parameters_of(self).items():
            parameter.check(name, getattr(self, name))

    @abstractmethod
    def run(self, network: "Network", **uses: Any) -> Iterator[Result]:
        """Yield a `Result` for every step, the last one complete.

        Each yield is progress, and dropping the iterator cancels the work. `uses` are the keywords `image`, `target`
        and `layer`, as far as the method uses them.
        """

    @classmethod
    def suits(cls, network: "Network") -> bool:
        """Return False for a network that has nothing of what the method is about, so that it need not be offered."""
        return True

    @classmethod
    def layers(cls, network: "Network") -> Sequence[LayerInfo]:
        """Return the layers that a person can choose from."""
        return network.spatial_layers

    @classmethod
    def default_layer(cls, network: "Network", target: Target | None = None) -> str:
        """Return the path of the layer that is used when none is named, for the score of a target.

        It is the last grid of more than one cell on the way from the image to the score, in front of the score itself:
        if there is one, a grid that lies as the image does and that no other image reaches. A grid of one cell is the
        last resort. Raises ValueError where there is none.
        """
        usable = cls.layers(network)
        if not usable:
            raise ValueError(
                f"{cls.title} needs a layer that it can show, and {network.name} has none. "
                f"Received: a network of {len(network.layers)} layers."
            )
        of_image = [info for info in usable if info.of_image]
        grids = [info for info in of_image if info.tells_places_apart]
        upright = [info for info in grids if not info.mirrored]
        alone = [info for info in upright if not info.shared]
        for layers in (alone, upright, grids, of_image):
            for info in reversed(layers):
                if network.is_behind(info.path, target):
                    return info.path
        raise ValueError(
            f"{cls.title} needs a layer on the way from the image to the score. Name a layer that is, or choose a "
            "method that needs none, such as the gradient or occlusion. "
            f"Received: {network.name}, where no grid of channels lies between them."
        )

    @classmethod
    def slider_ends(cls, name: str, side: int, layer: LayerInfo | None = None) -> tuple[float, float, float]:
        """Return (lowest, highest, step) of slider `name` for an image of shorter side `side` px and a chosen layer.

        Raises TypeError for a parameter that is no slider.
        """
        parameter = parameters_of(cls)[name]
        if not isinstance(parameter, Slider):
            raise TypeError(f"Only sliders have ends. Received: {name!r}, a {type(parameter).__name__}.")
        if not parameter.per_image:
            return parameter.low, parameter.high, parameter.step
        return (
            _scaled(parameter.low, side),
            _scaled(parameter.high, side),
            _scaled(parameter.step, side),
        )

    @classmethod
    def suited_to(cls, side: int) -> Self:
        """Return the method with its defaults for an image whose shorter side is `side` px."""
        scaled = {
            name: _scaled(default_of(cls, name), side)
            for name, parameter in parameters_of(cls).items()
            if isinstance(parameter, Slider) and parameter.per_image
        }
        return replace(cls(), **scaled)

    def changed(self, name: str, value: Any) -> Self:
        """Return the method with one parameter changed by hand, and others adapted that would no longer fit it."""
        return replace(self, **{name: value})

    @classmethod
    def presets(cls, network: "Network") -> "Mapping[str, Method]":
        """Return settings worth a name, {name: method}, the first one to begin with; {} where there are none."""
        return {}

    def __str__(self) -> str:
        """Return the title with the settings that differ from the defaults: "Grad-CAM (relu=guided)"."""
        return self.told_beside(type(self)())

    def told_beside(self, other: "Method") -> str:
        """Return the title with the settings that differ from those of `other`, a method of the same class."""
        changed = [
            f"{each.name}={getattr(self, each.name)}"
            for each in fields(self)
            if getattr(self, each.name) != getattr(other, each.name)
        ]
        return self.title + (f" ({', '.join(changed)})" if changed else "")


def register(method: AnyMethod) -> AnyMethod:
    """Put a method class into every list of methods: a class decorator."""
    # The same class again, as when a notebook cell is run twice, takes the place of the old one.
    _registered[:] = [known for known in _registered if known.__qualname__ != method.__qualname__]
    _registered.append(method)
    return method


def registered() -> tuple[type[Method], ...]:
    """Return the registered method classes in display order: by family, in it the one that leads, then by title."""
    return tuple(
        sorted(_registered, key=lambda method: (FAMILIES.index(method.family), not method.leads, method.title))
    )


def _scaled(pixels: float, side: int) -> int:
    return max(1, round(pixels * side / REFERENCE_SIDE))
