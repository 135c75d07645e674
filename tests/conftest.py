"""What the tests of the numbers share: small networks, traced once for the whole run."""

import os
from functools import cache

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("CUDA_VISIBLE_DEVICES", "")

import hypothesis
import numpy as np
import pytest
from thirds import THIRDS, left_out

# How long an example takes says something of the machine, nothing of the code.
hypothesis.settings.register_profile("no clock", deadline=None)
hypothesis.settings.load_profile("no clock")


def pytest_addoption(parser):
    text = f"of the tests marked `full` every {THIRDS}rd group, another third for each number; see tests/thirds.py"
    parser.addoption("--third", type=int, metavar="NUMBER", help=text)


def pytest_report_header(config):
    number = config.getoption("third")
    return None if number is None else f"long tables of tests: third {number % THIRDS} of 0, 1 and 2"


def pytest_collection_modifyitems(config, items):
    number = config.getoption("third")
    if number is None:
        return
    others = [item for item in items if left_out(item, number)]
    config.hook.pytest_deselected(items=others)
    items[:] = [item for item in items if item not in set(others)]


@pytest.fixture(scope="session")
def opened():
    """`opened("nested")`: the kind of model of that name and a Network of it, the same one for every test.

    A test that changes the model, or counts what the network keeps, opens its own.
    """
    return cache(network_of_kind)


def network_of_kind(name):
    """(the kind of that name, a Network of it)."""
    import kinds

    from cnnviz_widgets.network import Network

    kind = kinds.KINDS[name]
    return kind, Network(kind.build(), value_range=(0, 1), name=name, **kind.options)


@pytest.fixture(scope="session")
def image():
    """`image(kind)`: noise that this kind of model takes."""
    return image_for


def image_for(kind, seed=0):
    """An InputImage of noise that this kind of model takes."""
    from cnnviz_widgets.core.image import InputImage

    shape = [12 if n is None else n for n in kind.shape]
    return InputImage(np.random.default_rng(seed).uniform(0, 1, shape))


@pytest.fixture(scope="session")
def small(opened):
    """A Network with two convolutions, ReLUs and a softmax."""
    return opened("functional")[1]


@pytest.fixture(scope="session")
def with_class_names():
    import kinds

    from cnnviz_widgets.network import Network

    names = ["cat", "dog", "bee", "cup", "pen"]
    return Network(kinds.KINDS["functional"].build(), value_range=(0, 1), class_names=names)


@pytest.fixture
def network(with_class_names):
    """A Network like `small`, with names for its classes, that keeps no answers from the test before."""
    with_class_names.cache.clear()
    return with_class_names


@pytest.fixture(scope="session")
def picture(opened, image):
    """An image for `small`."""
    return image(opened("functional")[0])
