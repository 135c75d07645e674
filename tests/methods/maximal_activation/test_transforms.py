import numpy as np
import pytest
import tensorflow as tf

from cnnviz_widgets.methods.maximal_activation.transforms import movement, warped

STILL = tf.constant([0.0, 0.0, 0.0, 1.0])


def image(height, width, seed=0):
    return tf.constant(np.random.default_rng(seed).uniform(size=(height, width, 2)), tf.float32)


def moved(down=0.0, right=0.0, degrees=0.0, scale=1.0):
    return tf.constant([down, right, np.radians(degrees), scale], tf.float32)


@pytest.mark.parametrize("pad", [0, 1, 3])
@pytest.mark.parametrize("sides", [(8, 8), (7, 10)])
def test_without_movement_the_centre_is_cut_out_to_the_bit(pad, sides):
    height, width = sides
    whole = image(height + 2 * pad, width + 2 * pad)
    seen = warped(whole, height, width, STILL, 0.5)
    np.testing.assert_array_equal(seen, whole[pad : pad + height, pad : pad + width])


def test_without_movement_the_gradient_comes_back_to_the_bit():
    @tf.function
    def gradient(whole, weights):
        return tf.gradients(warped(whole, 6, 6, STILL, 0.5), whole, weights)[0]

    weights = image(6, 6, 1)
    np.testing.assert_array_equal(gradient(image(10, 10), weights), np.pad(weights, [[2, 2], [2, 2], [0, 0]]))


def test_whole_pixels_are_shifted_and_what_is_beyond_is_background():
    whole = image(6, 6)
    seen = warped(whole, 6, 6, moved(down=2, right=-1), 0.25).numpy()
    np.testing.assert_allclose(seen[:4, 1:], whole.numpy()[2:, :5], atol=1e-6)
    np.testing.assert_allclose(seen[4:], 0.25, atol=1e-6)
    np.testing.assert_allclose(seen[:, 0], 0.25, atol=1e-6)


def test_a_quarter_turn_is_a_quarter_turn():
    whole = image(7, 7)
    np.testing.assert_allclose(warped(whole, 7, 7, moved(degrees=90), 0.5), np.rot90(whole), atol=1e-4)


def test_twice_the_scale_shows_the_middle_half_twice_as_large():
    whole = image(9, 9)
    seen = warped(whole, 9, 9, moved(scale=2), 0.5).numpy()
    np.testing.assert_allclose(seen[::2, ::2], whole.numpy()[2:7, 2:7], atol=1e-5)


def drawn(count=2000, jitter=4.0, rotate=10.0, zoom=0.2, seed=3):
    return np.array([movement(seed, number, jitter, rotate, zoom) for number in range(count)])


def test_movements_are_within_what_is_allowed_and_even():
    down, right, angle, scale = drawn(600).T
    for values, middle, reach in ((down, 0, 4), (right, 0, 4), (np.degrees(angle), 0, 10), (scale, 1, 0.2)):
        assert abs(values - middle).max() <= reach + 1e-5
        assert abs(values - middle).max() > 0.95 * reach
        assert np.mean(values) == pytest.approx(middle, abs=0.15 * reach)


def test_every_step_of_every_seed_moves_in_its_own_way_and_always_the_same():
    assert len(np.unique(drawn(50)[:, 0])) == 50
    assert not np.array_equal(drawn(5), drawn(5, seed=4))
    np.testing.assert_array_equal(drawn(5), drawn(5))


def test_nothing_allowed_is_no_movement():
    np.testing.assert_array_equal(drawn(3, 0.0, 0.0, 0.0), np.tile(STILL, (3, 1)))
