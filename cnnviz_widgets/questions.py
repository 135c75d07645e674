"""The questions that a `Network` answers: the door at which images are fitted and targets found and checked, once.

Behind it there are only arrays: an `Engine` answers. No question changes the model. Numbers come back as NumPy arrays,
float32, channels last.
"""

import functools
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from .core.cache import ByteBoundedCache
from .core.image import InputImage
from .core.layer import LayerInfo
from .core.model_output import ModelOutput, pooled
from .core.target import Target
from .engine.engine import Engine


@dataclass(frozen=True, eq=False)
class Batch:
    """Images as an engine takes them: `array` (n, height, width, channels).

    `image` is the InputImage behind a batch of one, and `key` names it in the cache. `single` is True where one image
    was given, so that the answer is about one image too.
    """

    array: np.ndarray
    single: bool
    image: InputImage | None = None

    @property
    def key(self):
        """The image's digest, or None where it was given as an array."""
        return None if self.image is None else self.image.digest

    def answer(self, values):
        """The first of `values` (n, ...) for one image, all of them for a batch."""
        return values[0] if self.single and values is not None else values


def settled(question):
    """Method decorator: asked with an image and a target of any kind, the question takes a `Batch` and a Target."""

    @functools.wraps(question)
    def ask(network, image, target, *more, **options):
        batch = network.batch(image)
        return question(network, batch, network._found(target, batch), *more, **options)

    return ask


class Questions:
    """The part of a Network that answers about images.

    Every `image` may be an InputImage, an array (height, width, channels), or a batch (n, height, width, channels);
    every `target` a class index, a class name, a Target, or None for the top class of the image. Raises ValueError,
    in a sentence, for an image or a target that the network does not have.
    """

    name: str
    value_range: tuple[float, float]
    input_shape: tuple
    cache: ByteBoundedCache
    engine: Engine
    output: ModelOutput
    layers: tuple[LayerInfo, ...]
    layer: Callable[[str], LayerInfo]

    # ---- The door

    def fit(self, image):
        """The InputImage as this network takes it: a photograph cropped and resized, an array checked."""
        if not isinstance(image, InputImage):
            image = InputImage(image)
        if not image.is_photo:
            return image.fitted(*self.input_shape, self.value_range)
        if (fitted := self.cache.get(("fit", image))) is None:  # resizing a photograph takes a while
            fitted = image.fitted(*self.input_shape, self.value_range)
            self.cache.put(("fit", image), fitted)
        return fitted

    def batch(self, image):
        """The `Batch` of an InputImage, which is fitted, or of an array of one image or several, which is checked."""
        if isinstance(image, Batch):
            return image
        fitted = self.fit(image) if isinstance(image, InputImage) else None
        array = np.asarray(image) if fitted is None else fitted.array
        images = array if array.ndim == 4 else array[None]
        expected = self.input_shape
        if images.ndim != 4 or any(e not in (None, n) for e, n in zip(expected, images.shape[1:], strict=True)):
            shape = ", ".join("any" if n is None else str(n) for n in expected)
            raise ValueError(
                f"{self.name} takes images of shape (height, width, channels) = ({shape}). Received: {array.shape}."
            )
        return Batch(images.astype(self.engine.dtype, copy=False), array.ndim != 4, fitted)

    def target(self, value, image=None):
        """The Target meant by a class index, a class name, a Target, or None for the top class of `image`.

        Of a regression network None means the first quantity. Raises ValueError for a class, layer, channel or place
        that the network does not have.
        """
        return self._found(value, None if image is None else image)

    def _found(self, value, image):
        if value is None:
            return self._top(image)
        if isinstance(value, str):
            return self.output.named(value)
        if not isinstance(value, Target):
            if isinstance(value, (bool, float)) or not hasattr(value, "__index__"):
                raise TypeError(f"A target is a class index, a class name, a Target or None. Received: {value!r}.")
            if self.output.two_sided:
                raise ValueError(f"{self.output.sides} Received: {value!r}.")
            value = Target(int(value))
        self.output.check(value, None if value.layer is None else self.layer(value.layer))
        return value

    def _top(self, image):
        if not self.output.classifies:
            return Target(0)
        batch = None if image is None else self.batch(image)
        if batch is None or not batch.single:
            received = "no image" if batch is None else f"{len(batch.array)} images"
            raise ValueError(f"A target of None means the top class of an image. Received: {received}.")
        return self.classes[int(self.output.winners(self.logits(batch)))]

    def class_of(self, target):
        """The number of a target in `class_names`; None for a sum, a region or a channel."""
        return self.output.number_of(target)

    def describe(self, target):
        """A Target in words: "Egyptian cat", "Egyptian cat rather than tabby", "channel 17 of block3_project_bn"."""
        return self.output.describe(target)

    # ---- Answers about the output

    def outputs(self, image):
        """(logits, probabilities) of every unit of the output, (units,) each; (n, units) for a batch; from one pass.

        Where the network answers at every place, both are the mean over the places: of the logits, and of the
        probabilities, which is the share of the image that a class has. The two then say different things. A
        regression network has values and None.
        """
        batch = self.batch(image)
        return tuple(values if values is None else batch.answer(pooled(values)) for values in self._answers(batch))

    def logits(self, image):
        """(units,) in front of the softmax or sigmoid; (n, units) for a batch.

        Of a "hidden" head these are the logarithms of the probabilities, of a regression network the values.
        """
        return self.outputs(image)[0]

    def probabilities(self, image):
        """(classes,) between 0 and 1, in the order of `class_names`; (n, classes) for a batch.

        Raises ValueError for a regression network, which has none.
        """
        self.output.check_watched("probability")
        return self.output.by_class(self.outputs(image)[1])

    def readings(self, image):
        """(classes,), one beside each of `class_names`: probabilities, or a regression network's values."""
        return self.probabilities(image) if self.output.classifies else self.logits(image)

    @settled
    def scores(self, batch, target, of="logit"):
        """The score of `target`: a float for an image, (n,) for a batch.

        `of="probability"` takes the probabilities of classes instead of their logits, in sums as well.
        """
        return batch.answer(self._score(batch, target, of))

    @settled
    def watch(self, batch, target, of="logit"):
        """The `Watched` of an image or of a batch: a target's scores and what else the same pass tells."""
        watched = self.output.watched(self._score(batch, target, of), *self._answers(batch))
        return watched.first() if batch.single else watched

    def probability(self, image, target):
        """The probability of a target in one image, between 0 and 1; where it has a region, the mean over that.

        None for what has no probability: a channel, a quantity, a sum.
        """
        target = self.target(target, image)
        if not self.output.has_probability(target):
            return None
        probability = float(self.scores(image, target, of="probability"))
        return probability if target.plain else 1 + probability

    def unit(self, target, of="logit"):
        """The unit of a score, in a word: "logit", "probability", "activation" of a channel, "value" of a quantity."""
        return "activation" if target.layer is not None else self.output.score_kind(of)

    def _answers(self, batch):
        """(logits, probabilities or None) of every unit of the output at every place: (n, ..., units) each."""
        key = batch.key and ("outputs", batch.key, self.weights_version())
        if (kept := key and self.cache.get(key)) is None:
            kept = self.output.answers(*self.engine.outputs(batch.array))
            if key:
                for values in kept:
                    if values is not None:
                        values.setflags(write=False)
                self.cache.put(key, kept)
        return kept

    def _score(self, batch, target, of):
        """(n,): the target's scores."""
        if target.layer is not None:
            return target.of(self.engine.activations(batch.array, target.layer)[0])
        self.output.check_watched(of)
        return target.of(self._answers(batch)[0 if of == "logit" else 1])

    # ---- Answers about layers and gradients

    def activations(self, image, layer):
        """The output of a layer, (height, width, channels) or its own shape; (n, ...) for a batch."""
        batch = self.batch(image)
        return batch.answer(self.engine.activations(batch.array, self.layer(layer).path)[0])

    def kernels(self, layer):
        """The kernels of a convolution: (kernel height, kernel width, input channels, filters)."""
        return self.engine.kernels(self.layer(layer).path)

    def overflow(self, image):
        """The path of the first half-precision layer whose output for an InputImage is not finite, or None."""
        half = [info.path for info in self.layers if info.dtype == "float16"]
        if not half:
            return None
        batch = self.batch(image)
        key = ("overflow", batch.key, self.weights_version())
        if (kept := self.cache.get(key)) is None:
            pairs = zip(half, self.engine.activations(batch.array, *half), strict=True)
            kept = tuple(path for path, values in pairs if not np.isfinite(values).all())[:1]
            self.cache.put(key, kept)
        return kept[0] if kept else None

    @settled
    def gradient(self, batch, target, relu="standard"):
        """The gradient of the target's score at the image: (height, width, channels), per unit of pixel value."""
        self.gates(None, target, relu)
        gradient = self.engine.gradient(batch.array, target.objective, relu)
        return batch.answer(self._connected(gradient, target, None))

    @settled
    def layer_gradient(self, batch, target, layer, relu="standard"):
        """(activations, gradient) of a layer, each (height, width, channels): the gradient of the target's score.

        Only the part of the network behind the layer depends on the target; what is in front of it is kept.
        """
        path, objective = self.reached(layer, target), target.objective
        self.gates(layer, target, relu)
        activations, gradient = self.engine.layer_gradient(batch.array, objective, path, relu, batch.key)
        return activations[0], self._connected(gradient, target, layer)[0]

    @settled
    def scores_behind(self, batch, target, layer, activations):
        """(n,): the target's score with each of `activations` (n, height, width, channels) as the layer's output.

        Whatever skips past the layer is that of the image. Only the part behind the layer runs.
        """
        path = self.reached(layer, target)
        return self.engine.scores_behind(batch.array, target.objective, path, activations, batch.key)

    @settled
    def pooled_maps(self, batch, target):
        """(maps, weights) of a head of global average pooling and a dense layer.

        `maps` (height, width, channels) is the input of the pooling, `weights` (channels,) is the weight of each
        channel in the target's score: the score is the mean of `maps @ weights` and a constant, the dense layer's bias.
        Raises ValueError for a head of another kind, where there are no such weights.
        """
        return self.engine.pooled_maps(batch.array, target.objective, batch.key)

    def gates(self, layer, target, relu):
        """The gates that a ReLU rule meets between a layer (None: the image) and a Target: (rewritten, others by kind).

        Raises ValueError where "guided" or "deconvnet" would silently be the plain gradient.
        """
        if relu == "standard":
            return 0, {}
        relus, others, hidden = self.engine.gates(None if layer is None else self.layer(layer).path, target.objective)
        where = "between the image and the score" if layer is None else f"between {layer!r} and the score"
        if hidden:
            raise ValueError(
                f"relu={relu!r} cannot reach the ReLUs inside a saved function {where}. "
                "Choose relu='standard', or open the original Keras model."
            )
        if relus == 0:
            raise ValueError(
                f"There is no ReLU to rewrite {where}, so relu={relu!r} would be the plain gradient. "
                f"Choose relu='standard'{'' if layer is None else ' or an earlier layer'}."
            )
        return relus, others

    def reached(self, layer, target):
        """The path of a layer (None: the image) on which a Target's score depends. Raises ValueError for another."""
        path = None if layer is None else self.layer(layer).path
        if not self.engine.reaches(path, target.objective):
            self._connected(None, target, layer)
        return path

    def _connected(self, gradient, target, layer):
        if gradient is None:
            where = "the image" if layer is None else f"layer {layer!r}"
            raise ValueError(
                f"The score of {self.describe(target)} must depend on {where}. Received: a network where it does not."
            )
        return gradient

    def weights_version(self):
        """A value that changes when the model's weights do."""
        return self.engine.weights_version()

    def frozen_weights(self, version=None):
        """A context: while it lasts, in this thread, the weights are taken not to change, and looked at once at most.

        `version` is the version that somebody has found just now.
        """
        return self.engine.frozen_weights(version)
