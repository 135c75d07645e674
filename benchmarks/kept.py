"""A result that has been computed before: asked for again, and shown again by a session."""

import itertools

import cnnviz_widgets as cnnviz
from cnnviz_widgets.runner import Inline

from .bare import CAT, STRIDE, WINDOW, opened
from .measure import Row, alternate


def rows():
    """Yield a Row for `compute` and one for a session whose slider moves to and fro."""
    network, image, _ = opened()
    method = cnnviz.Occlusion(window=WINDOW, stride=STRIDE)
    (ours,) = alternate(lambda: cnnviz.compute(method, network, image, target=CAT), rounds=61)
    yield Row("occlusion that is kept, computed again", ours, goal=0.001)
    yield in_a_session(network, image)


def in_a_session(network, image):
    """Return the Row from the change of a parameter to the session's result; `page` measures the pixels."""
    methods = [cnnviz.Gradient(reduce=reduce) for reduce in ("sum", "max_abs")]
    session = cnnviz.Session(network, image, method=methods[0], target=CAT, runner=Inline())
    turns = itertools.cycle(methods[::-1])

    def move():
        session.method = wanted = next(turns)
        assert session.result.request.method == wanted

    (ours,) = alternate(move, rounds=61, warm_up=4)
    return Row("slider to result in a session, kept result", ours, goal=0.001)
