"""How the .h5 files beside this were made: small models saved by Keras 2, with what they answered.

`python make.py` in this folder, where the package tf-keras (2.21) is installed. `answers.npz` holds for each file an
image's values and the model's output for it.
"""

import numpy as np
import tf_keras
from tf_keras import layers


def plain():
    """A Sequential model."""
    first = layers.Conv2D(4, 3, activation="relu", input_shape=(12, 12, 3), name="conv1")
    last = [layers.GlobalAveragePooling2D(), layers.Dense(5, activation="softmax")]
    return tf_keras.Sequential([first, layers.BatchNormalization(), layers.ReLU(6.0), *last])


def body(name=None):
    """A functional model with the layers whose settings Keras 3 does not take: depthwise, separable, transposed."""
    image = layers.Input((12, 12, 3))
    values = layers.BatchNormalization()(layers.DepthwiseConv2D(3, name="depthwise")(image))
    values = layers.SeparableConv2D(4, 3, activation="relu", name="separable")(layers.ReLU(6.0, name="relu6")(values))
    return tf_keras.Model(image, layers.Conv2DTranspose(4, 3, name="transposed")(values), name=name)


def mobile():
    """All on one level."""
    values = body()
    pooled = layers.GlobalAveragePooling2D()(values.output)
    return tf_keras.Model(values.input, layers.Dense(5, activation="softmax", name="scores")(pooled))


def nested():
    """A model inside a functional model."""
    image = layers.Input((12, 12, 3))
    pooled = layers.GlobalAveragePooling2D()(body("base")(image))
    return tf_keras.Model(image, layers.Dense(5, activation="softmax")(pooled))


def teachable():
    """As Teachable Machine writes it: a model in a Sequential in a Sequential."""
    base = tf_keras.Sequential([body("mobile"), layers.GlobalAveragePooling2D()])
    head = [layers.Dense(4, input_shape=(4,), name="hidden"), layers.Dense(5, activation="softmax", name="scores")]
    return tf_keras.Sequential([base, tf_keras.Sequential(head)])


def varied(model, random):
    """The model with weights of which none is without effect."""
    for weight in model.weights:
        values = random.normal(size=weight.shape) * 0.5
        weight.assign(1 + np.abs(values) if "variance" in weight.name or "gamma" in weight.name else values)
    return model


if __name__ == "__main__":
    answers, random = {}, np.random.default_rng(0)
    for build in (plain, mobile, nested, teachable):
        model = varied(build(), random)
        image = random.uniform(0, 1, (1, 12, 12, 3)).astype(np.float32)
        model.save(f"{build.__name__}.h5")
        answers[f"{build.__name__}_image"], answers[f"{build.__name__}_output"] = image[0], model(image).numpy()[0]
    np.savez("answers.npz", **answers)
