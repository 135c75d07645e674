"""Whole networks with a part of the image covered, against plain batches of covered images."""

import functools
import operator

import keras
import numpy as np
import pytest
from kinds import KINDS, each_kind

import cnnviz_widgets as cnnviz
from cnnviz_widgets.core.target import Target
from cnnviz_widgets.maps.masking import FILLS, Windows, put
from cnnviz_widgets.methods.occlusion import Occlusion
from cnnviz_widgets.methods.occlusion.incremental import IncrementalOcclusion, Plans
from cnnviz_widgets.network import Network
from cnnviz_widgets.request import steps


def rectangles_of(image, window, stride, surround=1):
    rows, columns = (Windows(side, window, stride, surround) for side in image.shape[:2])
    return [(row, column) for row in rows.covered for column in columns.covered]


def plainly(network, image, fill, rectangles, target):
    """The `Watched` of each covered image, run as a whole."""
    copies = np.repeat(image.array[np.newaxis], len(rectangles), axis=0)
    put(fill, copies, rectangles)
    return network.watch(copies, target)


def mixture(network):
    """A target in which several classes count, each with a weight of its own: an error in any of them moves it."""
    weights = np.random.default_rng(0).normal(size=min(5, network.class_count))
    return functools.reduce(operator.add, (weight * Target(index) for index, weight in enumerate(weights)))


def check(network, image, window, stride, surround=1, fill="grey", at_most=None):
    """Compares both ways; returns the IncrementalOcclusion, and the drops' range as a share of the largest logit.

    `at_most` windows are looked at, spread over all.
    """
    image, target = network.fit(image), mixture(network)
    shown = FILLS[fill](image.array, network.value_range)
    rectangles = rectangles_of(image, window, stride, surround)
    rectangles = rectangles[:: -(-len(rectangles) // (at_most or len(rectangles)))]
    covering = IncrementalOcclusion(network, image, shown, rectangles, target)
    assert sorted(np.concatenate(covering.batches)) == list(range(len(rectangles)))
    drops = np.empty(len(rectangles))
    for batch in covering.batches:
        covered = covering.outputs(batch)
        drops[batch] = covering.clean.scores - covered.scores
        expected = plainly(network, image, shown, [rectangles[index] for index in batch], target)
        assert covered.readings == pytest.approx(expected.readings, abs=1e-5)
        assert np.array_equal(covered.winners, expected.winners)
    expected = network.scores(image, target) - plainly(network, image, shown, rectangles, target).scores
    largest = np.abs(network.logits(image)).max()
    # Where covering changes next to nothing, both are as exact as the logits are.
    assert np.abs(drops - expected).max() <= 1e-5 * np.ptp(expected) + 5e-6 * largest
    return covering, np.ptp(expected) / largest


# ---- Every kind of model


@each_kind(lambda kind: kind is not KINDS["mixed_float16"])
def test_every_kind_of_model_gives_what_plain_batches_give(name, opened, image):
    kind, network = opened(name)
    check(network, image(kind), 3, 2)


def test_half_precision_gives_what_plain_batches_give_to_its_own_precision(opened, image):
    kind, network = opened("mixed_float16")
    picture = network.fit(image(kind))
    fill, rectangles = np.zeros(picture.shape, np.float32), rectangles_of(picture, 3, 2)
    covering = IncrementalOcclusion(network, picture, fill, rectangles, Target(1))
    expected = plainly(network, picture, fill, rectangles, Target(1)).scores
    for batch in covering.batches:
        assert covering.outputs(batch).scores == pytest.approx(expected[batch], abs=5e-3)


@pytest.mark.parametrize("fill", FILLS)
@pytest.mark.parametrize(("window", "stride", "surround"), [(7, 5, 1), (5, 5, 3), (9, 2, 1), (28, 28, 1)])
def test_digits_with_windows_of_odd_sizes_cropped_and_surrounded(window, stride, surround, fill):
    check(cnnviz.load("digits"), cnnviz.samples("digits")[3], window, stride, surround, fill)


# ---- Networks of a real size


@pytest.fixture(scope="module")
def lite():
    return cnnviz.load("efficientnet_lite0")


@pytest.fixture(scope="module")
def cat():
    return cnnviz.samples("efficientnet_lite0")[0]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("window", "stride", "surround", "fill"), [(32, 16, 1, "grey"), (17, 13, 1, "blur"), (20, 20, 3, "mean")]
)
def test_the_imagenet_network_computes_little_and_gives_the_same(lite, cat, window, stride, surround, fill):
    covering, share = check(lite, cat, window, stride, surround, fill, at_most=20)
    assert share > 0.01
    assert covering.plan.cut > 20
    assert covering.plan.cost.each < 0.7 * covering.plan.plain.each
    assert "compute only what a window changes" in covering.words


ARCHITECTURES = {
    "MobileNetV2": ((96, 96, 3), {"alpha": 0.35}),  # padding of its own
    "ResNet50V2": ((64, 64, 3), {}),  # pooling in the skips
    "EfficientNetB0": ((64, 64, 3), {}),  # squeeze-and-excitation: whole maps behind the first block
}


@pytest.mark.slow
@pytest.mark.parametrize("name", ARCHITECTURES)
def test_architectures_of_other_families(name):
    shape, options = ARCHITECTURES[name]
    build = getattr(keras.applications, name)
    keras.utils.set_random_seed(1)
    model = build(weights=None, input_shape=shape, classes=5, **options)
    noise = cnnviz.InputImage(np.random.default_rng(0).uniform(0, 1, shape))
    covering, share = check(Network(model, value_range=(0, 1)), noise, 9, 9, at_most=9)
    assert share > 0.01
    assert covering.plan.cut > 0


# ---- What is kept, and in which order


def test_another_stride_image_or_class_compiles_nothing_new(opened, image):
    kind, _ = opened("functional")
    network = Network(kind.build(), value_range=(0, 1))
    list(steps(Occlusion(3, 2), network, image(kind), target=0))
    plans = Plans.of(network.engine)
    kept = plans.prepared((12, 12), (network.engine.traced.logits, network.engine.traced.output))
    before = list(kept.functions.store.keys())
    for stride, seed, target in ((3, 0, 0), (1, 0, 1), (2, 5, 2)):
        list(steps(Occlusion(3, stride), network, image(kind, seed), target=target))
    assert list(kept.functions.store.keys()) == before
    assert plans.prepared.cache_info().currsize == 1


def test_training_between_two_steps_is_noticed(opened, image):
    """Rectangles of new weights are never pasted into maps of old ones."""
    kind, _ = opened("functional")
    network = Network(kind.build(), value_range=(0, 1))
    picture = network.fit(image(kind))
    fill, rectangles = np.zeros(picture.shape, np.float32), rectangles_of(picture, 3, 3)
    covering = IncrementalOcclusion(network, picture, fill, rectangles, Target(1))
    covering.outputs(covering.batches[0])
    for weight in network.model.weights:
        weight.assign(weight * 1.1)
    expected = plainly(network, picture, fill, rectangles, Target(1)).scores
    batch = covering.batches[0]
    assert covering.outputs(batch).scores == pytest.approx(expected[batch], abs=1e-5)


def test_places_of_lower_rank_come_first(small, picture):
    rectangles = rectangles_of(picture, 3, 1)
    ranks = np.random.default_rng(0).integers(0, 4, len(rectangles))
    covering = IncrementalOcclusion(small, picture, picture.array, rectangles, Target(0), ranks=ranks)
    in_order = ranks[np.concatenate(covering.batches)]
    assert np.array_equal(in_order, np.sort(ranks))


@pytest.mark.parametrize("layer", ["conv1", "conv2"])
@pytest.mark.parametrize("position", [None, (2, 1)])
def test_a_channel_or_a_unit_of_a_layer_is_watched(layer, position, opened, image):
    kind, network = opened("sequential")
    picture, target = network.fit(image(kind)), Target(layer, 1, position)
    fill, rectangles = np.zeros(picture.shape, np.float32), rectangles_of(picture, 4, 3)
    copies = np.repeat(picture.array[np.newaxis], len(rectangles), axis=0)
    put(fill, copies, rectangles)
    expected = network.scores(copies, target)
    covering = IncrementalOcclusion(network, picture, fill, rectangles, target)
    assert covering.clean.scores == pytest.approx(network.scores(picture, target), abs=1e-5)
    for batch in covering.batches:
        assert covering.outputs(batch).scores == pytest.approx(expected[batch], abs=1e-5)


def test_a_result_says_which_way_it_was_computed(opened, image):
    kind, network = opened("functional")
    *_, result = steps(Occlusion(3, 3), network, image(kind), target=0)
    covering = IncrementalOcclusion(
        network, image(kind), image(kind).array, rectangles_of(image(kind), 3, 3), Target(0)
    )
    assert result.route == covering.words
