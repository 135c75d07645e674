"""The seam between methods and the engine is real: an engine in NumPy stands in the place of TensorFlow's."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from linear_engine import AttentiveEngine, LinearEngine, attentive_twin, keras_twin

import cnnviz_widgets as cnnviz
from cnnviz_widgets.engine.engine import Engine

NEED_A_TRACE = ("LRP", "MaximalActivation")
NEED_A_RELU = ("GuidedGradCAM",)
NEED_ATTENTION = ("AttentionRollout", "GradientWeightedRollout", "RawAttention")
REFUSE = NEED_A_TRACE + NEED_A_RELU + NEED_ATTENTION
RUN = [method for method in cnnviz.all_methods() if method.__name__ not in REFUSE]


@pytest.fixture(scope="module")
def engine():
    return LinearEngine()


@pytest.fixture(scope="module")
def network(engine):
    return cnnviz.Network.of_engine(engine, value_range=(0, 1), class_names=list("abcde"))


@pytest.fixture(scope="module")
def twin(engine):
    return cnnviz.Network(keras_twin(engine), value_range=(0, 1), class_names=list("abcde"))


@pytest.fixture(scope="module")
def image():
    return cnnviz.InputImage(np.random.default_rng(1).uniform(0, 1, (16, 16, 3)))


def test_both_engines_answer_all_questions_of_the_protocol(engine, twin):
    assert isinstance(engine, Engine)
    assert isinstance(twin.engine, Engine)


def test_at_least_fifteen_methods_run_on_the_engine_in_numpy():
    assert len(RUN) >= 15


@pytest.mark.parametrize(
    "target", ["b", cnnviz.Target(0) - cnnviz.Target(3), cnnviz.Target("maps", 2, (1, 3))], ids=str
)
@pytest.mark.parametrize("method", RUN, ids=lambda method: method.__name__)
def test_both_engines_give_the_same_map(method, target, network, twin, image):
    made = method.suited_to(16)
    try:
        expected = cnnviz.compute(made, twin, image, target=target)
    except ValueError:
        with pytest.raises(ValueError, match="Received: "):
            cnnviz.compute(made, network, image, target=target)
        return
    found = cnnviz.compute(made, network, image, target=target)
    rounding = 1e-6 * np.abs(twin.logits(image)).max()  # a drop is the difference of two scores
    np.testing.assert_allclose(found.array, expected.array, atol=1e-5 * np.abs(expected.array).max() + rounding)
    assert (found.unit, found.signed, found.axes) == (expected.unit, expected.signed, expected.axes)


@pytest.mark.parametrize("name", NEED_ATTENTION)
def test_both_engines_give_the_same_attention(name, image):
    engine, method = AttentiveEngine(), getattr(cnnviz, name)()
    assert isinstance(engine, Engine)
    found, expected = (
        cnnviz.compute(method, network, image, target=cnnviz.Target(0) - cnnviz.Target(1)).array
        for network in (
            cnnviz.Network.of_engine(engine, value_range=(0, 1)),
            cnnviz.Network(attentive_twin(engine), value_range=(0, 1)),
        )
    )
    assert found.any()
    np.testing.assert_allclose(found, expected, atol=1e-5 * expected.max())


@pytest.mark.parametrize("name", REFUSE)
def test_a_method_that_needs_more_refuses_in_a_sentence(name, network, image):
    with pytest.raises(ValueError, match="Received: |Choose"):
        cnnviz.compute(getattr(cnnviz, name)(), network, image, target=0)


WITHOUT_TENSORFLOW = """
import sys

class Blocked:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in ("tensorflow", "keras"):
            raise ImportError(name + " is blocked")

sys.meta_path.insert(0, Blocked())
sys.path.insert(0, {tests!r})

import numpy as np
import cnnviz_widgets as cnnviz
from linear_engine import LinearEngine

network = cnnviz.Network.of_engine(LinearEngine(), value_range=(0, 1))
image = cnnviz.InputImage(np.random.default_rng(1).uniform(0, 1, (16, 16, 3)))
session = cnnviz.Session(network, image, method=cnnviz.GradCAM(), runner=cnnviz.Inline())
explorer = cnnviz.Explorer(session=session)
for name in {names!r}:
    session.choose_method(getattr(cnnviz, name))
    assert session.status == "done", (name, session.message)
    assert type(session.result.request.method).__name__ == name
    print(name)
"""


def test_the_explorer_shows_its_maps_without_tensorflow():
    names = [method.__name__ for method in RUN]
    code = WITHOUT_TENSORFLOW.format(tests=str(Path(__file__).parent), names=names)
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == names
