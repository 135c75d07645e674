"""Occlusion: on linear networks, where the drop is a sum; where the windows lie; what must not matter."""

import math

import numpy as np

from cnnviz_widgets.core.image import InputImage
from cnnviz_widgets.maps.masking import Windows
from cnnviz_widgets.methods.occlusion import Occlusion, paint
from cnnviz_widgets.methods.occlusion import plan as route
from cnnviz_widgets.methods.occlusion.incremental import IncrementalOcclusion
from cnnviz_widgets.request import compute
from properties.framework import Bug, assert_close, holds
from properties.shared_bugs import TRAINING
from properties.small_networks import linear, noise, normalised

REMAINS = Bug(
    "what remains is shown, not what is lost", Occlusion.run, "clean.scores - covered.scores", "covered.scores"
)
WIDE_WINDOW = Bug("a window's last pixel is one too far", Windows.__init__, "pixels < s.stop", "pixels <= s.stop")


@holds(
    5,
    "Windows side by side on a linear network give the block sums of weight × (pixel - fill), and all their drops make "
    "the score's difference from the filled image.",
    1e-5,
    "zennit, test_occlusion_disjunct",
    [REMAINS, WIDE_WINDOW],
)
def disjoint_windows(tolerance):
    network, weights = linear(8, 12)
    image = noise(8, 12, 2)
    products = weights[..., 1] * (image.array - 0.5)
    blocks = products.reshape(2, 4, 3, 4, 2).sum(axis=(1, 3, 4))
    found = compute(Occlusion(4, 4, fill="grey"), network, image, target=1).array
    assert_close(found, np.kron(blocks, np.ones((4, 4))), tolerance)
    lost = network.logits(image)[1] - network.logits(np.full((8, 12, 2), 0.5))[1]
    assert_close(found[::4, ::4].sum(), lost, tolerance)


NO_LAST_WINDOW = Bug(
    "the incomplete last window is dropped",
    Windows.__init__,
    "-(-(side - window) // stride) + 1",
    "(side - window) // stride + 1",
)
SUM_OF_WINDOWS = Bug("windows are summed, not averaged", paint, "total / times", "total")
STRIDE_IGNORED = Bug("windows always stand side by side", Windows.__init__, "k * stride", "k * window")


@holds(
    6,
    "A side of H px has ceil((H - window) / stride) + 1 windows, the last one cropped at the border; every pixel is in "
    "at least one, and an image of ones under a network of ones gets the same value everywhere.",
    1e-5,
    "captum; xplique drops the last window",
    [NO_LAST_WINDOW, STRIDE_IGNORED, SUM_OF_WINDOWS],
)
def window_grid(tolerance):
    for side, window, stride in [(12, 4, 4), (12, 4, 3), (13, 5, 2), (7, 7, 1), (9, 3, 1), (11, 1, 1), (10, 4, 4)]:
        windows = Windows(side, window, stride)
        begins = [k * stride for k in range(math.ceil((side - window) / stride) + 1)]
        assert [(each.start, each.stop) for each in windows] == [(b, min(b + window, side)) for b in begins]
        covered = windows.holds.sum(axis=0)
        assert covered.min() >= 1
        assert covered.max() <= math.ceil(window / stride)
    network, _ = linear(12, 12, 1)
    network.model.layers[-1].kernel.assign(np.ones((144, 3)))
    ones = InputImage(np.ones((12, 12, 1)))
    found = compute(Occlusion(4, 2, fill="black"), network, ones, target=0).array
    assert_close(found, np.full((12, 12), 16), tolerance)


GREY_OF_255 = Bug(
    "the fill is that of 0 to 255, whatever the range", Occlusion.run, "network.value_range)", "(0, 255))"
)
ONE_MINUS = Bug(
    "the drop is taken from 1, not from the score", Occlusion.run, "clean.scores - covered.scores", "1 - covered.scores"
)


@holds(
    7,
    "Covering a place with what is there already changes nothing: the map is zero.",
    1e-6,
    "dummy axiom",
    [GREY_OF_255, ONE_MINUS],
)
def nothing_covered(tolerance):
    network, _ = linear(8, 8)
    image = InputImage(np.full((8, 8, 2), 0.5))
    assert np.abs(compute(Occlusion(3, 2, fill="grey"), network, image, target=0).array).max() <= tolerance


FIRST_AGAIN = Bug(
    "every batch covers the windows of the first one",
    IncrementalOcclusion._parts,
    "zip(parts, first, batch, strict=True)",
    "zip(parts, first, range(len(batch)), strict=True)",
    caught_by=(AssertionError, ValueError),
)


@holds(
    8,
    "How many windows go through the network at once does not matter.",
    1e-5,
    "captum, perturbations_per_eval",
    [FIRST_AGAIN, TRAINING],
)
def batches(tolerance):
    image, usual = noise(12, 12, 3), route.LARGEST
    try:
        maps = []
        for route.LARGEST in (1, 7, 64):
            maps.append(compute(Occlusion(4, 2), normalised(), image, target=0).array)
    finally:
        route.LARGEST = usual
    assert_close(maps[1], maps[0], tolerance)
    assert_close(maps[2], maps[0], tolerance)
