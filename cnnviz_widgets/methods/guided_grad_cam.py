"""Guided Grad-CAM: the fine lines of guided backpropagation where Grad-CAM sees the target.

Selvaraju et al., "Grad-CAM: Visual Explanations from Deep Networks via Gradient-based Localization", ICCV 2017,
section 3, "Guided Grad-CAM" (arXiv:1610.02391).

As in the paper, Grad-CAM itself uses the plain gradient and is enlarged bilinearly to the image. The product is left as
it is, with neither factor scaled to a range of 0 to 1.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from cnnviz_widgets.core.display import resize_map
from cnnviz_widgets.core.image import InputImage
from cnnviz_widgets.core.method import Method, register
from cnnviz_widgets.core.parameters import choice
from cnnviz_widgets.core.result import Result
from cnnviz_widgets.core.target import Target

from .grad_cam import GradCAM
from .gradient import Gradient

if TYPE_CHECKING:
    from cnnviz_widgets.network import Network


@register
@dataclass(frozen=True)
class GuidedGradCAM(Method):
    """The guided gradient of the score, times Grad-CAM after its final ReLU.

    (height, width), or (height, width, channel) for reduce="none"; score per unit of pixel value, times Grad-CAM's
    score per cell; signed, positive where a brighter pixel raises the score in the guided sense, except for
    reduce="max_abs", which is never negative. Zero where Grad-CAM is zero.
    """

    title = "Guided Grad-CAM"
    family = "class activation map"
    summary = "Fine lines of guided backpropagation, limited to where Grad-CAM sees the target."
    paper = "Selvaraju et al. 2017, arXiv:1610.02391"
    uses: ClassVar[tuple[str, ...]] = ("image", "target", "layer")
    needs_slope = "behind"
    fuses_layers = True

    reduce: str = choice(
        "max_abs",
        {
            "max_abs": "The largest absolute value among the channels.",
            "sum": "The sum over the channels, with its sign.",
            "none": "Every channel by itself, as in the paper.",
        },
        help="Reduction of the image's channels to one number per pixel.",
    )

    def run(self, network: "Network", image: InputImage, target: Target, layer: str) -> Iterator[Result]:
        """Yield one result, (height, width[, channel]).

        Raises ValueError where there is no ReLU, because guided would be the plain gradient there.
        """
        try:
            network.gates(None, target, "guided")
        except ValueError as refusal:
            raise ValueError(
                f"{self.title} needs ReLUs within reach between the image and the score; Grad-CAM does without. "
                f"Received: the score of {network.describe(target)} in {network.name}."
            ) from refusal
        (guided,) = Gradient("guided", self.reduce).run(network, image, target)
        (cam,) = GradCAM().run(network, image, target, layer)
        where = resize_map(cam.array, *image.shape[:2])
        yield Result(
            guided.array * (where[..., np.newaxis] if self.reduce == "none" else where),
            signed=guided.signed,
            unit=f"{guided.unit} × {cam.unit}",
            axes=guided.axes,
            notes=guided.notes + cam.notes,
        )
