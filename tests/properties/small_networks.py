"""The networks that properties are about: opened afresh each time, so that nothing kept hides a bug."""

import keras
import numpy as np
from keras import layers
from kinds import KINDS, fixed

from cnnviz_widgets.core.image import InputImage
from cnnviz_widgets.network import Network


def noise(*shape, seed=0):
    """An image of noise between 0 and 1."""
    return InputImage(np.random.default_rng(seed).uniform(0, 1, shape))


def opened(name, **options):
    """A kind of model from `kinds`, with its softmax, and an image for it."""
    kind = KINDS[name]
    return Network(kind.build(**options), value_range=(0, 1), name=name, **kind.options), noise(*kind.shape)


def linear(height=8, width=8, channels=2, classes=3, value_range=(0, 1)):
    """(network, weights): one weighted sum and a bias a class, then a softmax; weights (height, ..., classes)."""
    head = layers.Dense(classes, activation="softmax", name="scores")
    model = fixed(keras.Sequential([keras.Input((height, width, channels)), layers.Flatten(), head]))
    return Network(model, value_range=value_range), head.kernel.numpy().reshape(height, width, channels, classes)


def normalised():
    """A network with a batch normalisation whose moving averages are those of no image."""
    image = keras.Input((12, 12, 3))
    values = layers.BatchNormalization(name="bn")(layers.Conv2D(4, 3, name="conv1")(image))
    values = layers.Dropout(0.5)(layers.ReLU()(values))
    scores = layers.Dense(5, activation="softmax")(layers.GlobalAveragePooling2D()(values))
    return Network(fixed(keras.Model(image, scores)), value_range=(0, 1))
