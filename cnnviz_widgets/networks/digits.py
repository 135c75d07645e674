"""A small CNN that reads handwritten digits, in the style of the Keras MNIST example.

Two 3x3 convolutions (32 and 64 filters, ReLU), max pooling, dropout, a dense layer, dropout, ten
classes; with a third convolution and a second pooling in between, which make the dense layer small:
weights of 0.4 MB instead of 4.8 MB, and more digits right.

Input (28, 28, 1), 0 (background) to 255 (ink); the division by 255 is the model's first layer.
Trained by ``tools/train_digits.py`` on 6500 digits of MNIST (Yann LeCun, Corinna Cortes,
Christopher J. C. Burges), seed 0. Accuracy on the 1500 digits that it never saw: 99.13 %.
"""

from typing import TYPE_CHECKING

import numpy as np

from cnnviz_widgets.core.image import InputImage

from .stored_weights import DATA, load_weights

if TYPE_CHECKING:
    import keras
DEFAULT = False
FAVOURITES = ()  # no class is better known than another

IMAGE_SIZE = 28
CLASS_NAMES = tuple("0123456789")
UNSURE_BELOW = 0.9  # probability of the true digit

WEIGHTS = DATA / "digits.npz"
SAMPLES = DATA / "digit_samples.npz"


def build() -> "keras.Model":
    """Return the trained network, a new ``keras.Model`` each time."""
    model = architecture()
    load_weights(model, WEIGHTS)
    return model


def architecture() -> "keras.Model":
    """Return the network with random weights."""
    import keras
    from keras import layers

    return keras.Sequential(
        [
            keras.Input((IMAGE_SIZE, IMAGE_SIZE, 1), name="image"),
            layers.Rescaling(1 / 255, name="input_scaling"),
            layers.Conv2D(32, 3, activation="relu", name="conv1"),
            layers.Conv2D(64, 3, activation="relu", name="conv2"),
            layers.MaxPooling2D(2, name="pool1"),
            layers.Conv2D(64, 3, activation="relu", name="conv3"),
            layers.MaxPooling2D(2, name="pool2"),
            layers.Dropout(0.25, name="pool_dropout"),
            layers.Flatten(name="flatten"),
            layers.Dense(96, activation="relu", name="dense"),
            layers.Dropout(0.25, name="dense_dropout"),
            layers.Dense(len(CLASS_NAMES), activation="softmax", name="probabilities"),
        ],
        name="digits",
    )


def class_names() -> tuple[str, ...]:
    """Return "0" to "9"."""
    return CLASS_NAMES


def samples() -> tuple[InputImage, ...]:
    """Return 100 digits that the network never saw, ten of each class, the doubtful ones last.

    The name tells the network's answer: "7 · sample 12" where it is right, "7 · sample 95 (unsure)" or
    "7 · sample 96 (taken for 2)". The label is the digit that was meant.
    """
    with np.load(SAMPLES, allow_pickle=False) as stored:
        rows = zip(
            stored["images"], stored["labels"], stored["taken_for"], stored["probability"],
            strict=True,
        )  # fmt: skip
        return tuple(
            InputImage(
                pixels[..., np.newaxis],
                name=_sample_name(number, label, taken_for, probability),
                label=CLASS_NAMES[label],
            )
            for number, (pixels, label, taken_for, probability) in enumerate(rows, start=1)
        )


def _sample_name(number, label, taken_for, probability):
    name = f"{label} · sample {number}"
    if taken_for != label:
        return f"{name} (taken for {taken_for})"
    return f"{name} (unsure)" if probability < UNSURE_BELOW else name
