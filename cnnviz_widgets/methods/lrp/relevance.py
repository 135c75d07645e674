"""The compiled answer to "how is this score shared out among the pixels", and the refusal where there is none."""

import tensorflow as tf

from cnnviz_widgets.engine.compiled import PLACE

from .operations import wide
from .walk import Walk

# What may be varied without tracing again.
KNOBS = {name: tf.TensorSpec([], tf.float32) for name in ("epsilon", "gamma", "alpha")}
# How a refusal begins.
KNOWN = (
    "Relevance can pass convolutions, dense layers, batch normalisation, pooling, skips and activations that keep the "
    "sign, such as ReLU; not"
)
PRODUCT = "a product of two numbers that both come from the image (Mul), as in gates, swish or gelu"


def relevance_question(opened, objective, rule, name):
    """(images, place, knobs) -> (relevance like the images, scores (n,), what biases took (n,)).

    Raises ValueError where an operation has no rule; `name` is that of the network.
    """
    if opened.head == "hidden" and objective == opened.traced.output:
        raise ValueError(f"{KNOWN} a softmax that the model hides. Received: {name}.")

    def refuse(operation):
        what = PRODUCT if operation.type == "Mul" else operation.type
        raise ValueError(f"{KNOWN} {what}. Received: {name}, with {operation.type} in {_where(opened, operation)}.")

    questions = opened.questions
    ask = questions.keep(("relevance", objective, rule), lambda: _made(questions, objective, rule, refuse))
    way = ((questions.graph.input,), (objective,), "relevance")
    return lambda images, place, knobs: questions.pieces.ask(way, images, lambda part: ask(part, place, knobs))


def _made(questions, objective, rule, refuse):
    graph = questions.graph
    given = graph.tensor(graph.input)
    images_spec = tf.TensorSpec([None, *given.shape[1:]], given.dtype)

    @tf.function(autograph=False, input_signature=[images_spec, PLACE, KNOBS])
    def relevance(images, place, knobs):
        # Every operation as the model has it: the rules are about them.
        (values,) = graph({graph.input: images}, [objective], folding=False)
        scores = questions.scores(objective, values, place)
        start = wide(values) * wide(tf.gradients(scores, values)[0])  # each cell's part of the score
        return Walk(images, values, rule, knobs, refuse).back(start, scores)

    return relevance


def _where(opened, operation):
    """In words: the first layer whose output depends on an operation of an imported graph."""
    name = operation.name.split("/", 1)[1]
    reaches = opened.traced.graph.reaches
    inside = [path for path, tensor in opened.tensors.items() if reaches(name, tensor)]
    return f"layer {inside[0]!r}" if inside else f"operation {name!r}"
