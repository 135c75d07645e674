"""The files that ours and the peers share: the network, the image, and the numbers of each method."""

import json
import tempfile
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from benchmarks.bare import BATCH, CAT, STRIDE, WINDOW

from .places import present
from .process import Peer

SAMPLES, STEPS, ASCENT, NOISE = 20, 50, 50, 0.1
GREY = 127.5


@contextmanager
def exchange(network, image):
    """Make a folder with the network, its weights, the image and the settings; it is removed afterwards."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        network.model.save(folder / "network.keras")
        weights = {
            f"{layer.name}/{each.name}": each.numpy() for layer in network.model.layers for each in layer.weights
        }
        np.savez(folder / "weights.npz", **weights)
        np.save(folder / "image.npy", image.array)
        low, high = network.value_range
        settings = {
            "target": CAT,
            "window": WINDOW,
            "stride": STRIDE,
            "batch": BATCH,
            "grey": GREY,
            "samples": SAMPLES,
            "noise": NOISE * (high - low),
            "steps": STEPS,
            "ascent": ASCENT,
        }
        (folder / "settings.json").write_text(json.dumps(settings))
        yield folder


def started(place, folder):
    """Return a running Peer of a Place."""
    return Peer(place.name, place.python, place.script, folder)


@contextmanager
def all_started(folder):
    """Start every peer whose environment exists: {name: Peer}."""
    peers = {}
    try:
        for place in present():
            peers[place.name] = started(place, folder)
        yield peers
    finally:
        for peer in peers.values():
            peer.close()
