"""The ImageNet class names and photographs, and what all bundled data weighs."""

import subprocess
import sys

import numpy as np
import pytest

from cnnviz_widgets.networks import imagenet, samples
from cnnviz_widgets.networks.stored_weights import DATA


def test_there_are_a_thousand_class_names_that_differ_in_more_than_capitals():
    found = imagenet.class_names()
    assert len(found) == len({name.casefold() for name in found}) == 1000
    assert all(name and name == name.strip() for name in found)


@pytest.mark.parametrize(
    ("index", "name"),
    [
        (0, "tench"),
        (285, "Egyptian cat"),
        (652, "military uniform"),
        (967, "espresso"),
        (985, "daisy"),
        (999, "toilet tissue"),
        (134, "crane (bird)"),
        (517, "crane (machine)"),
    ],
)
def test_a_class_name_stands_at_its_index(index, name):
    assert imagenet.class_names()[index] == name


def test_the_photographs_are_small_square_colour_pictures_with_the_cat_first():
    found = {image.name: image for image in samples("efficientnet_lite0")}
    assert next(iter(found)) == "chelsea"
    assert {"coffee", "rocket", "astronaut", "grace_hopper", "china", "flower"} < set(found)
    for image in found.values():
        assert image.shape == (224, 224, 3)
        assert image.array.dtype == np.float32
        assert 0 <= image.array.min() < 60
        assert 180 < image.array.max() <= 255


def test_a_label_is_one_of_the_class_names():
    labels = {image.label for image in samples("efficientnet_lite0")} - {None}
    assert {"espresso", "military uniform"} == labels <= set(imagenet.class_names())


def test_everything_bundled_is_at_most_ten_megabytes():
    assert sum(file.stat().st_size for file in DATA.rglob("*") if file.is_file()) <= 10_000_000


def test_samples_of_an_unknown_network_are_refused_with_the_nearest_name():
    with pytest.raises(ValueError, match=r"no sample images named 'digit'.*Did you mean digits\?"):
        samples("digit")


def test_samples_and_names_need_no_tensorflow():
    script = (
        "import sys\n"
        "from cnnviz_widgets import networks\n"
        "count = sum(len(networks.samples(name)) for name in networks.names())\n"
        "loaded = {'tensorflow', 'keras', 'torch'} & set(sys.modules)\n"
        "sys.exit(f'{count} {loaded}' if loaded or count != 107 else 0)\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
