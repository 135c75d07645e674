"""A thousand mixed updates leave the process about as large as it was."""

import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow

UPDATES = """
import gc
import numpy as np
import psutil
import cnnviz_widgets as cnnviz
from cnnviz_widgets.core.target import Target
from cnnviz_widgets.runner import Inline
from cnnviz_widgets.session import Session
from quick import OF_CONVOLUTIONS, quick

network = cnnviz.load("digits")
network.cache.limit = 4_000_000  # full before one begins to count
session = Session(network, network.samples[0], runner=Inline())
random = np.random.default_rng(0)
layers = [info.path for info in network.spatial_layers]

def update():
    method = quick(methods[random.integers(len(methods))].suited_to(28), 8)
    image = network.samples[random.integers(len(network.samples))]
    if random.random() < 0.3:
        image = cnnviz.InputImage(random.uniform(0, 255, (28, 28, 1)))
    target = Target(int(random.integers(10)))
    if random.random() < 0.2:
        target = target - Target(int((target.index + 1) % 10))
    usable = [info.path for info in method.layers(network)]
    layer = usable[random.integers(len(usable))] if usable and random.random() < 0.7 else None
    session.update(method=method, image=image, target=target, layer=layer)
    assert session.status in ("done", "failed"), session.status
    return session.status == "done"

def size():
    gc.collect()
    return psutil.Process().memory_info().rss

methods = OF_CONVOLUTIONS
for _ in range(150):
    update()
before = size()
done = sum(update() for _ in range(1000))
print(done, (size() - before) / 1e6)
"""


@pytest.fixture(scope="module")
def endured():
    """(how many of the updates gave a result, by how many MB the process grew)."""
    command, here = [sys.executable, "-c", UPDATES], Path(__file__).parent
    done = subprocess.run(command, cwd=here, capture_output=True, text=True, timeout=1200, check=False)
    assert done.returncode == 0, done.stderr
    count, growth = done.stdout.split()[-2:]
    return int(count), float(growth)


def test_a_thousand_mixed_updates_grow_the_process_by_less_than_50_mb(endured):
    assert endured[1] < 50


def test_most_of_these_updates_gave_a_result(endured):
    assert endured[0] > 900
