"""A network whose class activation maps can be done on paper."""

import keras
import numpy as np
import pytest
from keras import layers

from cnnviz_widgets.network import Network


@pytest.fixture(scope="session")
def worked():
    """(network, image): a 4x4 image, two 3x3 filters, two scores; every number of it small enough for paper.

    Map 0 of the layer "maps" holds the sums over 3x3: 45 54 / 81 90. Its gradient for score 0 is 1 2 / 3 4.
    Map 1 holds minus the middles: -5 -6 / -9 -10. Its gradient for score 0 is 0 -4 / 0 0.
    For score 1 the gradients are the negatives of these.
    """
    image = keras.Input((4, 4, 1))
    maps = layers.Conv2D(2, 3, use_bias=False, name="maps")(image)
    model = keras.Model(image, layers.Dense(2, use_bias=False)(layers.Flatten()(maps)))
    sums, minus_middle = np.ones((3, 3)), np.zeros((3, 3))
    minus_middle[1, 1] = -1
    first = [1, 0, 2, -4, 3, 0, 4, 0]  # of each of the four cells: its weight for map 0, for map 1
    model.set_weights([np.stack([sums, minus_middle], -1)[:, :, None], np.stack([first, [-n for n in first]], -1)])
    return Network(model, value_range=(0, 15)), np.arange(16.0).reshape(4, 4, 1)
