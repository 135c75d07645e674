"""Questions about images that a `Network` answers. Here, and only here, images are fitted and targets are checked.

Behind this door an `Engine` computes with arrays only. No question changes the model. Results are NumPy arrays,
float32, channels last.
"""

from collections.abc import Callable, Hashable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any

import numpy as np

from .core.cache import ByteBoundedCache
from .core.image import ImageLike, InputImage, is_picture
from .core.layer import LayerInfo
from .core.method import SLOPES
from .core.model_output import ClassOutput, RegressionOutput, Watched, pooled
from .core.pixel_conventions import PIXEL_CONVENTIONS, PixelConvention
from .core.target import Target, TargetLike
from .engine.engine import Engine, has_graph


@dataclass(frozen=True, eq=False)
class Batch:
    """Images as an engine takes them: `array` (n, height, width, channels).

    `single` is True where one image was given, so that results are about one image too. `image` is the InputImage
    behind a batch of one.
    """

    array: np.ndarray
    single: bool
    image: InputImage | None = None

    @property
    def key(self) -> str | None:
        """The image's digest, its name in the cache; None for an image that was given as an array."""
        return None if self.image is None else self.image.digest

    def answer(self, values: np.ndarray) -> np.ndarray:
        """The first of `values` (n, ...) for one image, all of them for a batch."""
        return values[0] if self.single else values


def with_heads(matrices: np.ndarray) -> np.ndarray:
    """Attention matrices (n, heads, queries, keys), of some that may have no axis for a single head."""
    return matrices[:, np.newaxis] if matrices.ndim == 3 else matrices


class Questions:
    """The questions about images, as the base class of Network, which has the attributes.

    Every `image` may be an InputImage, an array (height, width, channels), or a batch (n, height, width, channels);
    every `target` a class index, a class name, a Target, or None for the top class of the image. An image that does
    not fit the network, or a target that it does not have, raises ValueError.
    """

    name: str
    value_range: tuple[float, float]
    range_is_assumed: bool
    input_shape: tuple[int | None, int | None, int]
    cache: ByteBoundedCache
    engine: Engine
    output: ClassOutput | RegressionOutput
    classes: tuple[Target, ...]
    layers: tuple[LayerInfo, ...]
    layer: Callable[[str], LayerInfo]

    # ---- The door

    def fit(self, image: ImageLike) -> InputImage:
        """The image as this network takes it: a photograph is cropped and resized, an array only checked."""
        image = InputImage.of(image)
        if not image.is_photo:
            return image.fitted(*self.input_shape, self.value_range)
        if (fitted := self.cache.get(("fit", image))) is None:  # resizing a photograph takes a while
            fitted = image.fitted(*self.input_shape, self.value_range)
            self.cache.put(("fit", image), fitted)
        return fitted

    def batch(self, image: ImageLike | Batch) -> Batch:
        """The `Batch` of an image, which is fitted, or of an array of one or several, which is checked."""
        if isinstance(image, Batch):
            return image
        fitted = self.fit(image) if is_picture(image) else None
        array = np.asarray(image) if fitted is None else fitted.array
        images = array if array.ndim == 4 else array[None]
        expected = self.input_shape
        if images.ndim != 4 or any(e not in (None, n) for e, n in zip(expected, images.shape[1:], strict=True)):
            shape = ", ".join("any" if n is None else str(n) for n in expected)
            raise ValueError(
                f"{self.name} takes images of shape (height, width, channels) = ({shape}). Received: {array.shape}."
            )
        return Batch(images.astype(self.engine.dtype, copy=False), array.ndim != 4, fitted)

    def target(self, value: TargetLike, image: ImageLike | Batch | None = None) -> Target:
        """The Target of a class index, a class name, a Target, or of None, which means the top class of `image`.

        None means the first quantity of a regression network. Raises ValueError for a class, layer, channel or place
        that the network does not have.
        """
        if value is None:
            return self._top(image)
        if isinstance(value, str):
            return self.output.named(value)
        if not isinstance(value, Target):
            if isinstance(value, (bool, float)) or not hasattr(value, "__index__"):
                raise TypeError(f"A target is a class index, a class name, a Target or None. Received: {value!r}.")
            if self.output.two_sided:
                raise ValueError(f"{self.output.sides} Received: {value!r}.")
            value = Target(value)
        self.output.check(value, None if value.layer is None else self.layer(value.layer))
        return value

    def _asked(self, image: ImageLike, target: TargetLike) -> tuple[Batch, Target]:
        batch = self.batch(image)
        return batch, self.target(target, batch)

    def _top(self, image: ImageLike | Batch | None) -> Target:
        if isinstance(self.output, RegressionOutput):
            return Target(0)
        batch = None if image is None else self.batch(image)
        if batch is None or not batch.single:
            received = "no image" if batch is None else f"{len(batch.array)} images"
            raise ValueError(
                "Choose a class or another target: without one, it is the top class of the image, of a single one. "
                f"Received: {received}."
            )
        return self.classes[int(self.output.winners(self.logits(batch)))]

    def class_of(self, target: Target) -> int | None:
        """The place of a target in `class_names`; None for a sum, a region or a channel."""
        return self.output.number_of(target)

    def describe(self, target: Target) -> str:
        """A Target in words: "Egyptian cat", "Egyptian cat rather than tabby", "channel 17 of block3_project_bn"."""
        return self.output.describe(target)

    # ---- The output

    def outputs(self, image: ImageLike | Batch) -> tuple[np.ndarray, np.ndarray | None]:
        """(logits, probabilities) of every unit of the output, from one pass: (units,) each; (n, units) for a batch.

        A network that answers at every place gives the means over the places. The mean of the probabilities is the
        share of the image that a class has, which the mean of the logits is not. A regression network gives its
        values, and None.
        """
        batch = self.batch(image)
        logits, probabilities = self._outputs(batch)
        shares = None if probabilities is None else batch.answer(pooled(probabilities))
        return batch.answer(pooled(logits)), shares

    def logits(self, image: ImageLike | Batch) -> np.ndarray:
        """The numbers in front of the softmax or sigmoid: (units,); (n, units) for a batch.

        A network with a "hidden" head gives the logarithms of its probabilities, a regression network its values.
        """
        return self.outputs(image)[0]

    def probabilities(self, image: ImageLike) -> np.ndarray:
        """The probabilities of the classes, in the order of `class_names`: (classes,); (n, classes) for a batch.

        Raises ValueError for a regression network, which has none.
        """
        self.output.check_watched("probability")
        probabilities = self.outputs(image)[1]
        assert probabilities is not None  # a network without any was refused
        return self.output.by_class(probabilities)

    def readings(self, image: ImageLike) -> np.ndarray:
        """The numbers beside the `class_names`: probabilities, or a regression network's values; (classes,).

        They are (n, classes) for a batch.
        """
        return self.probabilities(image) if self.output.classifies else self.logits(image)

    def readings_by_convention(self, image: ImageLike) -> dict[PixelConvention, np.ndarray]:
        """The readings of a photograph if its pixels were what the model takes by each of `PIXEL_CONVENTIONS`.

        Raises ValueError for a network whose range is not assumed.
        """
        if not self.range_is_assumed:
            raise ValueError(
                "Conventions are compared where the range of the pixels is assumed. "
                f"Received: {self.name}, which takes {self.value_range[0]:g} to {self.value_range[1]:g}."
            )
        fitted = self.fit(image)
        key = ("conventions", fitted.digest, self.weights_version())
        if (kept := self.cache.get(key)) is None:
            assumed, *others = [each for each in PIXEL_CONVENTIONS if each.fits(fitted.channels)]
            rows = self.readings(np.stack([each.of_bytes(fitted.array) for each in others]))
            kept = {assumed: self.readings(fitted)} | dict(zip(others, rows, strict=True))
            self.cache.put(key, kept)
        return kept

    def scores(self, image: ImageLike, target: TargetLike, of: str = "logit") -> np.ndarray:
        """The score of `target`: a number for an image, (n,) for a batch.

        `of="probability"` takes the probabilities of classes instead of their logits, in sums as well.
        """
        batch, target = self._asked(image, target)
        return batch.answer(self._score(batch, target, of))

    def watch(self, image: ImageLike, target: TargetLike, of: str = "logit") -> Watched:
        """The `Watched` of an image or of a batch: a target's scores, and the readings and winners of that pass."""
        batch, target = self._asked(image, target)
        watched = self.output.watched(self._score(batch, target, of), *self._outputs(batch))
        return watched.first() if batch.single else watched

    def probability(self, image: ImageLike, target: TargetLike) -> float | None:
        """The probability of a target in one image, between 0 and 1; its mean over the target's region, if any.

        None for a channel, a quantity or a sum, which have no probability.
        """
        target = self.target(target, image)
        if not self.output.has_probability(target):
            return None
        probability = float(self.scores(image, target, of="probability"))
        return probability if target.plain else 1 + probability

    def unit(self, target: Target, of: str = "logit") -> str:
        """The unit of a score: "logit", "probability", "activation" (of a channel) or "value" (of a quantity)."""
        return "activation" if target.layer is not None else self.output.score_kind(of)

    def _outputs(self, batch: Batch) -> tuple[np.ndarray, np.ndarray | None]:
        """(logits, probabilities or None) of every unit of the output at every place: (n, ..., units) each."""
        key = None if batch.key is None else ("outputs", batch.key, self.weights_version())
        if key is not None and (kept := self.cache.get(key)) is not None:
            return kept
        found = self.output.answers(*self.engine.outputs(batch.array))
        if key is not None:
            for values in found:
                if values is not None:
                    values.setflags(write=False)
            self.cache.put(key, found)
        return found

    def _score(self, batch: Batch, target: Target, of: str) -> np.ndarray:
        """The target's scores (n,)."""
        if target.layer is not None:
            return target.of(self.engine.activations(batch.array, target.layer)[0])
        self.output.check_watched(of)
        logits, probabilities = self._outputs(batch)
        if of == "logit":
            return target.of(logits)
        assert probabilities is not None  # a network without any was refused
        return target.of(probabilities)

    # ---- Layers and gradients

    def activations(self, image: ImageLike, layer: str) -> np.ndarray:
        """The output of a layer, (height, width, channels) or its own shape; (n, ...) for a batch."""
        batch = self.batch(image)
        return batch.answer(self.engine.activations(batch.array, self.layer(layer).path)[0])

    def attention(self, image: ImageLike, *layers: str) -> list[np.ndarray]:
        """The attention matrices of each of `layers`, from one pass: (heads, queries, keys); (n, ...) for a batch.

        `layers` are paths of the network's `attentions`. The rows, one for each query, sum to 1.
        """
        batch = self.batch(image)
        found = self.engine.activations(batch.array, *(self.layer(layer).path for layer in layers))
        return [batch.answer(with_heads(values)) for values in found]

    def attention_gradient(self, image: ImageLike, target: TargetLike, layer: str) -> tuple[np.ndarray, np.ndarray]:
        """(attention matrices, gradient of the target's score) of a layer, (heads, queries, keys) each."""
        matrices, gradient = self.layer_gradient(image, target, layer)
        return with_heads(matrices[np.newaxis])[0], with_heads(gradient[np.newaxis])[0]

    @property
    def is_random(self) -> bool:
        """True if the network draws random numbers for every answer."""
        engine: Any = self.engine
        return has_graph(engine) and engine.random

    @property
    def slope(self) -> str:
        """The distance that gradients go back, one of `SLOPES`; a `preprocess` in NumPy may end them."""
        engine: Any = self.engine
        preprocess = engine.preprocess if has_graph(engine) else None
        return "exact" if preprocess is None else preprocess.slope

    def check_slope(self, needed: str) -> None:
        """Raise ValueError where gradients do not go back as far as needed, one of `SLOPES`."""
        if SLOPES.index(self.slope) >= SLOPES.index(needed):
            return
        gradient = "the gradient alone, which is that behind it, " if self.slope == "behind" else ""
        raise ValueError(
            "A preprocess written in NumPy lets no gradient through: write it with keras.ops, or choose "
            f"{gradient}a class activation map, occlusion or RISE. Received: {self.name}, whose preprocess "
            f"{'does more than scale the pixels' if gradient else 'makes images of another size'}."
        )

    def chance(self, image: ImageLike, target: TargetLike) -> tuple[int, float] | None:
        """(draws, standard deviation of the target's score from draw to draw) of a random network, or None.

        Every number that such a network gives is a mean over its draws. With one draw the deviation is not known: NaN.
        """
        if not self.is_random:
            return None
        batch, target = self._asked(image, target)
        engine: Any = self.engine
        rows = engine.draws(batch.array, target.layer)
        scores = target.of(rows[0] if target.layer is not None else self.output.answers(*rows)[0])
        return len(scores), float(np.std(scores, ddof=1)) if len(scores) > 1 else float("nan")

    def kernels(self, layer: str) -> np.ndarray:
        """The kernels of a convolution, (kernel height, kernel width, input channels, filters)."""
        return self.engine.kernels(self.layer(layer).path)

    def overflow(self, image: InputImage) -> str | None:
        """The path of the first half-precision layer whose output for the image is not finite, or None."""
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

    def gradient(self, image: ImageLike, target: TargetLike, relu: str = "standard") -> np.ndarray:
        """The gradient of the target's score at the image, per unit of pixel value: (height, width, channels).

        It is (n, height, width, channels) for a batch. Where `slope` is "behind", it is that at what `preprocess` makes
        of the image, in its units. `relu` is the rule for ReLUs: "standard", "guided" or
        "deconvnet".
        """
        batch, target = self._asked(image, target)
        self.check_slope("behind")
        self.gates(None, target, relu)
        gradient = self.engine.gradient(batch.array, target.objective, relu)
        if gradient is None:
            raise self._without_gradient(target, None)
        return batch.answer(gradient)

    def layer_gradient(
        self, image: ImageLike, target: TargetLike, layer: str, relu: str = "standard"
    ) -> tuple[np.ndarray, np.ndarray]:
        """(activations, gradient of the target's score) of a layer, (height, width, channels) each.

        Only the part of the network behind the layer depends on the target; the result of the part in front of it is
        kept.
        """
        batch, target = self._asked(image, target)
        path, objective = self.reached(layer, target), target.objective
        self.gates(layer, target, relu)
        activations, gradient = self.engine.layer_gradient(batch.array, objective, path, relu, batch.key)
        if gradient is None:
            raise self._without_gradient(target, layer)
        return activations[0], gradient[0]

    def scores_behind(self, image: ImageLike, target: TargetLike, layer: str, activations: np.ndarray) -> np.ndarray:
        """The target's scores (n,) with each of `activations` (n, height, width, channels) as the layer's output.

        Connections that skip the layer carry the image's values. Only the part behind the layer runs.
        """
        batch, target = self._asked(image, target)
        path = self.reached(layer, target)
        return self.engine.scores_behind(batch.array, target.objective, path, activations, batch.key)

    def pooled_maps(self, image: ImageLike, target: TargetLike) -> tuple[np.ndarray, np.ndarray]:
        """(maps, weights) of a head of global average pooling and a dense layer.

        `maps` (height, width, channels) is the input of the pooling, `weights` (channels,) is the weight of each
        channel in the target's score: the score is the mean of `maps @ weights` plus the dense layer's bias.
        Raises ValueError for a head of another kind, where there are no such weights.
        """
        batch, target = self._asked(image, target)
        return self.engine.pooled_maps(batch.array, target.objective, batch.key)

    def gates(self, layer: str | None, target: Target, relu: str) -> tuple[int, Mapping[str, int]]:
        """The gates between a layer (None: the image) and a target: (number that the rule rewrites, others by kind).

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

    def reached(self, layer: str, target: Target) -> str:
        """The path of a layer, checked: raises ValueError unless the target's score depends on it."""
        path = self.layer(layer).path
        if not self.engine.reaches(path, target.objective):
            raise self._independent(target, layer)
        return path

    def is_behind(self, layer: str, target: Target | None = None) -> bool:
        """True if a target's score (None: that of the first unit) depends on a layer, and is not the layer itself."""
        return self.engine.precedes(self.layer(layer).path, (target or Target(0)).objective)

    def check_image_reached(self, target: Target) -> None:
        """Raise ValueError unless the target's score depends on the image."""
        if not self.engine.reaches(None, target.objective):
            raise self._independent(target, None)

    def _without_gradient(self, target: Target, layer: str | None) -> ValueError:
        """The error where the score has no gradient at a layer, or (None) at the image."""
        path = None if layer is None else self.layer(layer).path
        engine: Any = self.engine
        said = engine.without_gradient(path, target.objective) if has_graph(engine) else None
        return self._independent(target, layer) if said is None else ValueError(said)

    def _independent(self, target: Target, layer: str | None) -> ValueError:
        where = "the image" if layer is None else f"layer {layer!r}"
        return ValueError(
            f"The score of {self.describe(target)} must depend on {where}. Received: a network where it does not."
        )

    def weights_version(self) -> Hashable:
        """A value that changes when the model's weights do."""
        return self.engine.weights_version()

    def frozen_weights(self, version: Hashable = None) -> AbstractContextManager[None]:
        """A context in which, for this thread, the weights count as unchanging and are checked at most once.

        `version` is the version as it was found just now; the weights are then not checked at all.
        """
        return self.engine.frozen_weights(version)
