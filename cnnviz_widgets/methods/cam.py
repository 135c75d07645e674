"""The original class activation map, for networks that end in global average pooling and one dense layer.

Zhou, Khosla, Lapedriza, Oliva, Torralba, "Learning Deep Features for Discriminative Localization", CVPR 2016,
section 2, equations 1 and 2 (arXiv:1512.04150).

We differ in one point: the paper sums the maps over all places, while Keras's pooling takes their mean. So the mean of
our map, not its sum, is the score without the bias.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from cnnviz_widgets.core.image import InputImage
from cnnviz_widgets.core.method import Method, register
from cnnviz_widgets.core.notes import Note, single_cell
from cnnviz_widgets.core.result import Result
from cnnviz_widgets.core.target import Target
from cnnviz_widgets.words import number

if TYPE_CHECKING:
    from cnnviz_widgets.network import Network


@register
@dataclass(frozen=True)
class CAM(Method):
    """The sum of the last maps before the pooling, each weighted as the dense layer weights its mean.

    (rows, columns) of these maps' grid; score units; signed, positive where a place raises the target's score. The mean
    over all places is the score without the dense layer's bias: the map shares the score out among the places.
    """

    title = "Original CAM"
    family = "class activation map"
    summary = "Share of each place in the score, for networks that end in global average pooling."
    paper = "Zhou et al. 2016, arXiv:1512.04150"
    uses: ClassVar[tuple[str, ...]] = ("image", "target")

    def run(self, network: "Network", image: InputImage, target: Target) -> Iterator[Result]:
        """Yield one result, (rows, columns). Raises ValueError for a network with another kind of head."""
        maps, weights = network.pooled_maps(image, target)
        cam = maps @ weights  # eq. 2
        mean = float(cam.mean())
        sentence = f"Taken before the pooling. Its mean, {number(mean)}, plus the dense layer's bias is the score."
        shares = Note("shares_the_score", sentence, {"mean": mean})
        notes = (shares, single_cell("The last layer")) if cam.size == 1 else (shares,)
        yield Result(cam, signed=True, unit="score", notes=notes)
