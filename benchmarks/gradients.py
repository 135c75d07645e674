"""Methods that are made of gradients at the image, beside the bare traced gradient."""

import itertools
from dataclasses import dataclass, replace

import cnnviz_widgets as cnnviz
from cnnviz_widgets.core.method import Method

from .bare import CAT, LAST, BestBatch, opened
from .measure import Fact, Row, alternate, shared

GOAL = 1.15


@dataclass(frozen=True)
class Case:
    """A method and its number of gradients."""

    method: Method
    gradients: int = 1
    rounds: int = 21
    goal: float | None = None
    layer: str | None = None
    remark: str = ""


CASES = (
    Case(cnnviz.Gradient(), goal=GOAL),
    Case(cnnviz.GradientTimesInput()),
    Case(cnnviz.LRP(), remark="relevance goes back through every operation, as a gradient does"),
    Case(cnnviz.GuidedGradCAM(), layer=LAST, remark="a guided gradient, and Grad-CAM with what it needs"),
    Case(replace(cnnviz.IntegratedGradients(), steps=64), 64, rounds=5, goal=GOAL),
    Case(replace(cnnviz.SmoothGrad(), samples=64), 64, rounds=5, goal=GOAL),
)
METHODS = tuple(type(case.method).__name__ for case in CASES)


def rows():
    """Yield the best batch, as a sentence, and a Row for each method."""
    network, image, bare = opened()
    best = BestBatch(lambda images: bare.gradient(CAT, images), bare.images)
    yield Fact(f"A bare gradient takes {best.words}.")
    for case in CASES:
        yield _row(case, network, image, bare, best)
    yield of_a_new_image(network, image, bare)


def of_a_new_image(network, image, bare):
    """Return the Row of the gradient for a new image."""
    ours, beside = alternate(
        lambda: cnnviz.compute(cnnviz.Gradient(), network, image, target=CAT),
        lambda: bare.gradient(CAT),
        rounds=21,
        before=network.cache.clear,
    )
    remark = "what is said beside a map needs the image's probabilities: a forward pass, which is then kept"
    return Row("Gradient (saliency), new image", ours, beside, beside="a bare gradient of one image", remark=remark)


def _row(case, network, image, bare, best):
    """Return the Row of a method: one gradient beside the bare one of one image, many beside the best batch."""
    many, classes = case.gradients > 1, itertools.count()
    ours, beside = alternate(
        lambda: cnnviz.compute(case.method, network, image, target=next(classes), layer=case.layer),
        best.work if many else lambda: bare.gradient(CAT),
        rounds=case.rounds,
        warm_up=1 if many else 3,
    )
    title = f"{case.method.title}, {case.gradients} steps: for each" if many else case.method.title
    return Row(
        title,
        shared(ours, case.gradients),
        shared(beside, best.size) if many else beside,
        goal=case.goal,
        beside=f"a bare gradient in a batch of {best.size}" if many else "a bare gradient of one image",
        remark=case.remark or ("" if many else _against_the_best(ours, best)),
    )


def _against_the_best(ours, best):
    ratio = sorted(ours)[len(ours) // 2] / best.each[best.size]
    return f"{ratio:.2f} times a gradient of the best batch, which one image cannot be"
