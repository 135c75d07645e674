"""The bundled networks put together from `operations`, and what the package tells of them computed once more."""

from dataclasses import dataclass

import numpy as np

from second_route.operations import (
    Add,
    Convolve,
    ConvolveEach,
    Dense,
    Flatten,
    Largest,
    MeanOfPlaces,
    Normalise,
    Relu,
    Scale,
)

# EfficientNet-Lite0, Tan & Le 2019, table 1, without squeeze-and-excitation: stride of each block's depthwise part.
STRIDES = (1, 2, 1, 2, 1, 2, 1, 1, 1, 1, 1, 2, 1, 1, 1, 1)
# How near to its kink, 0 or 6, a unit counts as lying at it: the rounding of single precision in a deep network.
NEAR = 1e-5


@dataclass(frozen=True)
class Step:
    name: str
    operation: object
    sources: tuple  # names of the steps that it takes its inputs from


class Route:
    """A network as a list of steps; the last one gives the logits."""

    def __init__(self):
        self.steps = []

    def then(self, name, operation, *sources):
        """Append a step, behind the last one unless `sources` are named; give its name."""
        last = self.steps[-1].name if self.steps else "image"
        self.steps.append(Step(name, operation, sources or (last,)))
        return name

    def forward(self, images):
        """{name: output} of every step."""
        values = {"image": np.asarray(images, np.float64)}
        for step in self.steps:
            values[step.name] = step.operation.forward(*(values[source] for source in step.sources))
        return values

    def backward(self, values, index):
        """{name: gradient of the logit at that step's output}, and of the image."""
        last = self.steps[-1].name
        start = np.zeros(values[last].shape)
        start[:, index] = 1
        gradients = {last: start}
        for step in reversed(self.steps):
            inputs = [values[source] for source in step.sources]
            parts = step.operation.backward(gradients[step.name], *inputs)
            for source, part in zip(step.sources, parts, strict=True):
                gradients[source] = gradients[source] + part if source in gradients else part
        return gradients

    def logits(self, images):
        """(n, classes)."""
        return self.forward(images)[self.steps[-1].name]

    @property
    def relus(self):
        """The steps that have kinks."""
        return [step for step in self.steps if isinstance(step.operation, Relu)]

    def settle(self, values, sides):
        """Put units that lie at a kink of their ReLU on the side where `sides`, {name: output}, has them; count them.

        Within rounding of a kink two precisions may fall on different sides. Each is right, but the gradients differ.
        """
        count = 0
        for step in self.relus:
            before = values[step.sources[0]]
            for kink in {0, step.operation.highest} - {np.inf}:
                near = np.abs(before - kink) < NEAR
                before[near] = sides[step.name][near]
                count += int(near.sum())
        return count

    def at_kinks(self, values):
        """Yield (step whose output it is, place, the number that it is on the kink's other side) of such units."""
        for step in self.relus:
            before = values[step.sources[0]]
            for kink, beyond in ((0, NEAR), (step.operation.highest, -NEAR)):
                if kink != np.inf:
                    for place in zip(*np.nonzero(np.abs(before - kink) < NEAR), strict=True):
                        active = 0 < before[place] < step.operation.highest
                        yield step.sources[0], place, kink if active else kink + beyond

    def occlusion(self, image, index, window, fill):
        """(height, width): the drop of the logit for windows side by side, filled with one number."""
        clean, found = self.logits(image[None])[0, index], np.zeros(image.shape[:2])
        for top in range(0, image.shape[0], window):
            for left in range(0, image.shape[1], window):
                place, covered = np.s_[top : top + window, left : left + window], image.astype(np.float64)
                covered[place] = fill
                found[place] = clean - self.logits(covered[None])[0, index]
        return found


def digits(model):
    """The route through the bundled network for digits, with the weights of its Keras model."""

    def weights(name):
        return [weight.astype(np.float64) for weight in model.get_layer(name).get_weights()]

    route = Route()
    route.then("input_scaling", Scale(1 / 255))
    for name in ("conv1", "conv2"):
        route.then(f"{name} in front of its ReLU", Convolve(*weights(name)))
        route.then(name, Relu())
    route.then("pool1", Largest())
    route.then("conv3 in front of its ReLU", Convolve(*weights("conv3")))
    route.then("conv3", Relu())
    route.then("pool2", Largest())
    route.then("flatten", Flatten())
    route.then("dense in front of its ReLU", Dense(*weights("dense")))
    route.then("dense", Relu())
    route.then("logits", Dense(*weights("probabilities")))
    return route


def efficientnet_lite0(model):
    """The route through EfficientNet-Lite0, with the weights of its Keras model."""

    def weights(name):
        return [weight.astype(np.float64) for weight in model.get_layer(name).get_weights()]

    def part(name, operation, clipped=True):
        route.then(f"{name}_conv", operation)
        last = route.then(f"{name}_bn", Normalise(*weights(f"{name}_bn")))
        return route.then(f"{name}_activation", Relu(6)) if clipped else last

    route = Route()
    route.then("input_scaling", Scale(1 / 128, -127 / 128))
    before = part("stem", Convolve(*weights("stem_conv"), stride=2, same=True))
    for number, stride in enumerate(STRIDES):
        block, channels = f"block{number}", weights(f"block{number}_project_bn")[0].size
        if number > 0:
            part(f"{block}_expand", Convolve(*weights(f"{block}_expand_conv")))
        (kernel,) = weights(f"{block}_depthwise_conv")
        part(f"{block}_depthwise", ConvolveEach(kernel[..., 0], stride))
        (kernel,) = weights(f"{block}_project_conv")
        after = part(f"{block}_project", Convolve(kernel), clipped=False)
        if stride == 1 and number > 0 and channels == weights(f"block{number - 1}_project_bn")[0].size:
            after = route.then(f"{block}_add", Add(), before, after)
        before = after
    part("head", Convolve(*weights("head_conv")))
    route.then("pooling", MeanOfPlaces())
    route.then("logits", Dense(*weights("logits")))
    return route
