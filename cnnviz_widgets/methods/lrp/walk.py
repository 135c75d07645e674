"""The walk from the score back to the image: one step for each operation, or for a layer with its scale and shift.

A convolution with batch normalisation is one linear layer here: its weights times the scale, and one bias. A scale and
shift that stands alone (batch normalisation in front of a convolution) is a layer of its own. Operations on single
pixels in front of all layers (rescaling, say) only encode the image differently: relevance passes them unchanged.
"""

from collections.abc import Callable, Mapping
from typing import NoReturn

import tensorflow as tf

from cnnviz_widgets.engine.op_kinds import (
    AFFINE,
    LINEAR,
    NORMALISATIONS,
    SHAPE_ONLY,
    SUMS,
    WEIGHTS_AT,
    WINNERS,
)

from .linear_layer import LinearLayer
from .operations import MOVING, again, is_same, passes, scaled_and_shifted, scaled_weights, wide
from .propagation_rules import RULES


class Walk:
    """The operations through which `images` reach `end`, in the graph that is being built."""

    def __init__(
        self,
        images: tf.Tensor,
        end: tf.Tensor,
        rule: str,
        knobs: Mapping[str, tf.Tensor],
        refuse: Callable[[tf.Operation], NoReturn],
    ):
        """Collect the operations; `refuse(operation)` is called for one that has no rule, and must raise."""
        self._images, self._end, self._rules, self._refuse = images, end, RULES[rule], refuse
        self._knobs = {name: tf.cast(value, wide(end).dtype) for name, value in knobs.items()}
        forth = _reached(images, lambda tensor: [out for user in tensor.consumers() for out in _values_of(user)])
        self._names = forth & _reached(end, lambda tensor: tensor.op.inputs)
        self._operations = [
            operation
            for operation in images.graph.get_operations()  # in the order in which they were made, inputs first
            if operation is not images.op and any(tensor.name in self._names for tensor in operation.outputs)
        ]
        self._pixels = self._recoded_pixels()

    def back(self, start: tf.Tensor, scores: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
        """Return (relevance at the images, scores (n,), the biases' shares (n,)), from relevance `start` at the end."""
        held, taken = {self._end.name: start}, tf.zeros_like(scores)
        for operation in reversed(self._operations):
            arriving = [held.pop(tensor.name, None) for tensor in operation.outputs]
            if all(relevance is None for relevance in arriving):
                continue  # it was a part of a layer, done in one step
            handed, to_bias = self._step(operation, arriving)
            taken += to_bias
            for tensor, share in handed:
                held[tensor.name] = held[tensor.name] + share if tensor.name in held else share
        return held[self._images.name], scores, taken

    def _step(self, operation, arriving):
        """Return ([(input tensor, its relevance)], the biases' share) of an operation, or of the layer ending in it."""
        if operation.type in MOVING | WINNERS:
            return self._moved(operation, arriving), 0
        if passes(operation) or operation.outputs[0].name in self._pixels:
            (way,) = self._ways(operation)
            tensor = operation.inputs[way]
            return [(tensor, tf.cast(arriving[0], wide(tensor).dtype))], 0
        layer = self._layer(operation)
        first = layer.place == "convolution" and layer.inputs[0].name in self._pixels
        handed, to_bias = layer.share(arriving[0], self._rules["first" if first else layer.place], self._knobs)
        return list(zip(layer.inputs, handed, strict=True)), to_bias

    def _moved(self, operation, arriving):
        """Return [(input tensor, its relevance)]: each number's relevance goes back to where the number came from."""
        ways = self._ways(operation)
        inputs = [tf.stop_gradient(wide(operation.inputs[way])) for way in ways]
        outputs = again(operation, dict(zip(ways, inputs, strict=True)))
        arriving = [tf.zeros_like(out) if one is None else one for out, one in zip(outputs, arriving, strict=True)]
        handed = tf.gradients(outputs, inputs, arriving, unconnected_gradients="zero")
        return [(operation.inputs[way], share) for way, share in zip(ways, handed, strict=True)]

    def _layer(self, last):
        """Return the LinearLayer that ends in the operation `last`; refuse where there is none."""
        scaling, tensor = [], last.outputs[0]
        while self._is_affine(tensor.op):
            (way,) = self._ways(tensor.op)
            scaling.append((tensor.op, way))
            tensor = tensor.op.inputs[way]
        core, scale, shift = tensor.op, 1.0, tf.zeros([], wide(tensor).dtype)
        for operation, way in reversed(scaling):
            scale, shift = scaled_and_shifted(operation, way, scale, shift)
        if self._is_weighted(core):
            weights = scaled_weights(core, scale)
            if weights is not None:
                return self._made(core, weights, shift, last)
        if scaling:
            return LinearLayer(None, (0,), (tensor,), scale, shift, last.outputs[0])
        if core.type not in SUMS:
            self._refuse(core)
        return self._made(core, None, shift, last)

    def _made(self, core, weights, bias, last):
        ways = tuple(self._ways(core))
        return LinearLayer(core, ways, tuple(core.inputs[way] for way in ways), weights, bias, last.outputs[0])

    # ---- Properties of the path

    def _ways(self, operation):
        """Return the positions of the inputs that come from the image."""
        return [place for place, tensor in enumerate(operation.inputs) if tensor.name in self._names]

    def _is_weighted(self, operation):
        at = WEIGHTS_AT.get(operation.type)
        return at is not None and at not in self._ways(operation) and len(self._ways(operation)) == 1

    def _is_affine(self, operation):
        """Return True where each number is scaled and shifted by constants."""
        ways = self._ways(operation)
        if operation.type not in AFFINE or len(ways) != 1 or ways[0] not in LINEAR[operation.type]:
            return False
        if operation.type in NORMALISATIONS and operation.get_attr("is_training"):
            return False  # it scales by the statistics of the batch
        return operation.inputs[ways[0]].shape.as_list() == operation.outputs[0].shape.as_list()

    def _recoded_pixels(self):
        """Return the names of the tensors that hold pixels, only moved, scaled and shifted."""
        pixels = {self._images.name}
        for operation in self._operations:
            known = is_same(operation) or operation.type in MOVING or self._is_affine(operation)
            if known and all(operation.inputs[way].name in pixels for way in self._ways(operation)):
                pixels.update(tensor.name for tensor in operation.outputs)
        return pixels


def _values_of(operation):
    """Return the outputs that depend on the numbers in the inputs, not only on their shape."""
    return () if operation.type in SHAPE_ONLY else operation.outputs


def _reached(start, neighbours):
    """Return the names of all tensors that can be reached from `start` by way of `neighbours(tensor)`."""
    seen, waiting = {start.name}, [start]
    while waiting:
        for tensor in neighbours(waiting.pop()):
            if tensor.name not in seen:
                seen.add(tensor.name)
                waiting.append(tensor)
    return seen
