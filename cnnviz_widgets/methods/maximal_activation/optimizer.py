"""An optimiser that makes an image raise a score: gradient ascent from seeded noise, one compiled step at a time.

A step is parameters -> image -> a small movement -> network -> gradient -> Adam. The numbers that a person varies, and
the class, channel or unit whose score is raised, reach it as tensors: it is traced once for a network and a kind of
target. Kingma, Ba, "Adam", 2015 (arXiv:1412.6980), algorithm 1.
"""

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import tensorflow as tf

from cnnviz_widgets.core.target import Target
from cnnviz_widgets.engine.compiled import TERMS, gradient_of, terms_of
from cnnviz_widgets.engine.gradient_ends import without_gradient

from .parameterisation import START, correlated, pixels_of, planes_of, shape_of_parameters
from .transforms import movement, warped

if TYPE_CHECKING:
    from cnnviz_widgets.network import Network

# The sides, in px, of the picture for a network that takes any size.
SIDE = 224
# The number of steps in which silent ReLUs may pass the gradient on, for a score that does not move at all.
RELAXED_STEPS = 32
# Adam's decay rates for the gradient and its square, and the number that keeps a divisor from zero.
BETA_1, BETA_2, EPSILON = 0.9, 0.999, 1e-8
# Knobs that are whole numbers.
WHOLE = ("pad", "seed")


@dataclass(frozen=True, eq=False)
class OptimizerState:
    """The state of the ascent: everything that the next step depends on.

    `parameters` and Adam's two `moments` are tensors; `number` counts the steps so far, `relaxed` those of them that
    needed the relaxed ReLU gradient.
    """

    parameters: tf.Tensor
    moments: tuple[tf.Tensor, ...]
    number: int = 0
    relaxed: int = 0

    @property
    def nbytes(self) -> int:
        """Bytes of memory that keeping it takes."""
        return sum(4 * int(tf.size(tensor)) for tensor in (self.parameters, *self.moments))


class Ascent:
    """Gradient ascent for one target.

    `knobs` are numbers that may be varied without tracing again, see `MaximalActivation`: `decay`, `jitter`, `rotate`,
    `zoom`, `background`, `norm`, `power`, `total_variation`, `learning_rate`, and the whole numbers `pad` and `seed`.
    """

    def __init__(self, network: "Network", target: Target, parameterisation: str, decorrelate: bool, **knobs: Any):
        engine = network.traced_engine
        end, (height, width, channels) = engine.objective_tensor(target.layer), network.input_shape
        self.shape: tuple[int, int, int] = (height or SIDE, width or SIDE, channels)
        self._terms = terms_of(target.objective)
        specs = {name: tf.TensorSpec([], tf.int32 if name in WHOLE else tf.float32) for name in knobs}
        self._knobs = {name: tf.constant(value, specs[name].dtype) for name, value in knobs.items()}
        self._kind, pad, self._seed = parameterisation, knobs["pad"], knobs["seed"]
        self._canvas = (self.shape[0] + 2 * pad, self.shape[1] + 2 * pad, channels)
        made_of = (self._kind, decorrelate and channels == 3, self.shape, tuple(map(float, network.value_range)))
        self._picture = engine.compiled(("picture", made_of), lambda: _picture_function(specs, *made_of))
        self._steps = {
            rule: lambda rule=rule: engine.compiled(
                ("ascent", end, rule, made_of), lambda: _step_function(engine.functions, end, rule, specs, *made_of)
            )
            for rule in ("standard", "redirected")
        }

    def begin(self) -> OptimizerState:
        """Return the start: noise that looks grey."""
        shape = shape_of_parameters(self._kind, *self._canvas)
        parameters = START * tf.random.stateless_normal(shape, (self._seed, 0))
        return OptimizerState(parameters, (tf.zeros(shape), tf.zeros(shape)))

    def advanced(self, state: OptimizerState, number: int) -> OptimizerState:
        """Return the state after `number` steps in all."""
        step = self._steps["standard"]()
        while state.number < number:
            given = (state.parameters, *state.moments, tf.constant(state.number), self._terms, self._knobs)
            relaxed, (moves, *changed) = 0, step(*given)
            if state.number < RELAXED_STEPS and not moves:
                relaxed, (_, *changed) = 1, self._steps["redirected"]()(*given)
            parameters, *moments = changed
            state = replace(
                state,
                parameters=parameters,
                moments=tuple(moments),
                number=state.number + 1,
                relaxed=state.relaxed + relaxed,
            )
        return state

    def picture(self, state: OptimizerState) -> np.ndarray:
        """Return the image without any movement: (height, width, channels) float32 in the network's value range."""
        return self._picture(state.parameters, self._knobs).numpy()


def _step_function(functions, objective, rule, knob_specs, kind, decorrelate, shape, value_range):
    """Return a `tf.function` that makes one step: (True where the score moved at all, parameters, *moments)."""
    parameters = _parameters_spec(kind, shape)
    graph = functions.graph
    dtype = graph.tensor(graph.input).dtype

    @tf.function(
        autograph=False,
        input_signature=[parameters] * 3 + [tf.TensorSpec([], tf.int32), TERMS, knob_specs],
    )
    def step(parameters, mean, square, number, terms, knobs):
        image = _image(kind, decorrelate, shape, parameters, knobs)
        moved = movement(knobs["seed"], number, knobs["jitter"], knobs["rotate"], knobs["zoom"])
        seen = warped(image, shape[0], shape[1], moved, knobs["background"])
        images = tf.cast(_in_range(seen, value_range), dtype)[tf.newaxis]
        (values,) = graph({graph.input: images}, [objective], rule)
        score = tf.reduce_sum(functions.scores(objective, values, terms))
        at_seen = gradient_of(score, seen)
        if at_seen is None:
            independent = "The score must depend on the image to be raised. Received: one that does not."
            raise ValueError(without_gradient(graph, graph.input, objective) or independent)
        uphill = _of_mean_size_1(tf.gradients(seen, image, at_seen)[0])
        downhill = tf.gradients(_penalty(image, knobs), image)[0] - uphill
        downhill = tf.gradients(image, parameters, downhill)[0]
        moves = tf.reduce_any(at_seen != 0)
        return moves, *_adam(parameters, downhill, mean, square, number, knobs["learning_rate"])

    return step


def _picture_function(knob_specs, kind, decorrelate, shape, value_range):
    @tf.function(autograph=False, input_signature=[_parameters_spec(kind, shape), knob_specs])
    def picture(parameters, knobs):
        image = _image(kind, decorrelate, shape, parameters, knobs)
        pad, (height, width, _) = knobs["pad"], shape
        return _in_range(image[pad : pad + height, pad : pad + width], value_range)

    return picture


def _parameters_spec(kind, shape):
    channels = shape[-1]
    return tf.TensorSpec(shape_of_parameters(kind, None, None, channels), tf.float32)


def _image(kind, decorrelate, shape, parameters, knobs):
    """Return the image (height, width, channels) from 0 to 1, larger than the network's by `pad` on each side."""
    height, width, channels = shape
    planes = planes_of(kind, parameters, height + 2 * knobs["pad"], width + 2 * knobs["pad"], knobs["decay"])
    planes = correlated(planes) if decorrelate else planes
    planes.set_shape([None, None, channels])
    return pixels_of(planes, knobs["background"])


def _in_range(image, value_range):
    low, high = value_range
    return low + (high - low) * image


def _of_mean_size_1(gradient):
    """Scale the gradient so that a penalty weighs the same for a class, a channel and a unit."""
    return tf.math.divide_no_nan(gradient, tf.reduce_mean(tf.abs(gradient)))


def _penalty(image, knobs):
    """Return the penalty on loud and rough images from 0 to 1: keras-vis's terms, not divided by the size."""

    def norm():
        away = tf.reduce_sum(tf.abs(image - knobs["background"]) ** knobs["power"])
        return knobs["norm"] * (away + EPSILON) ** (1 / knobs["power"])

    down, across = image[1:, :-1] - image[:-1, :-1], image[:-1, 1:] - image[:-1, :-1]
    total_variation = tf.reduce_sum(down**2 + across**2)
    # Powers of every pixel take a tenth of the whole step, so they are skipped when the weight is 0.
    return knobs["total_variation"] * total_variation + tf.cond(knobs["norm"] > 0, norm, lambda: 0.0)


def _adam(parameters, gradient, mean, square, number, learning_rate):
    """Return (parameters, mean of the gradient, mean of its square) by algorithm 1 of Kingma and Ba."""
    time = tf.cast(number + 1, tf.float32)
    mean = BETA_1 * mean + (1 - BETA_1) * gradient
    square = BETA_2 * square + (1 - BETA_2) * gradient**2
    unbiased, scale = mean / (1 - BETA_1**time), tf.sqrt(square / (1 - BETA_2**time))
    return parameters - learning_rate * unbiased / (scale + EPSILON), mean, square
