"""The bundled digit network and its sample digits."""

from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from cnnviz_widgets.networks import digits, load, samples

HELD_OUT = Path(__file__).with_name("held_out_digits.npz")  # written by tools/train_digits.py


@pytest.fixture(scope="module")
def network():
    return load("digits")


@pytest.fixture(scope="module")
def held_out():
    with np.load(HELD_OUT, allow_pickle=False) as stored:
        return stored["images"], stored["labels"]


def test_it_reads_at_least_98_5_percent_of_1500_digits_that_it_never_saw(network, held_out):
    images, labels = held_out
    probabilities = network.probabilities(images[..., np.newaxis].astype(np.float32))
    right = (probabilities.argmax(axis=1) == labels).mean()
    assert len(labels) == 1500
    assert right >= 0.985


def test_the_docstring_tells_that_accuracy(network, held_out):
    images, labels = held_out
    probabilities = network.probabilities(images[..., np.newaxis].astype(np.float32))
    right = (probabilities.argmax(axis=1) == labels).mean()
    assert f"{right:.2%}".replace("%", " %") in digits.__doc__


def test_no_held_out_digit_is_there_twice(held_out):
    images, _ = held_out
    assert len({image.tobytes() for image in images}) == len(images)


def test_its_weights_are_a_file_of_at_most_half_a_megabyte():
    assert digits.WEIGHTS.stat().st_size <= 500_000


def test_there_are_ten_samples_of_each_digit_with_their_labels(network):
    found = samples("digits")
    assert Counter(image.label for image in found) == dict.fromkeys(network.class_names, 10)
    assert len({image.name for image in found}) == 100
    for image in found:
        assert image.shape == network.input_shape
        assert image.array.min() == 0
        assert 200 <= image.array.max() <= 255
        assert image.name.startswith(image.label)


def test_all_samples_are_digits_that_it_never_saw(held_out):
    images, labels = held_out
    known = {image.tobytes(): label for image, label in zip(images, labels, strict=True)}
    for image in samples("digits"):
        assert known[image.array[..., 0].astype(np.uint8).tobytes()] == int(image.label)


def test_the_samples_begin_with_one_clear_digit_of_each_class(network):
    first_ten = samples("digits")[:10]
    assert [image.label for image in first_ten] == list(network.class_names)
    for image in first_ten:
        probabilities = network.probabilities(image)
        assert probabilities[int(image.label)] > 0.99


def test_the_samples_are_named_after_what_the_network_makes_of_them(network):
    names = Counter()
    for number, image in enumerate(samples("digits"), start=1):
        probabilities = network.probabilities(image)
        top = network.class_names[probabilities.argmax()]
        expected = f"{image.label} · sample {number}"
        if top != image.label:
            expected += f" (taken for {top})"
            names["wrong"] += 1
        elif probabilities[int(image.label)] < digits.UNSURE_BELOW:
            expected += " (unsure)"
            names["unsure"] += 1
        assert image.name == expected
    assert names["wrong"] >= 4
    assert names["wrong"] + names["unsure"] >= 10


def test_the_doubtful_samples_come_last():
    doubtful = ["(" in image.name for image in samples("digits")]
    assert doubtful == sorted(doubtful)
