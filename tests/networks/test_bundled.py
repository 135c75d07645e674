"""Bundled networks are found by their files."""

import sys

import keras
import pytest

from cnnviz_widgets import networks

STRIPES = """
import keras

DEFAULT = False
FAVOURITES = ("upright",)

def build():
    return keras.Sequential([keras.Input((8, 8, 1)), keras.layers.Conv2D(2, 3), keras.layers.GlobalMaxPooling2D()])

def class_names():
    return ("upright", "lying")

def samples():
    return ()
"""


@pytest.fixture
def stripes(tmp_path, monkeypatch):
    """One file more among the networks, and a file that helps to load it."""
    (tmp_path / "stripes.py").write_text(STRIPES)
    (tmp_path / "stripes_reading.py").write_text("DEFAULT = True\n")
    monkeypatch.setattr(networks, "__path__", [*networks.__path__, str(tmp_path)])
    networks.bundled.cache_clear()
    yield
    for name in ("stripes", "stripes_reading"):
        del sys.modules[f"{networks.__name__}.{name}"]
        delattr(networks, name)
    networks.bundled.cache_clear()


def test_the_bundled_names_are_these_two_the_default_first():
    assert networks.names() == ("efficientnet_lite0", "digits")
    assert networks.default_name() == "efficientnet_lite0"


def test_there_is_one_default():
    assert [name for name, network in networks.bundled().items() if network.DEFAULT] == [networks.default_name()]


@pytest.mark.parametrize("name", networks.names())
def test_a_bundled_network_declares_favourites_among_its_classes(name):
    network = networks.bundled()[name]
    assert set(network.FAVOURITES) <= set(network.class_names())


@pytest.mark.usefixtures("stripes")
def test_a_file_with_a_network_is_enough_to_bundle_it():
    assert networks.names() == ("efficientnet_lite0", "digits", "stripes")
    assert networks.load("stripes").class_names == ("upright", "lying")
    assert networks.load("Stripes").name == "stripes"
    assert networks.samples("stripes") == ()
    assert "upright" in networks.favourites()


def test_application_names_are_those_that_keras_offers():
    offered = {name for name in vars(keras.applications) if name[0].isupper()}
    assert set(networks.application_names()) == offered
