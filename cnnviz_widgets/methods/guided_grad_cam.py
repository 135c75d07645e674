"""Guided Grad-CAM: the fine lines of guided backpropagation where Grad-CAM sees the target.

Selvaraju et al., "Grad-CAM: Visual Explanations from Deep Networks via Gradient-based Localization", ICCV 2017,
section 3, "Guided Grad-CAM" (arXiv:1610.02391).

As in the paper Grad-CAM itself is taken with the plain gradient and enlarged bilinearly to the image. The product is
shown as it is, neither of its factors brought to a range of 0 to 1.
"""

from dataclasses import dataclass

import numpy as np

from cnnviz_widgets.core.display import resize_map
from cnnviz_widgets.core.method import Method, register
from cnnviz_widgets.core.parameters import choice
from cnnviz_widgets.core.result import Result

from .grad_cam import GradCAM
from .gradient import Gradient


@register
@dataclass(frozen=True)
class GuidedGradCAM(Method):
    """The guided gradient of the score, times Grad-CAM after its final ReLU.

    (height, width), or (height, width, channel) for reduce="none"; score per unit of pixel value, times Grad-CAM's
    score times activation; signed, positive where a brighter pixel raises the score in the guided sense, except for
    reduce="max_abs", which is never negative. Zero where Grad-CAM is. Refuses where there is no ReLU to guide.
    """

    title = "Guided Grad-CAM"
    family = "class activation map"
    summary = "The fine lines of guided backpropagation, where Grad-CAM sees the target."
    paper = "Selvaraju et al. 2017, arXiv:1610.02391"
    uses = ("image", "target", "layer")
    fuses_layers = True

    reduce: str = choice(
        "max_abs",
        {
            "max_abs": "The largest absolute value among the channels.",
            "sum": "The sum over the channels, with its sign.",
            "none": "Every channel by itself, as in the paper.",
        },
        help="How the channels of the image become one number a pixel.",
    )

    def run(self, network, image, target, layer):
        """Yield one result. Raises ValueError where there is no ReLU, for guided would be the plain gradient."""
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
