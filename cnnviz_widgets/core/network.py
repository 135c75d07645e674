"""`Network`: a Keras model opened for looking inside, and the few questions one may ask it.

No question changes the model. Numbers come back as NumPy arrays, float32, channels last.
"""

import difflib
import math
import threading
from contextlib import contextmanager

import numpy as np

from .cache import ByteBoundedCache
from .image import InputImage
from .opening import Opened, checked_shape, shape_of
from .target import Target

# Kept results and activations, per network.
CACHE_BYTES = 256 * 2**20
# How a refusal of `Network.pooled_maps` begins.
POOLED = (
    "A class activation map needs global average pooling and, from there to the score, nothing but a dense layer; "
    "Grad-CAM does without. Received: "
)


class Network:
    """A Keras model with the names of its classes and the range of its images.

    `preprocess` is a function of a batch of images in `value_range`, written with Keras or TensorFlow operations, that
    makes what the model takes; it becomes part of the network, so that gradients are per unit of `value_range`.
    `input_shape` (height, width, channels) is needed only for a subclassed model that does not tell it. `samples` are
    InputImages of the kind that the network knows; what is made for a score is compared with what they reach.
    """

    def __init__(
        self,
        model,
        class_names=None,
        preprocess=None,
        value_range=(0, 255),
        name=None,
        input_shape=None,
        samples=(),
    ):
        self.model = model
        self.name = name or getattr(model, "name", None) or type(model).__name__
        self.preprocess = preprocess
        self.value_range = _checked_range(value_range)
        self.samples = tuple(samples)
        self.input_shape = checked_shape(input_shape) if input_shape else shape_of(model)
        self.cache = ByteBoundedCache(CACHE_BYTES)
        self._lock = threading.RLock()
        self._steady = threading.local()
        self._opened = None
        self._class_names = None if class_names is None else tuple(map(str, class_names))

    def __repr__(self):
        return f"Network({self.name!r})"

    # ---- What it is made of

    @property
    def layers(self):
        """The layers in order of execution, nested ones as "base/conv2": a tuple of LayerInfo."""
        return self._open().layers

    def layer(self, path):
        """The LayerInfo at `path`. Raises ValueError, with the nearest spellings, where there is none."""
        for info in self.layers:
            if info.path == path:
                return info
        near = difflib.get_close_matches(str(path), [info.path for info in self.layers], 3)
        known = near or [info.path for info in self.spatial_layers][-6:] or ["none; they run out of sight"]
        raise ValueError(f"No layer named {path!r}. {'Near to it' if near else 'For example'}: {', '.join(known)}.")

    @property
    def spatial_layers(self):
        """The layers whose output is a grid of channels."""
        return tuple(info for info in self.layers if info.spatial)

    @property
    def class_count(self):
        """How many classes the output tells apart; a single sigmoid counts as one."""
        return self._open().traced.output_shape[-1]

    @property
    def class_names(self):
        """The names of the classes, in the order of the output."""
        count = self.class_count
        if self._class_names is None:
            return tuple(f"class {index}" for index in range(count))
        if len(self._class_names) != count:
            raise ValueError(
                f"class_names must name every class of the output, {count} of them. "
                f"Received: {len(self._class_names)} names."
            )
        return self._class_names

    @property
    def head(self):
        """What ends the network: "softmax", "sigmoid", "none" (the output is logits) or "hidden".

        "hidden" means that the output is probabilities, but no softmax could be found in front of which to stop.
        """
        return self._open().head

    def kernels(self, layer):
        """The kernels of a convolution: (kernel height, kernel width, input channels, filters)."""
        return self.layer(layer).kernels()

    # ---- What it answers

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

    def outputs(self, image):
        """(logits, probabilities), from one pass through the network; each as below."""
        if isinstance(image, InputImage):
            image = self.fit(image)
            key = ("outputs", image.digest, self.stamp())
            if (kept := self.cache.get(key)) is None:
                kept = tuple(values[0] for values in self._run(self._batch(image)))
                self.cache.put(key, kept)
            return kept
        batch = self._batch(image)
        answers = self._run(batch)
        return answers if _is_batch(image) else tuple(values[0] for values in answers)

    def logits(self, image):
        """(classes,) in front of the softmax or sigmoid; (n, classes) for a batch.

        Of a "hidden" head these are the logarithms of the probabilities.
        """
        return self.outputs(image)[0]

    def probabilities(self, image):
        """(classes,) between 0 and 1; (n, classes) for a batch."""
        return self.outputs(image)[1]

    def activations(self, image, layer):
        """The output of a layer, (height, width, channels) or its own shape; (n, ...) for a batch."""
        return self.values(image, self._tensor(layer))

    def values(self, image, tensor):
        """The value of any tensor of the traced graph, by its name there; (n, ...) for a batch."""
        return self._ask(image, lambda batch: self._open().questions.values(tensor)(batch)[0])

    def scores(self, image, target):
        """The score of `target`: a float for an image, (n,) for a batch."""
        target = self.target(target, image)
        if target.layer is None:
            return self.logits(image)[..., target.index]
        values = self.activations(image, target.layer)[..., target.index]
        if target.position is not None:
            return values[(..., *target.position)]
        positions = tuple(range(1 if _is_batch(image) else 0, values.ndim))
        return values.mean(axis=positions)

    def gradient(self, image, target, relu="standard"):
        """The gradient of the target's score at the image: (height, width, channels), per unit of pixel value."""
        target = self.target(target, image)
        opened, objective = self._open(), self._objective(target)
        self.gates(None, target, relu)
        ask = opened.questions.gradient(objective, relu)
        return self._ask(image, lambda batch: self._connected(ask(batch, opened.place(target))[1], target, None))

    def layer_gradient(self, image, target, layer, relu="standard"):
        """(activations, gradient) of a layer, each (height, width, channels): the gradient of the target's score.

        The network is split at the layer. What its first part computes does not depend on the target and is kept,
        so that another target costs only the part behind the layer.
        """
        image = self.fit(image)
        target = self.target(target, image)
        start = self._tensor(layer)
        if not self._open().traced.graph.reaches(start, self._objective(target)):
            self._connected(None, target, layer)
        self.gates(layer, target, relu)
        activations, gradient = self._split(image, target, start, relu)
        return _float32(activations)[0], _float32(self._connected(gradient, target, layer))[0]

    def ascent(self, target, recipe):
        """The `Ascent` to an image that raises the target's score; `recipe` is a MaximalActivation, or like one."""
        from .ascent import Ascent

        opened, objective = self._open(), self._objective(target)
        return Ascent(opened.questions, objective, target, self.input_shape, self.value_range, recipe)

    def pooled_maps(self, image, target):
        """(maps, weights) of a head of global average pooling and a dense layer.

        `maps` (height, width, channels) is what the pooling averages, `weights` (channels,) what the target's score
        makes of each average: the score is the mean of `maps @ weights` and a constant, the dense layer's bias.
        Raises ValueError for a head of another kind, where there are no such weights.
        """
        image = self.fit(image)
        target = self.target(target, image)
        hidden = target.layer is None and self.head == "hidden"
        start, obstacle = self._open().traced.graph.linear_maps(self._objective(target))
        if hidden or obstacle:
            raise ValueError(f"{POOLED}{self.name}, with {'a hidden softmax' if hidden else obstacle} in between.")
        maps, gradient = (_float32(values)[0] for values in self._split(image, target, start))
        weights = gradient.sum(axis=(0, 1))
        if np.ptp(gradient, axis=(0, 1)).max() > 1e-3 * np.abs(gradient).max():
            raise ValueError(f"{POOLED}{self.name}, whose weights differ from place to place.")
        return maps, weights

    def gates(self, layer, target, relu):
        """What a ReLU rule meets between a layer (None: the image) and a target: (rewritten, others by kind).

        Raises ValueError where "guided" or "deconvnet" would silently be the plain gradient.
        """
        if relu == "standard":
            return 0, {}
        graph = self._open().traced.graph
        start = graph.input if layer is None else self._tensor(layer)
        relus, others, hidden = graph.gates(start, self._objective(target))
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

    # ---- Classes and targets

    def target(self, value, image=None):
        """The Target meant by a class index, a class name, a Target, or None for the top class of `image`.

        Raises ValueError for a class, layer or channel that the network does not have.
        """
        if isinstance(value, Target):
            self._check_index(value)
            return value
        if value is None and image is None:
            raise ValueError("A target of None means the top class of an image. Received: no image.")
        if value is None:
            return Target(int(np.argmax(self.logits(image))))
        if isinstance(value, str):
            return Target(self._class_named(value))
        if isinstance(value, (bool, float)) or not hasattr(value, "__index__"):
            raise TypeError(f"A target is a class index, a class name, a Target or None. Received: {value!r}.")
        target = Target(int(value))
        self._check_index(target)
        return target

    def describe(self, target):
        """A Target in words: "Egyptian cat", or "channel 17 of block3_project_bn"."""
        if target.layer is None:
            return self.class_names[target.index]
        channel = f"channel {target.index} of {target.layer}"
        return channel if target.position is None else f"unit {target.position} of {channel}"

    def stamp(self):
        """A value that changes when the model's weights do."""
        if not getattr(self._steady, "now", False):
            return self._open().weights.stamp()
        if self._steady.stamp is None:
            self._steady.stamp = self._open().weights.stamp()
        return self._steady.stamp

    @contextmanager
    def steady(self, stamp=None):
        """For as long as the block runs, in this thread, take the weights not to change: look at them once at most.

        `stamp` says what they were found to be when somebody has just looked.
        """
        if getattr(self._steady, "now", False):
            yield
            return
        self._steady.now, self._steady.stamp = True, stamp
        try:
            yield
        finally:
            self._steady.now = False

    # ---- Inside

    def _open(self):
        """The traced model; traced at the first question."""
        with self._lock:
            if self._opened is None:
                self._opened = Opened(self)
            return self._opened

    def _split(self, image, target, start, relu="standard"):
        """(values, gradient or None), for a batch of one: of the tensor `start`, the first part of the network kept."""
        opened, objective = self._open(), self._objective(target)
        frontier = opened.traced.graph.frontier(start, objective)
        key = ("frontier", image.digest, self.stamp(), frontier)
        kept = self.cache.get(key)
        if kept is None:
            kept = opened.questions.values(*frontier)(self._batch(image))
            self.cache.put(key, kept)
        _, gradient = opened.questions.tail(frontier, objective, relu)(kept, opened.place(target))
        return kept[0], gradient

    def _run(self, batch):
        opened = self._open()
        ask = opened.questions.values(opened.traced.logits, opened.traced.output)
        logits, output = (_pooled(_float32(value)) for value in ask(batch))
        return _scores_and_probabilities(logits, output, opened.head)

    def _ask(self, image, question):
        answer = _float32(question(self._batch(image)))
        return answer if _is_batch(image) else answer[0]

    def _batch(self, image):
        array = self.fit(image).array if isinstance(image, InputImage) else np.asarray(image)
        batch = array if array.ndim == 4 else array[None]
        expected = self.input_shape
        if batch.ndim != 4 or any(e not in (None, n) for e, n in zip(expected, batch.shape[1:], strict=True)):
            shape = ", ".join("any" if n is None else str(n) for n in expected)
            raise ValueError(
                f"{self.name} takes images of shape (height, width, channels) = ({shape}). Received: {array.shape}."
            )
        return batch.astype(self._open().dtype, copy=False)

    def _tensor(self, layer):
        return self._open().tensors[self.layer(layer).path]

    def _objective(self, target):
        opened = self._open()
        if target.layer is not None:
            return self._tensor(target.layer)
        return opened.traced.output if opened.head == "hidden" else opened.traced.logits

    def _connected(self, gradient, target, layer):
        if gradient is None:
            where = "the image" if layer is None else f"layer {layer!r}"
            raise ValueError(
                f"The score of {self.describe(target)} must depend on {where}; in this network it does not."
            )
        return gradient

    def _class_named(self, name):
        for names in (self.class_names, tuple(known.lower() for known in self.class_names)):
            if name in names or name.lower() in names:
                return names.index(name if name in names else name.lower())
        near = difflib.get_close_matches(name, self.class_names, 3)
        hint = f" Near to it: {', '.join(near)}." if near else ""
        raise ValueError(f"No class named {name!r} among the {self.class_count} of {self.name}.{hint}")

    def _check_index(self, target):
        if target.layer is None:
            count, kind = self.class_count, "Class"
        else:
            count, kind = self.layer(target.layer).channels, f"Channel of {target.layer!r}"
        if count is None:
            raise ValueError(f"{kind} needs a last axis of known length. Received: {target.index}.")
        if not 0 <= target.index < count:
            raise ValueError(f"{kind} must be between 0 and {count - 1}. Received: {target.index}.")
        if target.position is not None:
            self._check_position(target)

    def _check_position(self, target):
        info = None if target.layer is None else self.layer(target.layer)
        if info is None or not info.spatial:
            what = "a class" if info is None else f"{info.path!r} with output {info.size}"
            raise ValueError(f"A position needs a layer with rows and columns. Received: {what}.")
        inside = (n is None or 0 <= k < n for k, n in zip(target.position, info.output_shape, strict=False))
        if not all(inside):
            raise ValueError(
                f"position must lie in the grid of {info.path!r}, {info.size}. Received: {target.position}."
            )


def _scores_and_probabilities(logits, output, head):
    """((n, classes) scores, (n, classes) probabilities) for each way a network may end."""
    if head == "hidden":
        return np.log(np.maximum(output, np.finfo(np.float32).tiny)), output
    if head in ("softmax", "sigmoid"):
        return logits, output
    if logits.shape[-1] == 1:
        return logits, 1 / (1 + np.exp(-logits))
    powers = np.exp(logits - logits.max(axis=-1, keepdims=True))
    return logits, powers / powers.sum(axis=-1, keepdims=True)


def _pooled(values):
    """(n, classes): a network that classifies every place, (n, rows, columns, classes), is averaged over them."""
    return values.mean(axis=tuple(range(1, values.ndim - 1))) if values.ndim > 2 else values


def _is_batch(image):
    return not isinstance(image, InputImage) and np.ndim(image) == 4


def _float32(values):
    values = np.asarray(values)
    return values if values.dtype == np.float64 else values.astype(np.float32, copy=False)


def _checked_range(value_range):
    low, high = map(float, value_range)
    if not (math.isfinite(low) and math.isfinite(high) and low < high):
        raise ValueError(f"value_range must be (low, high) with low < high. Received: {value_range!r}.")
    return low, high
