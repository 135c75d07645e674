"""A small network with fixed weights and a session that computes at once, for widgets without a browser."""

import numpy as np
import pytest

from cnnviz_widgets.core.image import InputImage
from cnnviz_widgets.network import Network
from cnnviz_widgets.runner import Inline
from cnnviz_widgets.session import Session

CLASSES = ["cat", "<img src=x onerror=alert(1)>", "dog"]


def small_network(name="small", side=32, seed=0, classes=CLASSES):
    """Two convolutions and a head, for RGB images of `side` px."""
    import keras
    from keras import layers

    keras.utils.set_random_seed(seed)
    model = keras.Sequential(
        [
            keras.Input((side, side, 3)),
            layers.Rescaling(1 / 255),
            layers.Conv2D(4, 3, activation="relu", name="conv1"),
            layers.MaxPooling2D(name="pool1"),
            layers.Conv2D(6, 3, activation="relu", name="conv2"),
            layers.GlobalAveragePooling2D(name="pooling"),
            layers.Dense(len(classes), activation="softmax", name="predictions"),
        ],
        name=name,
    )
    return Network(model, class_names=classes)


class ByHand(Inline):
    """Runs jobs at once, but those of one in line, which makes a step when told so.

    The first in line is a session, beside it an explorer's own session, and beside this its measurements and readers.
    """

    def __init__(self, held, lock=None, generation=1):
        super().__init__(lock)
        self.held, self.generation, self.steps = held, generation, None

    def beside(self, settle=0.0):
        """The next in line."""
        return ByHand(self.held, self.lock, self.generation + 1)

    def submit(self, job, patient=False):
        """Keep the job of the one in line for later, in place of the one before."""
        if self.generation == self.held:
            self.steps = iter(job())
        else:
            super().submit(job)

    def stop(self):
        """Drop the job."""
        self.steps = None

    def step(self, count=1):
        """Make so many steps."""
        for _ in range(count):
            next(self.steps)()

    def finish(self):
        """Make all steps that are left."""
        for make_known in self.steps:
            make_known()


def ending_in(units, activation=None, **options):
    """A convolution and a head of another kind, for RGB images of 32 px; `options` are those of Network."""
    import keras
    from keras import layers

    keras.utils.set_random_seed(1)
    body = [layers.Rescaling(1 / 255), layers.Conv2D(4, 3, activation="relu", name="conv1")]
    head = [layers.GlobalAveragePooling2D(), layers.Dense(units, activation=activation)]
    return Network(keras.Sequential([keras.Input((32, 32, 3)), *body, *head]), **options)


@pytest.fixture(scope="session")
def network():
    return small_network()


@pytest.fixture
def image():
    return InputImage(np.random.default_rng(0).uniform(0, 255, (32, 32, 3)), name="noise")


@pytest.fixture
def session(network, image):
    return Session(network, image, runner=Inline())
