"""The work that is done once: opening the network, and tracing at a method's first call."""

from .fresh import report, title
from .measure import Row, at_most

TURNS = 3
NAMES = ("gradient", "grad_cam", "occlusion")


def rows():
    """Yield a Row for opening and tracing, and one for the first call of a few methods."""
    reports = {name: [report(name, turn) for turn in range(at_most(TURNS))] for name in NAMES}
    every = [each for found in reports.values() for each in found]
    yield Row("importing TensorFlow and Keras", _of(every, "tensorflow"))
    yield Row("opening the network: its layers and weights", _of(every, "open"))
    yield Row("its first question, which traces it: the logits", _of(every, "trace"))
    for name, found in reports.items():
        yield Row(f"{title(name)}, first call", _of(found, "first"), _of(found, "second"), beside="its second call")
    whole = tuple(each["open"] + each["trace"] + each["first"] for each in reports["grad_cam"])
    yield Row("opening, tracing and the first Grad-CAM, without a page", whole)


def _of(reports, name):
    return tuple(each[name] for each in reports)
