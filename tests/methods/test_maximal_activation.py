"""Maximal activation: its identities, what it says of its pictures, and that they look like what they are of."""

from dataclasses import replace
from types import SimpleNamespace

import keras
import numpy as np
import pytest
from keras import layers
from kinds import KINDS

import cnnviz_widgets as cnnviz
from cnnviz_widgets.core.image import InputImage
from cnnviz_widgets.core.result import PICTURE
from cnnviz_widgets.core.target import Target
from cnnviz_widgets.methods.maximal_activation import EVERY, History, MaximalActivation
from cnnviz_widgets.network import Network
from cnnviz_widgets.request import compute, steps

SHORT = MaximalActivation.suited_to(12)


def fresh(name="functional", **options):
    kind = KINDS[name]
    return Network(kind.build(), value_range=(0, 1), **kind.options, **options)


def note(result, kind):
    """The only note of that kind."""
    (found,) = [each for each in result.notes if each.kind == kind]
    return found


def kinds_of(result):
    return {each.kind for each in result.notes}


@pytest.fixture(scope="module")
def digits():
    return cnnviz.load("digits")


# ---- What goes on, and what is kept


@pytest.mark.slow
@pytest.mark.parametrize(("first", "then"), [(16, 40), (13, 40), (1, 9), (7, 8), (20, 21)])
def test_going_on_gives_the_same_as_making_all_steps_at_once(first, then):
    network = fresh()
    compute(replace(SHORT, steps=first), network, target=1)
    continued = compute(replace(SHORT, steps=then), network, target=1)
    network.cache.clear()
    at_once = compute(replace(SHORT, steps=then), network, target=1)
    np.testing.assert_array_equal(continued.array, at_once.array)
    assert continued.course == at_once.course


def test_going_on_repeats_no_step(monkeypatch):
    network = fresh()
    compute(replace(SHORT, steps=4 * EVERY), network, target=1)
    more = list(steps(replace(SHORT, steps=6 * EVERY), network, target=1))
    assert [result.progress for result in more] == [5 / 6, 1]


def test_what_was_stopped_goes_on_from_where_it_was():
    network = fresh()
    stopped = steps(replace(SHORT, steps=10 * EVERY), network, target=1)
    for result in stopped:
        if result.progress > 0.5:
            break
    stopped.close()
    rest = list(steps(replace(SHORT, steps=10 * EVERY), network, target=1))
    assert rest[0].progress > result.progress
    network.cache.clear()
    np.testing.assert_array_equal(rest[-1].array, compute(replace(SHORT, steps=10 * EVERY), network, target=1).array)


def test_fewer_steps_are_made_anew_and_what_was_reached_stays():
    network = fresh()
    alone = compute(replace(SHORT, steps=10), fresh(), target=1)
    compute(replace(SHORT, steps=40), network, target=1)
    np.testing.assert_array_equal(compute(replace(SHORT, steps=10), network, target=1).array, alone.array)
    more = list(steps(replace(SHORT, steps=48), network, target=1))
    assert len(more) == 1


def test_another_setting_or_training_begins_anew():
    network = fresh()
    compute(replace(SHORT, steps=40), network, target=1)
    assert len(list(steps(replace(SHORT, steps=48, jitter=0), network, target=1))) > 2
    network.model.layers[1].kernel.assign_add(0.1 * np.ones(network.model.layers[1].kernel.shape))
    assert len(list(steps(replace(SHORT, steps=48), network, target=1))) > 2


def test_the_first_picture_comes_after_one_step_and_each_is_the_best_so_far():
    results = list(steps(replace(SHORT, steps=40), fresh(), target=1))
    assert results[0].progress == 1 / 40
    for result in results:
        assert result.axes == PICTURE
        scores = [score for _, score in result.course]
        assert fresh().scores(result.array, 1) == pytest.approx(max(scores), abs=1e-5)


def test_a_worse_picture_does_not_take_the_place_of_the_best():
    first, second, third = (np.full((1, 1, 1), number, np.float32) for number in range(3))
    climbs = [SimpleNamespace(number=number) for number in range(4)]
    way = History(climbs[0]).seen(climbs[1], first, 2.0).seen(climbs[2], second, 5.0).seen(climbs[3], third, 3.0)
    assert way.picture is second
    assert way.number == 3
    assert way.course == ((1, 2.0), (2, 5.0), (3, 3.0))


# ---- What is said of a picture


def test_the_score_is_told_beside_that_of_the_best_sample():
    samples = [InputImage(np.random.default_rng(k).uniform(size=(12, 12, 3)), name=f"noise {k}") for k in range(5)]
    network = fresh(samples=samples)
    result = compute(SHORT, network, target=2)
    scores = [network.scores(image, 2) for image in samples]
    said = note(result, "score_reached")
    assert said.numbers["sample"] == int(np.argmax(scores))
    assert said.numbers["best"] == pytest.approx(max(scores))
    assert said.numbers["score"] == pytest.approx(network.scores(result.array, 2), abs=1e-5)
    assert f"the best of the 5 sample images, 'noise {np.argmax(scores)}', scores " in said.text


def test_without_samples_the_score_stands_alone():
    assert "sample" not in note(compute(SHORT, fresh(), target=2), "score_reached").text


def overshadowed():
    """A network in which whatever raises class "small" raises class "large" twice as much."""
    model = keras.Sequential([keras.Input((6, 6, 1)), layers.Flatten(), layers.Dense(2, activation="softmax")])
    model.layers[-1].set_weights([np.tile([0.5, 1.0], (36, 1)), np.zeros(2)])
    return Network(model, class_names=["small", "large"], value_range=(0, 1))


def test_it_says_when_the_network_takes_the_picture_for_something_else():
    result = compute(replace(SHORT, steps=60), overshadowed(), target="small")
    said = note(result, "mistaken")
    assert "does not take it for small (< 0.1 %) but for large (> 99.9 %)" in said.text
    assert "recognised" not in kinds_of(result)


def test_it_says_when_the_network_takes_the_picture_for_its_target():
    result = compute(replace(SHORT, steps=60), overshadowed(), target="large")
    assert note(result, "recognised").numbers["probability"] > 0.99
    assert "mistaken" not in kinds_of(result)


def test_of_a_channel_no_class_is_said():
    assert kinds_of(compute(SHORT, fresh(), target=Target("conv1", 0))) == {"score_reached"}


def dead(bias):
    image = keras.Input((6, 6, 1))
    hidden = layers.Conv2D(1, 3, activation="relu", kernel_initializer="ones")
    model = keras.Model(image, layers.Dense(2, kernel_initializer="ones")(layers.Flatten()(hidden(image))))
    hidden.set_weights([hidden.get_weights()[0], np.full(1, bias, np.float32)])
    return Network(model, value_range=(0, 1))


def test_it_says_when_silent_relus_had_to_be_relaxed():
    result = compute(replace(SHORT, steps=60, pad=0, jitter=0), dead(-5), target=0)
    assert note(result, "relaxed_relus").numbers["steps"] >= 1
    assert "unmoved" not in kinds_of(result)


def test_it_says_when_the_score_never_moved():
    result = compute(replace(SHORT, steps=30), dead(-1000), target=0)
    assert "unmoved" in kinds_of(result)


# ---- Presets


@pytest.mark.slow
@pytest.mark.parametrize("name", ["functional", "one_channel", "four_channels", "not_square", "any_size"])
def test_every_preset_runs_on_every_shape_of_image(name):
    network = fresh(name)
    for preset in MaximalActivation.presets(network).values():
        result = compute(replace(preset, steps=2), network, target=0)
        assert result.array.shape == tuple(side or 224 for side in network.input_shape)


def test_movements_shrink_with_the_picture():
    large, small = MaximalActivation.suited_to(224), MaximalActivation.suited_to(28)
    assert large == MaximalActivation()
    assert 1 <= small.jitter < large.jitter
    assert small.pad < large.pad


def test_ink_on_paper_is_made_on_the_samples_paper(digits):
    assert MaximalActivation.presets(digits)["clear"].background == 0
    inverted = [InputImage(255 - image.array) for image in digits.samples[:5]]
    negative = Network(digits.model, samples=inverted)
    assert MaximalActivation.presets(negative)["clear"].background == 1
    assert MaximalActivation.presets(Network(digits.model))["clear"].background == 0.5


# ---- Do they look like what they are of?


@pytest.mark.slow
def test_the_digits_are_taken_for_themselves_and_are_ink_on_paper(digits):
    clear = MaximalActivation.presets(digits)["clear"]
    for index in (0, 3, 9):
        result = compute(clear, digits, target=index)
        assert note(result, "recognised").numbers["probability"] > 0.9
        ink = (result.array > 128).mean()
        assert 0.03 < ink < 0.4
        assert note(result, "score_reached").numbers["score"] > note(result, "score_reached").numbers["best"]


def test_a_unit_of_the_first_layer_looks_like_its_filter(digits):
    """Exactly so, without movements: the picture under the unit is where the kernel is positive."""
    method = replace(SHORT, parameterisation="pixel", jitter=0, rotate=0.0, zoom=0.0, pad=0, steps=60)
    kernels = digits.kernels("conv1")
    for channel in (0, 5, 11):
        picture = compute(method, digits, target=Target("conv1", channel, (12, 9))).array
        patch, kernel = picture[12:15, 9:12, 0], kernels[:, :, 0, channel]
        assert np.corrcoef(patch.ravel(), kernel.ravel())[0, 1] > 0.6


@pytest.mark.slow
def test_a_channel_of_the_first_layer_is_full_of_its_filter(digits):
    """Of a kernel that has as much dark as light; one with more light is best served by plain white, everywhere."""
    method = replace(MaximalActivation.presets(digits)["clear"], background=0.5, norm=0.0)
    kernels = digits.kernels("conv1")[:, :, 0]
    balanced = np.argsort(abs(kernels.sum(axis=(0, 1))) / abs(kernels).sum(axis=(0, 1)))
    for channel in map(int, balanced[:3]):
        picture = compute(method, digits, target=Target("conv1", channel)).array[..., 0]
        patches = np.lib.stride_tricks.sliding_window_view(picture, (3, 3)).reshape(-1, 9)
        alike = [np.corrcoef(patch, kernels[..., channel].ravel())[0, 1] for patch in patches if np.ptp(patch) > 1]
        assert np.quantile(alike, 0.75) > 0.65
