"""Half precision, chance, weights that matter, and classes that are not there."""

import numpy as np

from cnnviz_widgets.core.model_output import ModelOutput
from cnnviz_widgets.core.notes import on_request
from cnnviz_widgets.engine.tensorflow_engine import TensorFlowEngine
from cnnviz_widgets.engine.weights import WeightsVersion
from cnnviz_widgets.methods.grad_cam import GradCAM
from cnnviz_widgets.methods.gradient import Gradient
from cnnviz_widgets.methods.maximal_activation import MaximalActivation
from cnnviz_widgets.methods.maximal_activation.optimizer import Ascent, _step_function
from cnnviz_widgets.questions import Questions
from cnnviz_widgets.request import compute
from properties.framework import Bug, assert_close, assert_refused, holds, kinds_of
from properties.small_networks import opened

SEED_IGNORED = Bug("the seed is ignored", Ascent.begin, "(self._seed, 0)", "(0, 0)")
UNSEEDED = Bug(
    "the noise has no seed",
    Ascent.begin,
    "tf.random.stateless_normal(shape, (self._seed, 0))",
    "tf.random.normal(shape)",
)
DOWNHILL = Bug("the score is made small", _step_function, "- uphill", "+ uphill")


@holds(
    32,
    "Maximal activation ends with a score not below that of its start, and finite; the same seed gives the same image, "
    "another seed another one.",
    1e-5,
    "xplique, feature visualisation",
    [SEED_IGNORED, UNSEEDED, DOWNHILL],
)
def climbing(tolerance):
    network, _ = opened("functional")
    method = MaximalActivation.suited_to(12)
    pictures = []
    for seed in (3, 3, 4):
        network.cache.clear()
        climb = type(method)(steps=12, seed=seed, jitter=0, rotate=0.0, zoom=0.0, pad=0, total_variation=0.0)
        ascent = Ascent(network, network.target(1), climb.parameterisation, climb.decorrelate, **climb.knobs)
        start = network.scores(ascent.picture(ascent.begin()), 1)
        picture = compute(climb, network, target=1).array
        assert np.isfinite(picture).all()
        assert network.scores(picture, 1) > start
        pictures.append(picture)
    assert_close(pictures[1], pictures[0], tolerance)
    assert np.abs(pictures[2] - pictures[0]).max() > 0.01


OLD_WEIGHTS = Bug(
    "what was computed with other weights is kept", WeightsVersion._looked_up, "self._number += 1", "pass"
)
EQUAL_WEIGHTS = Bug(
    "all channels weigh the same", GradCAM.run, "gradient.mean(axis=(0, 1))", "gradient.mean(axis=(0, 1)) * 0 + 1"
)


def rank_correlation(one, other):
    """Spearman's, of values without ties."""
    ranks = [np.argsort(np.argsort(values, axis=None)) for values in (one, other)]
    return np.corrcoef(*ranks)[0, 1]


@holds(
    33,
    "With other weights in the last layer gradient and Grad-CAM are others: their rank correlation, over ten draws, is "
    "below a half.",
    0.5,
    "Adebayo et al. 2018, section 3",
    [OLD_WEIGHTS, EQUAL_WEIGHTS],
)
def weights_matter(tolerance):
    network, image = opened("functional")
    dense, random = network.model.get_layer("scores"), np.random.default_rng(0)
    methods = {Gradient(reduce="sum"): None, GradCAM(final_relu=False): "conv1"}
    before = [compute(method, network, image, target=0, layer=layer).array for method, layer in methods.items()]
    correlations = []
    for _ in range(10):
        dense.kernel.assign(random.normal(size=dense.kernel.shape))
        after = [compute(method, network, image, target=0, layer=layer).array for method, layer in methods.items()]
        correlations.append([rank_correlation(*pair) for pair in zip(before, after, strict=True)])
    assert np.mean(correlations, axis=0).max() < tolerance


NEGATIVE = Bug(
    "a negative class counts from the end",
    ModelOutput.check,
    "if not 0 <= part.index < count",
    "if part.index >= count",
)
CLIPPED = Bug(
    "a class too large is clipped",
    Questions.target,
    "value = Target(value)",
    "value = Target(min(int(value), self.class_count - 1))",
)


@holds(
    34,
    "A class that is not there is refused in a sentence, negative ones too, before anything is computed.",
    0,
    "captum, test of targets",
    [NEGATIVE, CLIPPED],
)
def classes_that_are_not_there(tolerance):
    network, image = opened("functional")
    for wrong in (5, 1000, -1, -5, 1.0, True, np.int64(-1)):
        for ask in (
            network.gradient,
            network.scores,
            lambda image, wrong: compute(GradCAM(), network, image, target=wrong),
        ):
            assert_refused(lambda ask=ask, wrong=wrong: ask(image, wrong))
    assert len(network.engine.functions.store) <= tolerance  # nothing was even compiled


HALF_POOLED = Bug(
    "gradients stay in half precision",
    TensorFlowEngine.layer_gradient,
    "as_float(activations), _as_float_or_none(gradient)",
    "np.asarray(activations), np.asarray(gradient)",
)


SILENT_OVERFLOW = Bug("an overflow is not reported", on_request, "request.network.overflow(request.image)", "None")
LAST_LAYER = Bug("not the first layer that overflows is named, but the last", Questions.overflow, "[:1]", "[-1:]")


@holds(
    31,
    "A half-precision network's gradients are pooled in single precision, and activations that overflow are reported.",
    1e-6,
    "IEEE 754: the largest half-precision number is 65504",
    [HALF_POOLED, SILENT_OVERFLOW, LAST_LAYER],
)
def half_precision(tolerance):
    network, image = opened("mixed_float16")
    activations, gradient = network.layer_gradient(image, 1, "conv1")
    assert activations.dtype == gradient.dtype == np.float32
    expected = activations.astype(np.float64) @ gradient.mean(axis=(0, 1), dtype=np.float64)
    result = compute(GradCAM(final_relu=False), network, image, target=1, layer="conv1")
    assert_close(result.array, expected, tolerance)
    assert "overflow" not in kinds_of(result)
    kernel = network.model.get_layer("conv1").kernel
    kernel.assign(kernel * 0 + 60000)
    said = [
        note.text
        for note in compute(GradCAM(), network, image, target=1, layer="conv1").notes
        if note.kind == "overflow"
    ]
    assert [text.split()[:3] for text in said] == [["Activations", "of", "conv1"]]
