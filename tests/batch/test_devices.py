"""Several devices share the images and give the numbers of one. Devices are made in a process of their own."""

import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow

CHECKOUT = Path(__file__).parents[2]

ON_THREE = """
import tensorflow as tf, numpy as np
cpu = tf.config.list_physical_devices("CPU")[0]
tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * 3)

import cnnviz_widgets as cnnviz
from cnnviz_widgets.network import Network
from cnnviz_widgets.engine.compiled import CompiledFunctions
from cnnviz_widgets.batch.devices import lanes_of

network = cnnviz.load("digits").randomised(1) if RANDOMISED else cnnviz.load("digits")
images = network.samples[:24]

lanes = lanes_of(network)
for lane in lanes:
    with tf.device(lane.device):
        opened = lane.network.engine
        (values,) = opened.functions.values(opened.traced.logits)(images[0].array[None])
    assert values.device.endswith(lane.device[-6:]), (values.device, lane.device)
print(len({lane.device for lane in lanes}))

used = {}
class Watched(cnnviz.GradCAM):
    def run(self, network, image, target, layer):
        used[id(network.engine.functions)] = (tf.constant(1.0) + 1).device
        yield from super().run(network, image, target, layer)

for method in (Watched(), cnnviz.Occlusion(window=8, stride=4), cnnviz.SmoothGrad(samples=8)):
    for result, image in zip(cnnviz.compute_many(method, network, images), images, strict=True):
        wanted = cnnviz.compute(method, network, image)
        assert np.array_equal(result.array, wanted.array), method
        assert result.request == wanted.request
used.pop(id(network.engine.functions))  # what compute asked
print(len(used), len(set(used.values())))
"""


def printed(randomised):
    done = subprocess.run(
        [sys.executable, "-c", f"RANDOMISED = {randomised}\n{ON_THREE}"],
        cwd=CHECKOUT,
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.split()


def test_every_device_takes_a_share_and_the_numbers_are_those_of_one():
    assert printed(randomised=False) == ["3", "3", "3"]


def test_a_randomised_network_is_randomised_on_every_device():
    assert printed(randomised=True) == ["3", "3", "3"]
