import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import layers
from kinds import KINDS, each_kind
from weighted_sums import weighted_sum

from cnnviz_widgets.core.target import Target
from cnnviz_widgets.methods.maximal_activation.optimizer import RELAXED_STEPS, Ascent
from cnnviz_widgets.network import Network

pytestmark = pytest.mark.slow  # networks of many kinds, or many steps; the method's own tests are not

PLAIN = {"jitter": 0, "rotate": 0.0, "zoom": 0.0, "pad": 0}
NO_PENALTY = {"norm": 0.0, "power": 1.0, "total_variation": 0.0, "background": 0.5}
WAVES = {"parameterisation": "fourier", "decorrelate": True, "decay": 1.0}
RECIPE = WAVES | NO_PENALTY | {"jitter": 1, "rotate": 10.0, "zoom": 0.1, "pad": 2, "learning_rate": 0.1, "seed": 0}


def ascent(network, target=0, **recipe):
    return Ascent(network, network.target(target), **(RECIPE | recipe))


def after(network, steps, target=0, **recipe):
    """The picture after so many steps."""
    way = ascent(network, target, **recipe)
    return way.picture(way.advanced(way.begin(), steps))


@pytest.fixture(scope="module")
def weights():
    return np.random.default_rng(0).normal(size=(6, 7, 3)).astype(np.float32)


# ---- What is known in advance


def test_for_a_linear_network_every_pixel_goes_to_the_end_that_its_weight_prefers(weights):
    picture = after(
        weighted_sum(weights, value_range=(-1, 3)), 400, parameterisation="pixel", decorrelate=False, **PLAIN
    )
    np.testing.assert_allclose(picture, np.where(weights > 0, 3, -1), atol=0.01)


def test_waves_reach_the_same_optimum_as_pixels(weights):
    picture = after(weighted_sum(weights), 400, decorrelate=False, **PLAIN)
    assert np.mean((picture > 0.5) == (weights > 0)) > 0.9


def test_the_first_step_of_adam_moves_every_pixel_by_the_learning_rate_towards_its_weight(weights):
    way = ascent(weighted_sum(weights), parameterisation="pixel", decorrelate=False, **PLAIN, learning_rate=0.25)
    start = way.begin()
    moved = way.advanced(start, 1).parameters - start.parameters
    np.testing.assert_allclose(moved, 0.25 * np.sign(weights), atol=1e-4)


def test_a_norm_brings_what_the_score_does_not_need_back_to_the_background(weights):
    half = weights * (np.arange(7) < 3)[:, np.newaxis]
    picture = after(
        *(weighted_sum(half), 300), parameterisation="pixel", decorrelate=False, **PLAIN, norm=0.1, background=0.2
    )
    np.testing.assert_allclose(picture[:, 3:], 0.2, atol=0.02)
    assert np.mean((picture[:, :3] > 0.2) == (weights[:, :3] > 0)) > 0.9


def test_total_variation_makes_neighbours_alike(weights):
    def roughness(total_variation):
        picture = after(
            weighted_sum(weights),
            200,
            parameterisation="pixel",
            decorrelate=False,
            **PLAIN,
            total_variation=total_variation,
        )
        return np.square(np.diff(picture, axis=0)).mean()

    assert roughness(3.0) < roughness(0.5) < roughness(0.0)


def test_the_penalties_are_those_of_keras_vis():
    """By hand, for an image of two rows: ||x||_6 and the sum of squared differences, of pixels from 0 to 1."""
    from cnnviz_widgets.methods.maximal_activation.optimizer import _penalty

    image = np.array([[0.1, 0.4, 0.2], [0.3, 0.9, 0.0]], np.float32)[..., np.newaxis]
    norm = (np.abs(image) ** 6).sum() ** (1 / 6)
    rough = 0.2**2 + 0.5**2 + 0.3**2 + 0.2**2
    knobs = {"norm": tf.constant(10.0), "power": 6.0, "total_variation": 10.0, "background": 0.0}
    assert _penalty(tf.constant(image), knobs).numpy() == pytest.approx(10 * norm + 10 * rough, rel=1e-4)


# ---- What holds for every network


@each_kind()
def test_the_score_rises_and_the_picture_stays_in_range_on_every_kind_of_model(name, opened):
    assert_it_rises(opened(name)[1], "fourier")


@pytest.mark.parametrize("name", ["one_channel", "any_size", "not_square"])
def test_so_it_does_pixel_by_pixel(name, opened):
    assert_it_rises(opened(name)[1], "pixel")


def assert_it_rises(network, parameterisation):
    way = ascent(network, parameterisation=parameterisation, jitter=0, rotate=0.0, zoom=0.0, pad=0)
    start = way.begin()
    before, later = way.picture(start), way.picture(way.advanced(start, 12))
    assert later.dtype == np.float32
    assert later.shape[2] == network.input_shape[2]
    assert later.min() >= 0
    assert later.max() <= 1
    assert network.scores(later, 0) > network.scores(before, 0)


def test_channels_and_single_units_are_climbed_by_the_same_compiled_step(opened):
    network = Network(KINDS["functional"].build(), value_range=(0, 1))
    pictures = {}
    for target in (Target("conv1", 0), Target("conv1", 3), Target("conv1", 0, (2, 3)), Target("conv1", 0, (6, 7))):
        pictures[target] = after(network, 8, target)
        made = [key for key in network.engine.functions.store if key[0] == "ascent"]
        assert len(made) == 1
    assert len({picture.tobytes() for picture in pictures.values()}) == 4


def test_a_unit_changes_only_what_it_sees(opened):
    _, network = opened("functional")
    way = ascent(network, Target("conv1", 1, (4, 6)), parameterisation="pixel", decorrelate=False, **PLAIN)
    start = way.begin()
    changed = np.abs(way.advanced(start, 3).parameters - start.parameters).max(axis=-1) > 0
    rows, columns = np.nonzero(changed)
    assert (rows.min(), rows.max(), columns.min(), columns.max()) == (4, 6, 6, 8)


def test_a_seed_gives_one_picture_and_another_seed_another(small):
    np.testing.assert_array_equal(after(small, 6), after(small, 6))
    assert not np.array_equal(after(small, 6), after(small, 6, seed=1))
    assert not np.array_equal(after(small, 0), after(small, 0, seed=1))


def test_steps_in_pieces_give_the_same_as_in_one_go(small):
    way = ascent(small)
    climb = way.begin()
    for number in (1, 2, 5, 9):
        climb = way.advanced(climb, number)
    np.testing.assert_array_equal(way.picture(climb), after(small, 9))


def test_another_rate_class_or_margin_compiles_nothing():
    network = Network(KINDS["functional"].build(), value_range=(0, 1))
    after(network, 2)
    made = set(network.engine.functions.store.keys())
    for change in ({"learning_rate": 0.3}, {"jitter": 3}, {"pad": 5}, {"decay": 0.3}, {"seed": 7}, {"target": 2}):
        after(network, 2, **change)
    assert set(network.engine.functions.store.keys()) == made


def test_a_network_of_any_size_gets_a_picture_of_224_px(opened):
    _, network = opened("any_size")
    assert after(network, 1).shape == (224, 224, 3)


def test_a_score_that_does_not_depend_on_the_image_is_refused():
    image = keras.Input((6, 6, 3))
    constant = layers.Dense(2)(layers.Lambda(lambda x: tf.ones([tf.shape(x)[0], 3]), output_shape=(3,))(image))
    with pytest.raises(ValueError, match="^The score must depend on the image.* Received: "):
        after(Network(keras.Model(image, constant)), 1)


# ---- The dead start


def silent_network(bias=-0.5):
    """Two ReLUs in a row, each of which is silent for a grey image."""
    image = keras.Input((8, 8, 1))
    first = layers.Conv2D(2, 3, activation="relu", kernel_initializer="ones", name="first")
    second = layers.Conv2D(1, 3, activation="relu", kernel_initializer="ones", name="second")
    outputs = layers.Flatten()(second(first(image)))
    model = keras.Model(image, layers.Dense(1, kernel_initializer="ones", use_bias=False)(outputs))
    first.set_weights([first.get_weights()[0], np.full(2, -4.5 + bias, np.float32)])
    second.set_weights([second.get_weights()[0], np.full(1, bias, np.float32)])
    return Network(model, value_range=(0, 1))


@pytest.mark.slow
def test_a_silent_start_is_left_by_relaxed_relus():
    network = silent_network()
    way = ascent(network, parameterisation="pixel", **PLAIN)
    start = way.begin()
    assert network.scores(way.picture(start), 0) == 0
    assert not network.gradient(way.picture(start), 0).any()
    end = way.advanced(start, 40)
    assert network.scores(way.picture(end), 0) > 1
    assert 0 < end.relaxed < RELAXED_STEPS


def test_relaxed_relus_are_left_alone_where_the_score_moves(small):
    way = ascent(small)
    assert way.advanced(way.begin(), 20).relaxed == 0
    assert not [key for key in small.engine.functions.store if key[0] == "ascent" and key[2] == "redirected"]


@pytest.mark.slow
def test_relaxing_ends_after_a_number_of_steps():
    network = silent_network(bias=-1000.0)
    way = ascent(network, parameterisation="pixel", learning_rate=0.01, **PLAIN)
    assert way.advanced(way.begin(), RELAXED_STEPS + 10).relaxed == RELAXED_STEPS
