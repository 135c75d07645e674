"""Occlusion: the drop of the score when a part of the image is covered.

Zeiler, Fergus, "Visualizing and Understanding Convolutional Networks", ECCV 2014, section 4.2 (arXiv:1311.2901).

As in captum, a pixel's value is the mean over all windows that cover it, and the last window of a row or column is
cropped at the border, so that every pixel is covered.

With `surround` the occluder is that of the well-known MNIST example for keras-vis: an area of several windows is
covered, and the result is written into the window in its middle. That example covers with the middle grey, moves by
whole windows, and shows the probability that *remains*; here it is the drop, so dark there is high here. Its area is
five windows wide. The network sees only the little outside of it, so such a map shows what suffices for the network
rather than what it needs.

A window changes a part of each feature map, and only that part is computed again (`incremental`). It changes the cells
of the first map that see it, these change cells of the next, and so on; a few layers deep all cells have changed. Up to
there, only a rectangle of each map is computed for every window. The cells that a convolution needs around its
rectangle come from the maps of the uncovered image, which are computed once. Then the rectangle is pasted into the
uncovered image's map, and the rest of the network runs as usual. Apart from rounding, the numbers are those of the
whole network run on the covered image.

The idea is the exact part of Nakandala, Kumar, Papakonstantinou, "Incremental and Approximate Inference for Faster
Occlusion-based Deep CNN Explanations", SIGMOD 2019. We differ in three points. We follow the operations of the traced
graph, not the layers of a few known networks. Predicted cost decides where to switch to whole maps. Windows whose
rectangles are cut off at the border go through the network together, with smaller rectangles.

`dirty_cells` finds the cells that change, in NumPy alone; `steps` finds the operations that can be followed; `cost`
predicts their cost; `plan` decides where to switch to whole maps; `rectangles` is the part in TensorFlow. `whole` does
without all this, for an engine that has no graph.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar, Self

import numpy as np

from cnnviz_widgets.core.image import InputImage
from cnnviz_widgets.core.method import Method, register
from cnnviz_widgets.core.notes import coverage
from cnnviz_widgets.core.parameters import choice, slider
from cnnviz_widgets.core.result import Result
from cnnviz_widgets.core.target import Target
from cnnviz_widgets.engine.engine import has_graph
from cnnviz_widgets.maps.masking import FILL, FILLS, Rectangle, Windows, coarse_to_fine, coarseness

if TYPE_CHECKING:
    from cnnviz_widgets.network import Network


@register
@dataclass(frozen=True)
class Occlusion(Method):
    """The drop of the target's score when a square window covers a place, averaged over the windows there.

    (height, width) of the image; logit units, or probability for score="probability"; signed, positive where covering
    lowers the score. `class_map` is the top class when the window stands at (or nearest to) a pixel. With `surround`
    more than the window is covered, and the drop counts for the window in the middle. In a regression network it is the
    value that drops, there is no class map, and score="probability" is refused.
    """

    title = "Occlusion"
    family = "perturbation"
    summary = "Drop of the score when a window covers a part of the image."
    paper = "Zeiler & Fergus 2014, arXiv:1311.2901"
    uses: ClassVar[tuple[str, ...]] = ("image", "target")

    window: int = slider(32, 8, 112, unit="px", help="Side of the square that covers the image.", per_image=True)
    stride: int = slider(
        16,
        4,
        64,
        unit="px",
        help="Distance between windows; smaller is finer and slower.",
        per_image=True,
    )
    surround: int = slider(
        1,
        1,
        5,
        help="Side of the covered area, in windows; the window in its middle is credited. 1 covers the window alone.",
    )
    fill: str = choice("grey", FILL, help="Fill that the window shows instead of the image.")
    score: str = choice(
        "logit",
        {
            "logit": "The number in front of the softmax.",
            "probability": "The probability after the softmax.",
        },
        help="Score that is watched while the window moves.",
    )

    @classmethod
    def presets(cls, network: "Network") -> Mapping[str, Method]:
        """Return the defaults for the network's images and the occluder of the MNIST example; {} for any size."""
        height, width, _ = network.input_shape
        if height is None or width is None:  # they depend on the image
            return {}
        default = cls.suited_to(min(height, width))
        score = "probability" if network.classifies else "logit"
        article = replace(default, stride=default.window, surround=5, fill="grey", score=score)
        return {"default": default, "article": article}

    def changed(self, name: str, value: Any) -> Self:
        """Return the method with one parameter changed; a stride never exceeds its window."""
        changed = replace(self, **{name: value})
        return replace(changed, stride=min(changed.stride, changed.window))

    def windows(self, shape: tuple[int, ...]) -> tuple[Windows, Windows]:
        """Return the `Windows` along the rows and along the columns of an image of that shape.

        Raises ValueError for a window that does not fit, or a stride that exceeds it.
        """
        rows, columns = (Windows(side, self.window, self.stride, self.surround) for side in shape[:2])
        return rows, columns

    def place(self, shape: tuple[int, ...], row: int, column: int) -> tuple[Rectangle, Rectangle]:
        """Return (window, covered area) nearest to a pixel, to which the class map refers there."""
        pairs = [
            (along[along.nearest[pixel]], along.covered[along.nearest[pixel]])
            for along, pixel in zip(self.windows(shape), (row, column), strict=True)
        ]
        window, covered = zip(*pairs, strict=True)
        return window, covered

    def run(self, network: "Network", image: InputImage, target: Target) -> Iterator[Result]:
        """Yield maps (height, width): rough ones, then finer ones, then the exact one.

        Raises ValueError for a window or stride that does not fit, and for a probability where there is none.
        """
        rows, columns = self.windows(image.shape)
        fill = FILLS[self.fill](image.array, network.value_range)
        drops = np.full((len(rows), len(columns)), np.nan)
        tops = np.full(drops.shape, -1)
        order = coarse_to_fine(*drops.shape)
        windows = [(rows.covered[row], columns.covered[column]) for row, column in order]
        covering = occlusion(network)(image, fill, windows, target, self.score, ranks=-coarseness(*order.T))
        order, known = order[np.concatenate(covering.batches)], 0
        clean = covering.clean
        for batch in covering.batches:
            covered = covering.outputs(batch)
            places = tuple(order[known : known + len(batch)].T)
            drops[places] = clean.scores - covered.scores
            if covered.winners is not None:
                tops[places] = covered.winners
            known += len(batch)
            classes = nearest_known(tops, order, known)[np.ix_(rows.nearest, columns.nearest)]
            yield Result(
                paint(nearest_known(drops, order, known), rows, columns),
                signed=True,
                unit=f"drop in {network.unit(target, self.score)}",
                progress=known / len(order),
                notes=(coverage(rows, columns),),
                class_map=None if clean.winners is None else classes,
                route=covering.words,
            )


def occlusion(network: "Network") -> Callable[..., Any]:
    """Return the function of (image, fill, rectangles, target, of, ranks) that makes the answers for covered images."""
    if has_graph(network.engine):
        from .incremental import IncrementalOcclusion as Answers  # which imports TensorFlow
    else:
        from .whole import WholeOcclusion as Answers
    return partial(Answers, network)


def paint(drops: np.ndarray, rows: Windows, columns: Windows) -> np.ndarray:
    """Return (height, width): for each pixel the mean of the drops (rows, columns) of the windows that hold it."""
    # Not as products of matrices, whose threads get in the way of TensorFlow's: 40 ms where this takes less than one.
    total = np.einsum("hc,cw->hw", np.einsum("rh,rc->hc", rows.holds, drops), columns.holds)
    times = np.outer(rows.holds.sum(axis=0), columns.holds.sum(axis=0))
    return (total / times).astype(np.float32)


def nearest_known(values: np.ndarray, order: np.ndarray, known: int) -> np.ndarray:
    """Return the grid `values` (rows, columns) with unknown ones taken from the nearest known coarser place.

    `order` (n, 2) is that of `coarse_to_fine`; the values of its first `known` places are known.
    """
    filled, place = values.copy(), np.mgrid[: values.shape[0], : values.shape[1]]
    have = np.zeros(values.shape, bool)
    have[tuple(order[:known].T)] = True
    for step in (2, 4, 8):
        coarser = place // step * step
        borrow = ~have & have[tuple(coarser)]
        filled[borrow] = values[tuple(coarser)][borrow]
        have |= borrow
    filled[~have] = values[tuple(order[0])]
    return filled
