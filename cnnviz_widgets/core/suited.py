"""The parameters with which a method begins: those that suit a network, an image and a target."""

from dataclasses import replace
from typing import TYPE_CHECKING

from .image import InputImage
from .method import Method
from .target import Target

if TYPE_CHECKING:
    from cnnviz_widgets.network import Network

FINAL_RELU = "final_relu"  # the parameter of class activation maps that takes negative values away


def suited(
    method_class: type[Method],
    network: "Network | None",
    image: InputImage | None,
    target: Target | str | None = None,
) -> Method:
    """Return the method with parameters that suit the network, the image and the target, as far as these are known."""
    return signed_for(target, _of_size(method_class, network, image))


def is_contrast(target: Target | str | None) -> bool:
    """Return True for a difference of classes or channels."""
    return isinstance(target, Target) and target.is_contrast


def signed_for(target: Target | str | None, method: Method) -> Method:
    """Return the method with both signs in its map for a difference, otherwise as its paper has it."""
    if not hasattr(method, FINAL_RELU):
        return method
    return replace(method, **{FINAL_RELU: not is_contrast(target)})


def takes(network: "Network", image: InputImage | None) -> bool:
    """Return True for an image that fits the network."""
    try:
        return image is not None and network.fit(image) is not None
    except ValueError:
        return False


def _of_size(method_class, network, image):
    if network is not None and (presets := method_class.presets(network)):
        return next(iter(presets.values()))
    if network is None or not takes(network, image):
        return method_class()
    return method_class.suited_to(min(network.fit(image).shape[:2]))
