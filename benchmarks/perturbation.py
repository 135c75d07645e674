"""Methods that look at many changed images, beside as many bare forward passes in batches of the best size."""

from dataclasses import replace

import cnnviz_widgets as cnnviz

from .bare import CAT, LAST, BestBatch, opened
from .measure import Fact, Row, alternate, shared

# (method, layer, passes)
CASES = (
    (replace(cnnviz.RISE(), masks=160), None, 160),
    (replace(cnnviz.ScoreCAM(), channels=64), LAST, 64),
    (cnnviz.AblationCAM(), LAST, 1280),
)
METHODS = tuple(type(method).__name__ for method, *_ in CASES)
REMARKS = {"AblationCAM": "only the part of the network behind the layer runs for each channel"}


def rows():
    """Yield the best batch, as a sentence, and a Row for each method."""
    network, image, bare = opened()
    best = BestBatch(bare.forward, bare.images)
    yield Fact(f"A bare forward pass takes {best.words}.")
    for method, layer, passes in CASES:
        ours, beside = alternate(
            lambda method=method, layer=layer: cnnviz.compute(method, network, image, target=CAT, layer=layer),
            best.work,
            rounds=7,
            warm_up=1,
            before=network.cache.clear,
        )
        yield Row(
            f"{method.title}, {passes} passes: for each",
            shared(ours, passes),
            shared(beside, best.size),
            beside=f"a bare forward pass in a batch of {best.size}",
            remark=REMARKS.get(type(method).__name__, ""),
        )
