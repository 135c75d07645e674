"""Maximal activation beside bare gradients of the same network at the same size."""

import itertools
from dataclasses import replace

import cnnviz_widgets as cnnviz

from .bare import CAT, opened
from .measure import Row, alternate

STEPS = 50
METHODS = ("MaximalActivation",)


def rows():
    """Yield a Row for fifty steps and for the first picture."""
    network, _, bare = opened()
    yield fifty_steps(network, bare)
    yield first_picture(network)


def fifty_steps(network, bare):
    """Return the Row of all that a person waits for, intermediate pictures and scores included, beside gradients alone.

    Each time from another seed, so that nothing but the scores of the sample images is known from before.
    """
    method, seeds = replace(cnnviz.MaximalActivation(), steps=STEPS), itertools.count()
    ours, theirs = alternate(
        lambda: cnnviz.compute(replace(method, seed=next(seeds)), network, target=CAT),
        lambda: [bare.gradient(CAT) for _ in range(STEPS)],
        rounds=7,
        warm_up=1,
    )
    return Row(f"maximal activation, {STEPS} steps", ours, theirs, goal=1.3, beside=f"{STEPS} bare gradients")


def first_picture(network):
    """Return the Row of the time until another class's first picture."""
    classes = itertools.count()
    (ours,) = alternate(
        lambda: next(cnnviz.steps(cnnviz.MaximalActivation(), network, target=next(classes))), rounds=21
    )
    return Row("maximal activation, first picture", ours, goal=1.0)
