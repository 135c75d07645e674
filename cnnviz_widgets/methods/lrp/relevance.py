"""Relevance of the pixels, computed by a compiled function; and the refusal where an operation has no rule."""

from typing import TYPE_CHECKING, Any

import numpy as np
import tensorflow as tf

from cnnviz_widgets.core.image import InputImage
from cnnviz_widgets.core.target import Target
from cnnviz_widgets.engine.compiled import TERMS, terms_of
from cnnviz_widgets.engine.tensorflow_engine import as_float

from .operations import wide
from .walk import Walk

if TYPE_CHECKING:
    from cnnviz_widgets.network import Network

# The beginning of a refusal.
KNOWN = (
    "Relevance can pass convolutions, dense layers, batch normalisation, pooling, skips and activations that keep the "
    "sign, such as ReLU; not"
)
PRODUCT = "a product of two numbers that both come from the image (Mul), as in gates, swish or gelu"


def relevance(
    network: "Network", image: InputImage | np.ndarray, target: Target | int, rule: str, **knobs: float
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return (relevance of the pixels (height, width, channels), score, the biases' share), all in score units.

    For a batch each has a first axis. `knobs` are the numbers that the rules use: epsilon, gamma, alpha. Raises
    ValueError for a network with an operation that has no rule.
    """
    batch, engine = network.batch(image), network.traced_engine
    target = network.target(target, batch)
    network.check_image_reached(target)
    ask = _compiled(engine, engine.objective_tensor(target.layer), rule, sorted(knobs))
    terms, numbers = terms_of(target.objective), {name: np.float32(value) for name, value in knobs.items()}
    way = ((engine.traced.graph.input,), (engine.objective_tensor(target.layer),), "relevance")
    answers: Any = engine.functions.batching.ask(way, batch.array, lambda part: ask(part, terms, numbers))
    shares, score, to_biases = (batch.answer(as_float(answer)) for answer in answers)
    return shares, score, to_biases


def _compiled(engine, end, rule, knobs):
    """Return a function (images, terms, knobs) -> (relevance like the images, scores (n,), the biases' shares (n,))."""
    if engine.head == "hidden" and end == engine.traced.output:
        raise ValueError(f"{KNOWN} a softmax that the model hides. Received: {engine.name}.")

    def refuse(operation):
        what = PRODUCT if operation.type == "Mul" else operation.type
        raise ValueError(
            f"{KNOWN} {what}. Received: {engine.name}, with {operation.type} in {_where(engine, operation)}."
        )

    return engine.compiled(("relevance", end, rule), lambda: _made(engine, end, rule, knobs, refuse))


def _made(engine, end, rule, knobs, refuse):
    graph, functions = engine.traced.graph, engine.functions
    given = graph.tensor(graph.input)
    images_spec = tf.TensorSpec([None, *given.shape[1:]], given.dtype)

    @tf.function(autograph=False, input_signature=[images_spec, TERMS, dict.fromkeys(knobs, tf.TensorSpec([]))])
    def relevance(images, terms, knobs):
        # Without folding, because the rules are about the model's own operations.
        (values,) = graph({graph.input: images}, [end], folding=False)
        scores = functions.scores(end, values, terms)
        start = wide(values) * wide(tf.gradients(scores, values)[0])  # each cell's part of the score
        return Walk(images, values, rule, knobs, refuse).back(start, scores)

    return relevance


def _where(engine, operation):
    """Return in words the first layer whose output depends on an operation of an imported graph."""
    name = operation.name.split("/", 1)[1]
    reaches = engine.traced.graph.reaches
    inside = [path for path, tensor in engine.tensors.items() if reaches(name, tensor)]
    return f"layer {inside[0]!r}" if inside else f"operation {name!r}"
