"""`Settings`: one frozen value of everything that a person has chosen, and its move to another network."""

from dataclasses import dataclass, fields, replace

from cnnviz_widgets.core.image import InputImage
from cnnviz_widgets.core.method import Method
from cnnviz_widgets.core.suited import FINAL_RELU, is_contrast, signed_for, suited, takes
from cnnviz_widgets.core.target import Target

from .network import Network
from .networks import samples


@dataclass(frozen=True)
class Settings:
    """A person's choices. One value, so that things which change together change in one step."""

    network: Network | None = None
    image: InputImage | None = None
    method: Method = None  # pyright: ignore[reportAssignmentType]  # a session's settings always have one
    target: Target | str | None = None  # None is the top class
    layer: str | tuple[str, ...] | None = None  # None is the method's own choice

    def __post_init__(self) -> None:
        if self.image is not None and not isinstance(self.image, InputImage):
            object.__setattr__(self, "image", InputImage.of(self.image))
        if self.target is not None and not isinstance(self.target, (Target, str)):
            object.__setattr__(self, "target", Target(self.target))  # so that equal targets are equal settings

    def changes(self, before: "Settings") -> set[str]:
        """The names of the fields that differ from what they were in the settings `before`."""
        return {name for name in FIELDS if getattr(self, name) != getattr(before, name)}

    def continues(self, before: "Settings") -> bool:
        """True if pictures of the settings `before` lead on to these: the same method of the same network and image."""
        same = self.network is before.network and type(self.method) is type(before.method)
        return same and self.image == before.image

    def with_signs_for(self, before: "Settings") -> "Settings":
        """The settings with a map of both signs where the target has become a difference, and back as it was one.

        Half of the answer to "A rather than B" is what speaks for B, which the final ReLU of a class activation map
        would take away. What a person has chosen against the rule stays.
        """
        was, now = is_contrast(before.target), is_contrast(self.target)
        if was == now or self.method != before.method or getattr(self.method, FINAL_RELU, None) is not (not was):
            return self
        return replace(self, method=signed_for(self.target, self.method))

    def moved_to(self, network: Network, keep_method: bool = False) -> "Settings":
        """The settings for another network: an image that it can show, and parameters that suit it.

        An image of the other network's samples is replaced by one of its own, and so is one that does not fit. Without
        samples, or where the image was chosen for this network, it stays. Target and layer go, since they named
        parts of the other network; the method stays as it is with `keep_method`.
        """
        image, own = self.image, samples_of(network.name)
        from_the_other = self.network is not None and image in samples_of(self.network.name)
        misfit = self.network is not None and not takes(network, image)
        if own and (from_the_other or misfit or image is None):
            image = own[0]
        moved = replace(self, network=network, image=image)
        if self.network is not None:
            moved = replace(moved, target=None, layer=None)
        return moved if keep_method else replace(moved, method=suited(type(self.method), network, image, moved.target))


FIELDS = tuple(field.name for field in fields(Settings))


def samples_of(name: str) -> tuple[InputImage, ...]:
    """The sample images of a network of that name; () for one that is not bundled."""
    try:
        return samples(name)
    except ValueError:
        return ()
