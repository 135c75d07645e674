"""Networks whose scores are weighted sums of the pixels: what a method makes of them is known on paper."""

import keras
import numpy as np
from keras import layers

from cnnviz_widgets.network import Network

WEIGHTS = np.array([[[1, -1], [0, 2]], [[3, 0], [-2, 1]]], np.float32)  # (row, column, channel)


def weighted_sum(weights=WEIGHTS, bias=0.0, value_range=(0, 1)):
    """A Network of one score; with weights (height, width, channels, classes) of one for each class."""
    classes = weights.shape[3] if weights.ndim == 4 else 1
    model = keras.Sequential([keras.Input(weights.shape[:3]), layers.Flatten(), layers.Dense(classes)])
    model.set_weights([weights.reshape(-1, classes), np.broadcast_to(bias, classes)])
    return Network(model, value_range=value_range)
