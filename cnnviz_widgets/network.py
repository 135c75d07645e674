"""`Network`: a Keras model opened for looking inside, and the few questions one may ask it.

No question changes the model. Numbers come back as NumPy arrays, float32, channels last.
"""

import difflib
import math
import threading
from contextlib import contextmanager

import numpy as np

from cnnviz_widgets.core.cache import ByteBoundedCache
from cnnviz_widgets.core.image import InputImage
from cnnviz_widgets.core.target import Target
from cnnviz_widgets.engine.inputs import inputs_of
from cnnviz_widgets.engine.memory import Memory
from cnnviz_widgets.engine.opening import Opened, checked_shape, shape_of
from cnnviz_widgets.engine.output import TASKS, pooled
from cnnviz_widgets.engine.pickling import reduced

# Kept results and activations, per network.
CACHE_BYTES = 256 * 2**20
# How a refusal of `Network.pooled_maps` begins.
POOLED = (
    "A class activation map needs global average pooling and, from there to the score, nothing but a dense layer; "
    "Grad-CAM does without. Received: "
)


class Network:
    """A Keras model with the names of its classes and the range of its images.

    A network is a plain value to pickle: it takes along the model's configuration and weights, and is traced anew where
    it is opened. Of what Keras cannot write so (a Lambda layer, a model of Keras 2) pickling raises TypeError.

    `preprocess` is a function of a batch of images in `value_range`, written with Keras or TensorFlow operations, that
    makes what the model takes; it becomes part of the network, so that gradients are per unit of `value_range`.
    `task` is "classification", "regression", or None for classification as far as one knows: of a regression network
    the score is the output itself, whatever its last activation, and there are no probabilities. `class_names` are then
    the names of the quantities. Where the output is a single number for yes or no, they may name both sides, (no, yes).
    `input_shape` (height, width, channels) is needed only for a subclassed model that does not tell it. `samples` are
    InputImages of the kind that the network knows; what is made for a score is compared with what they reach.

    Of several inputs, `image_input` (name or index) is the one that takes the image, and `other_inputs` {name or index:
    number or array without a batch axis} says what the others hold, for every image the same. Of several outputs,
    `output` (name or index) is the one that is explained, the first if none is named. Images have their channels last
    for us, also `preprocess` and `input_shape`, where the model counts its channels first.

    `memory_limit` is what a pass through the network may take, bytes or a text such as "2GB": a larger batch goes in
    pieces, and an image that alone takes more is refused by a MemoryError. Without it, and where the environment
    variable CNNVIZ_MEMORY_LIMIT says nothing, a batch may take a quarter of the memory that is free, and one image all
    of it. What a pass takes is predicted; `memory.limit` changes it later.
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
        task=None,
        image_input=None,
        other_inputs=None,
        output=None,
        memory_limit=None,
    ):
        self.model = model
        self.name = name or getattr(model, "name", None) or type(model).__name__
        self.preprocess = preprocess
        self.value_range = _checked_range(value_range)
        self.samples = tuple(samples)
        self.task = _checked_task(task)
        self.inputs = inputs_of(model, image_input, other_inputs)
        self.output = output
        self.input_shape = checked_shape(input_shape) if input_shape else shape_of(model, self.inputs)
        self.memory = Memory(memory_limit)
        self.cache = ByteBoundedCache(CACHE_BYTES)
        self._lock = threading.RLock()
        self._steady = threading.local()
        self._opened = None
        self.given_names = None if class_names is None else tuple(map(str, class_names))
        # Of a network that was made of another one, by `randomised`: (that one, with which arguments).
        self.derived = None

    def __repr__(self):
        return f"Network({self.name!r})"

    def __copy__(self):
        twin = object.__new__(type(self))
        vars(twin).update(vars(self))
        return twin

    def __reduce__(self):
        return reduced(self)

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
    def output_names(self):
        """The names of the model's outputs, of which `output` is the one explained; "0", "1" where they have none."""
        return self._open().traced.output_names

    @property
    def class_count(self):
        """How many units the output has, one for each class or quantity; a single sigmoid counts as one."""
        return self._open().output.count

    @property
    def class_names(self):
        """The names of the classes, in the order of the output; of a single sigmoid two, if two were given."""
        return self._open().output.names

    @property
    def classes(self):
        """A Target for each of `class_names`: `Target(0)`, `Target(1)`, ...

        Where a single sigmoid's two sides have names, these are `-Target(0)` and `Target(0)`.
        """
        return self._open().output.targets

    @property
    def head(self):
        """What ends the network: "softmax", "sigmoid", "none" (the output is logits, or quantities) or "hidden".

        "hidden" means that the output is probabilities, but no softmax could be found in front of which to stop.
        """
        return self._open().head

    @property
    def weighted_layers(self):
        """The paths of the layers with weights of their own, from the output back to the image: a tuple."""
        from cnnviz_widgets.engine.weight_randomization import weights_by_layer

        return tuple(weights_by_layer(self._open(), self.model, self.name))

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
        """(logits, probabilities) of every unit of the output, (units,) each; (n, units) for a batch; from one pass.

        Where the network answers at every place, both are the mean over the places: of the logits, and of the
        probabilities, which is the share of the image that a class has. The two then say different things. A
        regression network has values and None.
        """
        logits, probabilities = (None if values is None else pooled(values) for values in self._answers(image))
        if _is_batch(image):
            return logits, probabilities
        return logits[0], None if probabilities is None else probabilities[0]

    def logits(self, image):
        """(units,) in front of the softmax or sigmoid; (n, units) for a batch.

        Of a "hidden" head these are the logarithms of the probabilities, of a regression network the values.
        """
        return self.outputs(image)[0]

    def probabilities(self, image):
        """(classes,) between 0 and 1, in the order of `class_names`; (n, classes) for a batch.

        Raises ValueError for a regression network, which has none.
        """
        self._open().output.check_watched("probability")
        return self._open().output.by_class(self.outputs(image)[1])

    def readings(self, image):
        """(classes,), what stands beside each of `class_names`: probabilities, or a regression network's values."""
        return self.logits(image) if self.task == "regression" else self.probabilities(image)

    def activations(self, image, layer):
        """The output of a layer, (height, width, channels) or its own shape; (n, ...) for a batch."""
        return self.values(image, self._tensor(layer))

    def values(self, image, tensor):
        """The value of any tensor of the traced graph, by its name there; (n, ...) for a batch."""
        return self._ask(image, lambda batch: self._open().questions.values(tensor)(batch)[0])

    def overflow(self, image):
        """The path of the first half-precision layer whose output for an InputImage is not finite, or None."""
        tensors = self._open().half_precision
        if not tensors:
            return None
        image = self.fit(image)
        key = ("overflow", image.digest, self.stamp())
        if (kept := self.cache.get(key)) is None:
            values = self._open().questions.values(*tensors.values())(self._batch(image))
            pairs = zip(tensors, values, strict=True)
            kept = tuple(path for path, value in pairs if not np.isfinite(np.asarray(value)).all())[:1]
            self.cache.put(key, kept)
        return kept[0] if kept else None

    def scores(self, image, target, of="logit"):
        """The score of `target`: a float for an image, (n,) for a batch.

        `of="probability"` takes the probabilities of classes instead of their logits, in sums as well.
        """
        target = self.target(target, image)
        scores = self._score(None if target.layer else self._answers(image), image, target, of)
        return scores if _is_batch(image) else scores[0]

    def watch(self, image, target, of="logit"):
        """The `Watched` of an image or of a batch: a target's scores and what else the same pass tells."""
        target = self.target(target, image)
        answers = self._answers(image)
        scores = self._score(answers, image, target, of)
        watched = self._open().output.watched(scores, *answers)
        return watched if _is_batch(image) else watched.first()

    def covered(self, image, fill, rectangles, target, of="logit", ranks=None):
        """A `Covering`: the `Watched` of an image with each of `rectangles` covered, pairs of slices.

        `fill` (height, width, channels) shows in the rectangle. Ask for the rectangles in the covering's batches, where
        those of lower `ranks` come first.
        """
        from cnnviz_widgets.methods.occlusion.incremental import Covering

        opened, image = self._open(), self.fit(image)
        target = self.target(target, image)
        wanted = (opened.traced.logits, opened.traced.output)
        if target.layer is None:
            opened.output.check_watched(of)
        else:
            wanted += (self._tensor(target.layer),)

        def read(logits, output, activations=None):
            answers = opened.output.answers(_float32(logits), _float32(output))
            values = answers[0 if of == "logit" else 1] if activations is None else _float32(activations)
            return opened.output.watched(target.of(values), *answers)

        return Covering(
            opened.follower,
            wanted,
            self._batch(image)[0],
            fill,
            rectangles,
            np.zeros(len(rectangles), int) if ranks is None else ranks,
            clean=lambda questions, names: self._values(image, names, questions),
            read=read,
        )

    def probability(self, image, target):
        """How probable the target is in one image, between 0 and 1; where it has a region, the mean over that.

        None for what has no probability: a channel, a quantity, a sum.
        """
        target, output = self.target(target, image), self._open().output
        if not output.has_probability(target):
            return None
        probability = float(self.scores(image, target, of="probability"))
        return probability if target.plain else 1 + probability

    def unit(self, target, of="logit"):
        """What a score is, in a word: "logit" or "probability", "activation" of a channel, "value" of a quantity."""
        if target.layer is not None:
            return "activation"
        return "value" if self.task == "regression" else of

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
        self._check_reached(start, target, layer)
        self.gates(layer, target, relu)
        activations, gradient = self._split(image, target, start, relu)
        return _float32(activations)[0], _float32(self._connected(gradient, target, layer))[0]

    def scores_behind(self, image, target, layer, activations):
        """(n,): the target's score with each of `activations` (n, height, width, channels) as the layer's output.

        What skips past the layer is that of the image. Only the part behind the layer runs.
        """
        image = self.fit(image)
        target = self.target(target, image)
        opened, start, objective = self._open(), self._tensor(layer), self._objective(target)
        self._check_reached(start, target, layer)
        frontier, (own, *skips) = self._kept(image, start, objective)
        activations = np.asarray(activations)
        if activations.shape[1:] != tuple(own.shape[1:]) or not len(activations):
            raise ValueError(
                f"activations must be of shape (n, {str(tuple(own.shape[1:]))[1:-1]}), as layer {layer!r} gives them, "
                f"n at least 1. Received: {activations.shape}."
            )
        activations = activations.astype(own.dtype.as_numpy_dtype, copy=False)
        ask, place = opened.questions.scores_behind(frontier, objective), opened.place(target)
        return _float32(ask([activations, *skips], place))

    def relevance(self, image, target, recipe):
        """(relevance (height, width, channels), score, what biases took): the score handed back to the pixels.

        `recipe` is an LRP, or like one: `rule`, `epsilon`, `gamma`, `alpha`. Raises ValueError for a network that holds
        an operation for which there is no rule.
        """
        from cnnviz_widgets.methods.lrp.relevance import KNOBS, relevance_question

        target = self.target(target, image)
        opened, objective = self._open(), self._objective(target)
        self._check_reached(opened.traced.graph.input, target, None)
        ask = relevance_question(opened, objective, recipe.rule, self.name)
        knobs = {name: np.float32(getattr(recipe, name)) for name in KNOBS}
        answers = [_float32(answer) for answer in ask(self._batch(image), opened.place(target), knobs)]
        return tuple(answers if _is_batch(image) else (answer[0] for answer in answers))

    def ascent(self, target, recipe):
        """The `Ascent` to an image that raises the target's score; `recipe` is a MaximalActivation, or like one."""
        from cnnviz_widgets.methods.maximal_activation.optimizer import Ascent

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
        hidden = target.layer is None and self.head == "hidden"  # a logarithm, which is not linear, is still to come
        objective = self._objective(target)
        start, pooled, obstacle = self._open().traced.graph.linear_maps(objective)
        if hidden or obstacle:
            raise ValueError(f"{POOLED}{self.name}, with {'a hidden softmax' if hidden else obstacle} in between.")
        key, of_all_images = ("pooled weights", objective, self.stamp()), self._open().kept
        if (matrix := of_all_images.get(key)) is not None:  # for every target of this output
            return _float32(self._kept(image, start, objective)[1][0])[0], target.of(matrix)
        maps, gradient = (_float32(values)[0] for values in self._split(image, target, start))
        weights = gradient.sum(axis=(0, 1))
        if np.ptp(gradient, axis=(0, 1)).max() > 1e-3 * np.abs(gradient).max():
            raise ValueError(f"{POOLED}{self.name}, whose weights differ from place to place.")
        matrix = pooled and self._open().questions.linear(pooled, objective)
        if matrix is None:
            return maps, weights
        of_all_images.put(key, matrix)
        return maps, target.of(matrix)  # to the last digit what it will be when asked again

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

    # ---- With other weights

    def randomised(self, count, seed=0, alone=False):
        """A Network whose last `count` layers with weights hold shuffled ones; everything else is shared with this one.

        "Last" is in the order of `weighted_layers`, from the output back. With `alone`, only the last of these `count`
        layers is shuffled. The layers of one `seed` are the same whatever the count; a count of 0 is this network. The
        model is only read, and `model` of what is returned is still the user's, with the weights that it has.

        Raises ValueError for a count or a seed that makes no sense. See `engine/weight_randomization.py` for paper and
        details.
        """
        from cnnviz_widgets.engine.weight_randomization import randomised

        return randomised(self, count, seed, alone)

    # ---- Classes and targets

    def target(self, value, image=None):
        """The Target meant by a class index, a class name, a Target, or None for the top class of `image`.

        Of a regression network None means the first quantity. Raises ValueError for a class, layer, channel or place
        that the network does not have.
        """
        if isinstance(value, Target):
            self._check(value)
            return value
        if value is None:
            return self._top(image)
        if isinstance(value, str):
            return self._open().output.named(value)
        if isinstance(value, (bool, float)) or not hasattr(value, "__index__"):
            raise TypeError(f"A target is a class index, a class name, a Target or None. Received: {value!r}.")
        if self._open().output.two_sided:
            raise ValueError(f"{self._open().output.sides} Received: {value!r}.")
        target = Target(int(value))
        self._check(target)
        return target

    def class_of(self, target):
        """The number of a target in `class_names`; None for a sum, a region or a channel."""
        return self._open().output.number_of(target)

    def describe(self, target):
        """A Target in words: "Egyptian cat", "Egyptian cat rather than tabby", "channel 17 of block3_project_bn"."""
        return self._open().output.describe(target)

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
        frontier, kept = self._kept(image, start, objective)
        _, gradient = opened.questions.tail(frontier, objective, relu)(kept, opened.place(target))
        return kept[0], gradient

    def _kept(self, image, start, objective):
        """(frontier, its values for a batch of one): what is needed to go on from `start`, computed once an image."""
        frontier = self._open().traced.graph.frontier(start, objective)
        return frontier, self._values(image, frontier)

    def _values(self, image, tensors, questions=None):
        """The values of tensors of the graph, or of one that others ask `questions`, for a batch of one; kept."""
        questions = questions or self._open().questions
        key = ("values", questions, image.digest, self.stamp(), tensors)
        if (kept := self.cache.get(key)) is None:
            kept = questions.values(*tensors)(self._batch(image))
            self.cache.put(key, kept)
        return kept

    def _answers(self, image):
        """(logits, probabilities or None) of every unit of the output at every place: (n, ..., units) each."""
        if not isinstance(image, InputImage):
            return self._run(self._batch(image))
        image = self.fit(image)
        key = ("outputs", image.digest, self.stamp())
        if (kept := self.cache.get(key)) is None:
            kept = self._run(self._batch(image))
            for values in kept:
                if values is not None:
                    values.setflags(write=False)
            self.cache.put(key, kept)
        return kept

    def _run(self, batch):
        opened = self._open()
        ask = opened.questions.values(opened.traced.logits, opened.traced.output)
        return opened.output.answers(*map(_float32, ask(batch)))

    def _score(self, answers, image, target, of):
        """(n,): the target's scores, from `_answers` where they are of classes."""
        if target.layer is not None:
            values = self.activations(image, target.layer)
            return target.of(values if _is_batch(image) else values[np.newaxis])
        self._open().output.check_watched(of)
        return target.of(answers[0 if of == "logit" else 1])

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
        return self._open().objective if target.layer is None else self._tensor(target.layer)

    def _check_reached(self, start, target, layer):
        if not self._open().traced.graph.reaches(start, self._objective(target)):
            self._connected(None, target, layer)

    def _connected(self, gradient, target, layer):
        if gradient is None:
            where = "the image" if layer is None else f"layer {layer!r}"
            raise ValueError(
                f"The score of {self.describe(target)} must depend on {where}. Received: a network where it does not."
            )
        return gradient

    def _top(self, image):
        if self.task == "regression":
            return Target(0)
        if image is None or _is_batch(image):
            what = "no image" if image is None else f"{len(image)} images"
            raise ValueError(f"A target of None means the top class of an image. Received: {what}.")
        return self.classes[int(self._open().output.winners(self.logits(image)))]

    def _check(self, target):
        self._open().output.check(target, None if target.layer is None else self.layer(target.layer))


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


def _checked_task(task):
    if task not in TASKS:
        known = ", ".join(map(repr, TASKS))
        raise ValueError(f"task must be one of {known}. Received: {task!r}.")
    return task
