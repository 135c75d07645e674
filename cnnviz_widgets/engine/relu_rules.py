"""Rules by which a gradient goes back through a ReLU: "standard", "guided", "deconvnet" and "redirected".

`ForwardGraph` gives ReLUs the name of our gradient, and TensorFlow then calls it in place of its own.
"""

import tensorflow as tf

from .op_kinds import RELUS
from .registered_gradients import register_once


def gradient_name(rule: str, kind: str) -> str:
    """The name in TensorFlow's register of our gradient of a `kind` operation."""
    return f"Cnnviz{rule.title()}{kind}"


def register_rules() -> None:
    """Register in TensorFlow the gradient of ReLUs by each rule; once a process."""
    gradients = {"guided": _guided, "deconvnet": _deconvnet, "redirected": _redirected}
    for kind in RELUS:
        for rule, gradient in gradients.items():
            register_once(gradient_name(rule, kind), _of_tensors(gradient))


def _of_tensors(rule):
    """The rule for a gradient of any form: behind a gather it is a list of slices."""
    return lambda relu, gradient: rule(relu, tf.convert_to_tensor(gradient))


def _guided(relu, gradient):
    """Springenberg et al. 2014: let pass where the unit was active and the gradient is positive."""
    output = relu.outputs[0]
    active = output > 0
    if relu.type == "Relu6":  # a clipped unit does not follow its input either
        active &= output < 6
    return tf.where(active & (gradient > 0), gradient, tf.zeros_like(gradient))


def _deconvnet(relu, gradient):
    """Zeiler and Fergus 2014: let every positive gradient pass, whatever the unit did."""
    return tf.nn.relu(gradient)


def _redirected(relu, gradient):
    """The plain gradient, or, if that is zero for a whole image, the one that would raise the silent units.

    From lucid (Olah, Mordvintsev, Schubert, 2017): it leads out of an image to which no unit responds.
    """
    output, whole = relu.outputs[0], list(range(1, relu.outputs[0].shape.rank))
    plain = tf.where((output > 0) & (output < 6) if relu.type == "Relu6" else output > 0, gradient, 0)
    silent = tf.reduce_all(plain == 0, axis=whole, keepdims=True)
    return tf.where(silent & (output <= 0), tf.nn.relu(gradient), plain)
