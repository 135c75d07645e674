"""What the package says and what the second route says, side by side; `docs/second_route.md` shows it."""

from dataclasses import dataclass

import numpy as np

import cnnviz_widgets as cnnviz
from second_route import route

STEPS = 3
BOUND = 1e-5  # of the largest number
NETWORKS = {  # the middle layer and the last one; the window of an occlusion by few windows
    "digits": (route.digits, ("conv2", "conv3"), 7),
    "efficientnet_lite0": (route.efficientnet_lite0, ("block7_add", "head_activation"), 56),
}
INTRODUCTION = f"""# A second route to the same numbers

The bundled networks were written a second time, in NumPy and double precision, forward and backward, in
`tests/second_route`: that route shares no code with the package or with TensorFlow, only the weights. The table shows
the distance of the package's answers, in single precision, from it for the first sample image: the largest difference
of any two numbers, as a share of the largest number. The tests allow {BOUND:g}.

Integrated gradients are the package's gradients at {STEPS} midpoints between black and the image. Occlusion moves a
grey window of a quarter of the image's side by its own width.

A ReLU has a kink at 0, a ReLU6 a second one at 6. A unit within rounding of a kink may be on one side in single
precision and on the other in double, and both are right. One such unit moves the integrated gradients of
EfficientNet-Lite0 by as much as half a percent. So where a unit is within {route.NEAR:g} of a kink, the second route
takes the package's side on its way back; the last column counts these units (of all images that a row needs).

A max pool has a kink where the two largest numbers of a window are equal, as in the even background of a digit. Both
routes then send the gradient to the first of them; numbers that are equal but for rounding may be told apart by one
route only. Such ties are not counted.

This page is written by `python tools/write_second_route.py`, which measures the differences.

| Network | Question | Largest number | Difference | Units at a kink |
| --- | --- | --- | --- | --- |
"""


@dataclass(frozen=True)
class Row:
    network: str
    question: str
    largest: float
    difference: float  # the largest of any number, relative to `largest`
    kinks: int  # units whose side was taken from the package


class Pair:
    """A bundled network, its first sample image and the class that it sees there, by both routes."""

    def __init__(self, name):
        make, self.layers, self.window = NETWORKS[name]
        self.name, self.network = name, cnnviz.load(name)
        self.second, self.image = make(self.network.model), self.network.fit(self.network.samples[0])
        self.target = self.network.target(None, self.image)
        opened = self.network.engine
        self._ask = opened.functions.values(*(opened.tensors[step.name] for step in self.second.relus))

    def rows(self):
        """The comparisons."""
        yield self.row("logits", self.network.logits(self.image), self.second.logits(self.pixels[None])[0])
        values, gradients, kinks = self.back(self.pixels)
        ours = self.network.gradient(self.image, self.target)
        yield self.row("gradient", ours, gradients["image"][0], kinks)
        for layer in self.layers:  # Selvaraju et al. 2017, equations 1 and 2, without the ReLU
            theirs = values[layer][0] @ gradients[layer][0].mean(axis=(0, 1))
            ours = self.map(cnnviz.GradCAM(final_relu=False), layer=layer)
            yield self.row(f"Grad-CAM, {layer}", ours, theirs, kinks)
        yield self.row("integrated gradients", *self.integrated_gradients())
        theirs = self.second.occlusion(self.pixels, self.target.index, self.window, sum(self.network.value_range) / 2)
        yield self.row("occlusion", self.map(cnnviz.Occlusion(self.window, self.window, fill="grey")), theirs)

    @property
    def pixels(self):
        """(height, width, channels)."""
        return self.image.array

    def map(self, method, **where):
        """What the package finds."""
        return cnnviz.compute(method, self.network, self.image, target=self.target, **where).array

    def back(self, pixels):
        """(values, gradients of the logit, units at a kink) by the second route, each at every step of the network."""
        values, outputs = self.second.forward(pixels[None]), self._ask(pixels[None])
        sides = {step.name: output.numpy() for step, output in zip(self.second.relus, outputs, strict=True)}
        kinks = self.second.settle(values, sides)
        values, gradients = self._on_the_gradients_side(values, self.network.gradient(pixels, self.target))
        return values, gradients, kinks

    def _on_the_gradients_side(self, values, ours):
        """(values, gradients) by the second route, with units at a kink on the side on which our gradient has them.

        The sides were read from an answer that gives values. The gradient is another one, compiled by itself, in which
        other operations are made one, so it may round differently and have such a unit on its other side. One unit of
        the digits, 4e-7 from its kink, moves the integrated gradients by 1.3e-5 of the largest.
        """
        gradients = self.second.backward(values, self.target.index)
        far = _apart(ours, gradients["image"][0])
        for name, place, other in self.second.at_kinks(values):
            if far <= BOUND:
                break
            changed = values | {name: values[name].copy()}
            changed[name][place] = other
            found = self.second.backward(changed, self.target.index)
            if _apart(ours, found["image"][0]) < far:
                values, gradients, far = changed, found, _apart(ours, found["image"][0])
        return values, gradients

    def integrated_gradients(self):
        """(ours, theirs, units at a kink): sum over channels, black to image. Sundararajan et al. 2017, section 5."""
        shares = (np.arange(STEPS, dtype=np.float32) + np.float32(0.5)) / np.float32(STEPS)
        ways = [self.back(share * self.pixels) for share in shares]
        theirs = [gradients["image"][0] for _, gradients, _ in ways]
        ours = [self.network.gradient(share * self.pixels, self.target) for share in shares]
        maps = [(self.pixels * np.mean(gradients, axis=0)).sum(axis=-1) for gradients in (ours, theirs)]
        return *maps, sum(kinks for *_, kinks in ways)

    def row(self, question, ours, theirs, kinks=0):
        """Two arrays as a Row."""
        return Row(self.name, question, float(np.abs(theirs).max()), _apart(ours, theirs), kinks)


def _apart(ours, theirs):
    """The largest difference of any number, relative to the largest number."""
    assert ours.shape == theirs.shape
    return float(np.abs(ours - theirs).max()) / float(np.abs(theirs).max())


def page(rows):
    """The Markdown page."""
    return INTRODUCTION + "".join(
        f"| {r.network} | {r.question} | {r.largest:.4g} | {r.difference:.1g} | {r.kinks} |\n" for r in rows
    )
