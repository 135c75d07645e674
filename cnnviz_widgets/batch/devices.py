"""Many images on this machine: two at a time on each of its devices, in threads.

`tf.distribute` gives each device its own copy of the weights. It does not run the methods: a method is Python, and
`Strategy.run` lets replicas take turns in Python; it is parallel only inside one compiled function. Threads that call
compiled functions, each on its device, are parallel.

Two at a time, because one leaves a processor waiting for Python. On two cores and EfficientNet-Lite0 that took Grad-CAM
from 70 to 38 ms an image and the gradient from 104 to 63; occlusion and SmoothGrad, whose batches keep both cores busy
by themselves, gained little or nothing. A batch of 16 gradients gained less, so methods go on seeing one image.
"""

import queue
import threading
from collections import deque
from collections.abc import Generator, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from cnnviz_widgets.engine.startup import greeting_kept_off
from cnnviz_widgets.network import Network

from .work import Answer, BatchItem, Question, answer

AT_ONCE = 2  # images on one device


@dataclass(frozen=True)
class Lane:
    """A device, by name, and the network with its weights there; None stands for the only device."""

    device: str | None
    network: Network


def answers_of_devices(
    question: Question, network: Network, items: Iterable[BatchItem]
) -> Generator[tuple[BatchItem, Answer | str], None, None]:
    """Yield (item, Answer or sentence) in the order of the items. Closing the generator ends the work."""
    import tensorflow as tf

    lanes = lanes_of(network)
    idle, stopping, begun = queue.SimpleQueue(), threading.Event(), network.weights_version()
    for lane in lanes * AT_ONCE:
        idle.put(lane)

    def compute(item):
        lane = idle.get()
        try:
            with tf.device(lane.device):
                return answer(question, lane.network, item.image, item.target, stopping.is_set)
        finally:
            idle.put(lane)

    def finished(item, future):
        found = item.refusal() if future is None else future.result()
        if getattr(found, "weights", begun) != begun:
            raise RuntimeError(
                "The network must stay as it is until the last image is done. "
                f"Received: {network.name}, whose weights have changed meanwhile."
            )
        return item, found

    pool, waiting = ThreadPoolExecutor(len(lanes) * AT_ONCE, "cnnviz-many"), deque()
    try:
        for item in items:
            waiting.append((item, None if item.image is None else pool.submit(compute, item)))
            if len(waiting) > len(lanes) * AT_ONCE:
                yield finished(*waiting.popleft())
        while waiting:
            yield finished(*waiting.popleft())
    finally:
        stopping.set()
        pool.shutdown(cancel_futures=True)


def lanes_of(network: Network) -> list[Lane]:
    """Return a Lane for each graphics card, or else for each processor that TensorFlow sees (one, unless told)."""
    import tensorflow as tf

    network.weights_version()  # opens it, and with it TensorFlow, which then knows its devices
    devices = tf.config.list_logical_devices("GPU") or tf.config.list_logical_devices("CPU")
    if len(devices) == 1:
        return [Lane(None, network)]
    with greeting_kept_off():
        strategy = tf.distribute.MirroredStrategy([device.name for device in devices])
        with strategy.scope():
            mirrored = {
                handle: tf.Variable(variable.read_value(), trainable=False)
                for handle, variable in network.traced_engine.variables.items()
            }
    copies = {handle: strategy.experimental_local_results(variable) for handle, variable in mirrored.items()}
    return [
        Lane(device, network.replica({handle: local[number] for handle, local in copies.items()}))
        for number, device in enumerate(strategy.extended.worker_devices)
    ]
