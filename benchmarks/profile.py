"""The time spent in each kind of operation: `python -m benchmarks --only profile`.

TensorFlow's profiler watches one call. Its file is read with a module that TensorFlow ships but does not promise.
"""

import re
import tempfile
from collections import Counter
from pathlib import Path

import tensorflow as tf

import cnnviz_widgets as cnnviz

from .bare import CAT, opened
from .measure import Fact, Row

SHOWN = 0.02  # of the whole call: kinds of operation that take less are not listed
# An operation's event is "name:Kind"; what is not in a network's own graph has no slash in its name.
OPERATION = re.compile(r"^(?P<name>[\w./-]+):(?P<kind>[A-Z_]\w*)$")
MARK = "measured"


def rows():
    """Yield Rows: the parts and kinds of operation of two occlusions, and of a gradient."""
    network, image, _ = opened()
    for title, method, parts in (
        ("occlusion 16/8", cnnviz.Occlusion(16, 8), of_occlusion),
        ("occlusion 32/16", cnnviz.Occlusion(32, 16), of_occlusion),
        ("gradient", cnnviz.Gradient(), of_gradient),
    ):
        events = profiled(lambda method=method: cnnviz.compute(method, network, image, target=CAT), network.cache.clear)
        if events is None:
            yield Fact("Not measured: this TensorFlow does not ship what reads its profiles.")
            return
        yield from _shares(title, *events, parts)


def of_occlusion(name):
    """Return the part of an operation: in rectangles that are followed, in pasting, or in whole maps."""
    if name.startswith("followed"):
        return "followed rectangles"
    return "whole maps" if "/" in name else "pasting"


def of_gradient(name):
    """Return the part of an operation: on the way to the score, or back."""
    return "back" if "gradients" in name else "forward"


def _shares(title, whole, operations, part_of):
    """Yield a Row for each part and for its larger kinds of operation."""
    parts = {}
    for (name, kind), seconds in operations.items():
        parts.setdefault(part_of(name), Counter())[kind] += seconds
    for part, kinds in sorted(parts.items(), key=lambda pair: -pair[1].total()):
        yield Row(f"{title}: {part}", (kinds.total(),), (whole,), beside="the whole call")
        for kind, seconds in kinds.most_common():
            if seconds >= SHOWN * whole:
                yield Row(f"{title}: {part}: {kind}", (seconds,), (whole,))


def profiled(call, before):
    """Return (seconds of its second call, {(operation's name, kind): seconds}); None where there is no such record."""
    try:
        from tensorflow.tsl.profiler.protobuf import xplane_pb2
    except ImportError:
        return None
    before()
    call()
    before()
    with tempfile.TemporaryDirectory() as folder:
        tf.profiler.experimental.start(folder)
        with tf.profiler.experimental.Trace(MARK):
            call()
        tf.profiler.experimental.stop()
        (path,) = Path(folder).rglob("*.xplane.pb")
        space = xplane_pb2.XSpace.FromString(path.read_bytes())
    return _read(next(plane for plane in space.planes if plane.name == "/host:CPU"))


def _read(plane):
    whole, operations = 0.0, Counter()
    for line in plane.lines:
        for event in line.events:
            name, seconds = plane.event_metadata[event.metadata_id].name, event.duration_ps / 1e12
            if name == MARK:
                whole = seconds
            elif found := OPERATION.match(name):
                operations[found["name"], found["kind"]] += seconds
    return whole, operations
