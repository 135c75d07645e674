"""RISE: against loops, against the expectation that a linear network allows to write down, and its own error."""

from dataclasses import replace

import numpy as np
import pytest

from cnnviz_widgets.core.display import resize_map
from cnnviz_widgets.core.image import InputImage
from cnnviz_widgets.core.target import Target
from cnnviz_widgets.maps.masking import FILLS
from cnnviz_widgets.methods import rise
from cnnviz_widgets.methods.rise import RISE, MaskedAverage
from cnnviz_widgets.request import compute, steps


class Linear:
    """A network of one weighted sum; `weights` is (height, width)."""

    value_range = (0, 1)
    name = "linear"

    def __init__(self, weights):
        self.weights = weights

    def outputs(self, images):
        logits = np.einsum("nhwc,hw->n", images, self.weights)[:, np.newaxis]
        return logits, 1 / (1 + np.exp(-logits))

    def scores(self, images, target, of):
        return self.outputs(images)[0 if of == "logit" else 1][:, 0]

    def unit(self, target, of):
        return of


def last(method, network, image):
    *_, result = method.run(network, image, Target(0))
    return result


def white(height, width):
    return InputImage(np.ones((height, width, 1)))


def told(result, kind):
    (note,) = [note for note in result.notes if note.kind == kind]
    return note.numbers


def mask_by_hand(method, index, shape):
    """Another way to the same mask: all of the enlarged grid, then the crop."""
    random = np.random.default_rng((method.seed, index))
    cells = method.cells + 1
    grid = random.random((cells, cells)) < method.keep
    height, width = (int(np.ceil(side / method.cells)) for side in shape[:2])
    down, across = random.integers(height), random.integers(width)
    return resize_map(grid, cells * height, cells * width)[down : down + shape[0], across : across + shape[1]]


def expected(network, image, cells, keep):
    """(height, width): the centred map that infinitely many masks would give, filled with black.

    With M = sum of U_j b_j, b_j one with probability p, the mean of f M over that of M, less that of f, is
    (1 - p) times the sum over y of w_y x_y times the mean over all shifts of the sum over j of U_j(x) U_j(y).
    """
    together = []
    for side in image.shape[:2]:
        cell = int(np.ceil(side / cells))
        weights = resize_map(np.eye(cells + 1), (cells + 1) * cell, cells + 1).astype(np.float64)
        crops = [weights[shift : shift + side] for shift in range(cell)]
        together.append(np.mean([crop @ crop.T for crop in crops], axis=0))
    return (1 - keep) * together[0] @ (network.weights * image.array[..., 0]) @ together[1].T


# ---- The masks


@pytest.mark.parametrize("shape", [(28, 28), (30, 17), (5, 12)])
@pytest.mark.parametrize("cells", [2, 7, 16])
def test_a_mask_is_the_crop_of_an_enlarged_grid(cells, shape):
    method = RISE(cells=cells, seed=5)
    for index in range(12):
        mask = method.mask(index, shape)
        assert mask.shape == shape
        assert mask == pytest.approx(mask_by_hand(method, index, shape), abs=1e-6)
        assert (mask.min() >= 0, mask.max() <= 1 + 1e-6) == (True, True)


@pytest.mark.parametrize("keep", [0.2, 0.5, 0.9])
def test_masks_show_each_pixel_with_the_probability_asked_for(keep):
    method = RISE(keep=keep, cells=4)
    masks = np.array([method.mask(index, (12, 12)) for index in range(2000)])
    assert np.abs(masks.mean(axis=0) - keep).max() < 5 * np.sqrt(keep * (1 - keep) / len(masks))


def test_every_mask_has_a_shift_of_its_own():
    """A kink lies at the middle of a cell; where it is, modulo the cell, tells the shift."""
    method, cell, shifts = RISE(cells=2), 8, set()
    for index in range(40):
        mask = method.mask(index, (16, 16))
        bends = np.abs(np.diff(mask, 2, axis=0)).max(axis=1)
        shifts |= {int(row) % cell for row in np.flatnonzero(bends > 1e-5)}
    assert shifts == set(range(cell))


# ---- The map


@pytest.mark.parametrize("fill", FILLS)
@pytest.mark.parametrize("score", ["logit", "probability"])
def test_it_is_the_masked_mean_of_the_scores(fill, score):
    """By a loop over masks."""
    random = np.random.default_rng(1)
    network, image = Linear(random.normal(size=(9, 13)) / 10), InputImage(random.uniform(0, 1, (9, 13, 1)))
    method = RISE(cells=3, masks=37, fill=fill, score=score, centred=False)
    covering = FILLS[fill](image.array, (0, 1))
    total, weight, scores = 0.0, 0.0, []
    for index in range(37):
        mask = mask_by_hand(method, index, image.shape)
        shown = image.array * mask[..., None] + covering * (1 - mask[..., None])
        scores.append(network.outputs(shown[None])[score == "probability"][0, 0])
        total, weight = total + scores[-1] * mask, weight + mask
    result = last(method, network, image)
    assert result.array == pytest.approx(total / weight, abs=1e-5)
    assert (result.unit, result.signed) == (score, score == "logit")
    centred = last(replace(method, centred=True), network, image)
    assert centred.array == pytest.approx(total / weight - np.mean(scores), abs=1e-5)
    assert centred.signed
    assert told(centred, "mean_score")["mean"] == pytest.approx(np.mean(scores), abs=1e-5)


@pytest.mark.parametrize("keep", [0.3, 0.5])
def test_of_a_linear_network_it_comes_to_what_can_be_written_down(keep):
    network = Linear(np.random.default_rng(2).normal(size=(15, 20)))
    image = InputImage(np.random.default_rng(3).uniform(0, 1, (15, 20, 1)))
    method = RISE(cells=5, keep=keep, masks=4000, fill="black", score="logit")
    average = MaskedAverage((15, 20))
    masks = np.array([method.mask(index, image.shape) for index in range(method.masks)])
    average.add(masks, network.outputs(masks[..., np.newaxis] * image.array)[0][:, 0])
    away = (last(method, network, image).array - expected(network, image, 5, keep)) / average.standard_error()
    assert np.abs(away).max() < 5
    assert 0.6 < np.sqrt((away**2).mean()) < 1.4  # in standard errors: not much more, and not much less


def test_of_equal_weights_on_an_even_image_it_is_even_away_from_the_border():
    """Near the border a pixel has fewer neighbours that are shown with it."""
    network, image = Linear(np.ones((28, 28))), white(28, 28)
    result = last(RISE(masks=4000, fill="black", score="logit"), network, image)
    inside = result.array[8:20, 8:20]
    error = told(result, "standard_error")["standard_error"]
    assert np.abs(inside - inside.mean()).max() < 5 * error
    exact = expected(network, image, 7, 0.5)[8:20, 8:20]
    assert np.ptp(exact) < 1e-5 * exact.mean()
    assert inside.mean() == pytest.approx(exact.mean(), abs=3 * error)


def test_it_finds_the_place_that_matters():
    weights = np.zeros((28, 28))
    weights[4:8, 18:22] = 1
    result = last(RISE(score="logit", fill="black"), Linear(weights), white(28, 28))
    row, column = np.unravel_index(result.array.argmax(), result.array.shape)
    assert (4 <= row < 8, 18 <= column < 22) == (True, True)


def test_an_image_that_is_its_own_fill_gives_nothing_at_all():
    result = last(RISE(fill="white", masks=100), Linear(np.ones((8, 8))), white(8, 8))
    assert not result.array.any()
    assert told(result, "standard_error") == {"standard_error": 0, "spread": 0, "share": 0}


def test_a_pixel_that_no_mask_shows_has_the_mean_score():
    average = MaskedAverage((1, 2))
    average.add(np.array([[[1.0, 0.0]], [[0.5, 0.0]]]), np.array([3.0, 6.0]))
    assert average.map() == pytest.approx(np.array([[4.0, 4.5]]))
    assert np.isnan(average.standard_error()).tolist() == [[False, True]]


def test_a_probability_above_one_is_refused():
    with pytest.raises(ValueError, match="keep must be a probability, at most 1. Received: keep=1.5."):
        last(RISE(keep=1.5), Linear(np.ones((8, 8))), white(8, 8))


def test_a_channel_of_a_layer_can_be_watched(small, picture):
    method, target = RISE(masks=40, centred=False), Target("conv2", 3)
    result = compute(method, small, picture, target=target)
    assert (result.unit, result.signed) == ("activation", True)
    masks = np.stack([method.mask(index, picture.shape) for index in range(40)])
    shown = 0.5 + masks[..., np.newaxis] * (picture.array - 0.5)
    scores = small.scores(shown, target)
    assert result.array == pytest.approx(np.tensordot(scores, masks, 1) / masks.sum(axis=0), rel=1e-4)


# ---- How much of it is chance


def test_its_standard_error_is_how_far_seeds_differ():
    random = np.random.default_rng(4)
    network, image = Linear(random.normal(size=(10, 10))), InputImage(random.uniform(0, 1, (10, 10, 1)))
    results = [last(RISE(cells=3, masks=200, score="logit", seed=seed), network, image) for seed in range(40)]
    scatter = np.sqrt(np.var([result.array for result in results], axis=0, ddof=1).mean())
    errors = [told(result, "standard_error")["standard_error"] for result in results]
    assert np.mean(errors) == pytest.approx(scatter, rel=0.1)


def test_it_says_when_most_of_the_map_is_chance():
    class Chance(Linear):
        """Scores that have nothing to do with the image."""

        random = np.random.default_rng(0)

        def outputs(self, images):
            return (self.random.normal(size=(len(images), 1)),) * 2

    chance = last(RISE(masks=400), Chance(None), white(28, 28))
    assert "take more masks" in " ".join(map(str, chance.notes))
    assert told(chance, "standard_error")["share"] > 0.5
    weights = np.zeros((28, 28))
    weights[4:8, 18:22] = 1
    clear = last(RISE(score="logit", fill="black", masks=2000), Linear(weights), white(28, 28))
    assert "take more masks" not in " ".join(map(str, clear.notes))
    assert told(clear, "standard_error")["share"] < 0.1


# ---- On the way


@pytest.mark.parametrize("batch", [1, 7, 64])
def test_the_size_of_a_batch_changes_nothing(batch, small, picture, monkeypatch):
    before = compute(RISE(masks=40), small, picture, target=2).array
    small.cache.clear()
    monkeypatch.setattr(rise, "BATCH", batch)
    after = compute(RISE(masks=40), small, picture, target=2).array
    assert after == pytest.approx(before, abs=1e-5 * float(np.abs(before).max()))


def test_each_step_is_the_map_of_the_masks_so_far(small, picture):
    small.cache.clear()
    results = list(steps(RISE(masks=40), small, picture, target=2))
    assert [result.progress for result in results] == [16 / 40, 32 / 40, 1]
    fewer = list(RISE(masks=32).run(small, picture, Target(2)))[-1]
    assert results[1].array == pytest.approx(fewer.array, abs=1e-7)
