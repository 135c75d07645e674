"""Occlusion: cover a part of the image and see what the network loses.

Zeiler, Fergus, "Visualizing and Understanding Convolutional Networks", ECCV 2014, section 4.2 (arXiv:1311.2901).

As in captum, a pixel's value is the mean over all windows that cover it, and the last window of a row or column is
cropped at the border, so that every pixel is covered.

With `surround` the occluder is that of the well-known MNIST example for keras-vis: what is covered is an area of
several windows, and what comes of it is written into the window in its middle. That example covers with the middle
grey, moves by whole windows, and shows the probability that *remains*; here it is the drop, so dark there is high here.
Its area is five windows wide. Only the little that lies outside of it is left to the network, so such a map tells
rather what the network can do with than what it needs.

A window changes a part of each feature map, and only that part is computed again (`incremental`). It changes the cells
of the first map that see it, these change cells of the next, and so on; a few layers deep all cells have changed. Up to
there, for every window, only a rectangle of each map is computed. What a convolution needs around its rectangle comes
from the maps of the uncovered image, which are computed once. Then the rectangle is pasted into the uncovered image's
map, and the rest of the network runs as it always does. The numbers are those of the whole network run on the covered
image, but for rounding.

The idea is that of Nakandala, Kumar, Papakonstantinou, "Incremental and Approximate Inference for Faster
Occlusion-based Deep CNN Explanations", SIGMOD 2019, its exact part. We differ in three points. We follow the operations
of the traced graph, not the layers of a few known networks. Where to go over to whole maps is decided by predicted
cost. Windows whose rectangles are cut off at the border go through the network together, with smaller rectangles.

`dirty_cells` finds the cells that change, in NumPy alone; `steps` the operations that can be followed; `cost` predicts
what they take; `plan` decides where to go over to whole maps; `rectangles` is the part in TensorFlow. `whole` does
without all this, for an engine that has no graph.
"""

from dataclasses import dataclass, replace
from functools import partial

import numpy as np

from cnnviz_widgets.core.method import Method, register
from cnnviz_widgets.core.notes import coverage
from cnnviz_widgets.core.parameters import choice, slider
from cnnviz_widgets.core.result import Result
from cnnviz_widgets.maps.masking import FILL, FILLS, Windows, coarse_to_fine, coarseness


@register
@dataclass(frozen=True)
class Occlusion(Method):
    """How much the target's score drops when a square window covers a place, averaged over the windows there.

    (height, width) of the image; logit units, or probability for score="probability"; signed, positive where covering
    lowers the score. `class_map` tells the top class when the window stands at (or nearest to) a pixel. With `surround`
    more than the window is covered, and its drop counts for the window in the middle. Of a regression network it is the
    value that drops, there is no class map, and score="probability" is refused.
    """

    title = "Occlusion"
    family = "perturbation"
    summary = "How the score drops when a window covers a part of the image."
    paper = "Zeiler & Fergus 2014, arXiv:1311.2901"
    uses = ("image", "target")

    window: int = slider(32, 8, 112, unit="px", help="Side of the square that covers the image.", per_image=True)
    stride: int = slider(
        16,
        4,
        64,
        unit="px",
        help="How far the window moves; smaller is finer and slower.",
        per_image=True,
    )
    surround: int = slider(
        1,
        1,
        5,
        help="Side of the covered area, in windows; the window in its middle is credited. 1 covers the window alone.",
    )
    fill: str = choice("grey", FILL, help="What the window shows instead of the image.")
    score: str = choice(
        "logit",
        {
            "logit": "The number in front of the softmax.",
            "probability": "The probability after the softmax.",
        },
        help="What is watched while the window moves.",
    )

    @classmethod
    def presets(cls, network):
        """The defaults for the network's images, and the occluder of the MNIST example."""
        height, width, _ = network.input_shape
        if height is None or width is None:  # they depend on the image
            return {}
        default = cls.suited_to(min(height, width))
        score = "probability" if network.classifies else "logit"
        article = replace(default, stride=default.window, surround=5, fill="grey", score=score)
        return {"default": default, "article": article}

    def changed(self, name, value):
        """With one parameter changed; a stride never exceeds its window."""
        changed = replace(self, **{name: value})
        return replace(changed, stride=min(changed.stride, changed.window))

    def windows(self, shape):
        """The `Windows` along the rows and along the columns of an image of that shape."""
        return tuple(Windows(side, self.window, self.stride, self.surround) for side in shape[:2])

    def place(self, shape, row, column):
        """(window, covered area) nearest to a pixel, each a pair of slices: what the class map tells there."""
        pairs = [
            (along[along.nearest[pixel]], along.covered[along.nearest[pixel]])
            for along, pixel in zip(self.windows(shape), (row, column), strict=True)
        ]
        return tuple(zip(*pairs, strict=True))

    def run(self, network, image, target):
        """Yield rough maps, then finer ones, then the exact one."""
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


def occlusion(network):
    """A function of (image, fill, rectangles, target, of, ranks) that gives the answers for covered images."""
    if hasattr(network.engine, "traced"):
        from .incremental import IncrementalOcclusion as Answers  # which imports TensorFlow
    else:
        from .whole import WholeOcclusion as Answers
    return partial(Answers, network)


def paint(drops, rows, columns):
    """(height, width): at each pixel the mean of the drops (rows, columns) of the windows that it is in."""
    # Not as products of matrices, whose threads get in the way of TensorFlow's: 40 ms where this takes less than one.
    total = np.einsum("hc,cw->hw", np.einsum("rh,rc->hc", rows.holds, drops), columns.holds)
    times = np.outer(rows.holds.sum(axis=0), columns.holds.sum(axis=0))
    return (total / times).astype(np.float32)


def nearest_known(values, order, known):
    """The grid of values, those not known yet taken from the nearest coarser place that is.

    `order` is that of `coarse_to_fine`, of which the first `known` places have their values.
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
