"""Occlusion against loops that are slow and plain, on networks of a few lines of NumPy."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cnnviz_widgets.core.image import InputImage
from cnnviz_widgets.core.model_output import Watched
from cnnviz_widgets.core.target import Target
from cnnviz_widgets.maps.masking import FILLS, blurred, coarse_to_fine, cover
from cnnviz_widgets.methods import occlusion
from cnnviz_widgets.methods.occlusion import Occlusion, nearest_known
from cnnviz_widgets.methods.occlusion import plan as route
from cnnviz_widgets.request import compute

sizes = st.tuples(st.integers(3, 14), st.integers(3, 14), st.integers(1, 6), st.integers(1, 6)).filter(
    lambda size: size[3] <= size[2] <= min(size[:2])  # height, width, window, stride
)
exactly = settings(max_examples=60, deadline=None)


class Linear:
    """A network of one weighted sum a class; `weights` is (height, width, channels, classes)."""

    value_range = (0, 1)
    name = "linear"
    engine = None  # no graph to follow: every covered image is asked as a whole

    def __init__(self, weights):
        self.weights = weights

    def outputs(self, image):
        logits = np.tensordot(getattr(image, "array", image), self.weights, 3)  # an image, or a batch
        return logits, np.exp(logits) / np.exp(logits).sum(axis=-1, keepdims=True)

    def unit(self, target, of):
        return of

    def watch(self, image, target, of="logit"):
        logits, probabilities = self.outputs(image)
        return Watched(
            (logits if of == "logit" else probabilities)[..., target.index], probabilities, logits.argmax(-1)
        )


def random_linear(height, width, classes=3, seed=0):
    return Linear(np.random.default_rng(seed).normal(size=(height, width, 2, classes)) / (height * width))


def noise(height, width, seed=1):
    return InputImage(np.random.default_rng(seed).uniform(0, 1, (height, width, 2)))


def last(method, network, image, target=0):
    *_, result = method.run(network, image, Target(target))
    return result


def windows_along(side, window, stride):
    """Where windows begin and end along a side, the last one cropped, by the plainest loop."""
    begin, found = 0, []
    while True:
        found.append((begin, min(begin + window, side)))
        if begin + window >= side:
            return found
        begin += stride


def slowly(network, image, window, stride, fill, target=0, probability=False):
    """(map, class map) by loops over windows and pixels: the mean drop over the windows that cover a pixel."""
    height, width = image.shape[:2]
    total, times = np.zeros((height, width)), np.zeros((height, width))
    clean = network.outputs(image.array[None])[probability][0, target]
    tops = {}
    for top, bottom in windows_along(height, window, stride):
        for left, right in windows_along(width, window, stride):
            covered = image.array.copy()
            covered[top:bottom, left:right] = fill[top:bottom, left:right]
            outputs = network.outputs(covered[None])
            total[top:bottom, left:right] += clean - outputs[probability][0, target]
            times[top:bottom, left:right] += 1
            tops[(top + bottom - 1) / 2, (left + right - 1) / 2] = outputs[0][0].argmax()
    rows, columns = sorted({row for row, _ in tops}), sorted({column for _, column in tops})
    nearest = [
        [tops[min(rows, key=lambda r: abs(r - y)), min(columns, key=lambda c: abs(c - x))] for x in range(width)]
        for y in range(height)
    ]
    assert times.min() > 0  # every pixel was covered
    return total / times, np.array(nearest)


# ---- Against slow loops


@given(sizes)
@exactly
def test_the_map_is_the_mean_drop_over_the_windows_that_cover_a_pixel(size):
    height, width, window, stride = size
    network, image = random_linear(height, width), noise(height, width)
    found = last(Occlusion(window, stride, fill="black"), network, image)
    expected, classes = slowly(network, image, window, stride, np.zeros(image.shape))
    assert found.array == pytest.approx(expected, abs=1e-5)
    assert np.array_equal(found.class_map, classes)


@pytest.mark.parametrize("fill", FILLS)
@pytest.mark.parametrize("score", ["logit", "probability"])
def test_every_fill_and_both_scores_follow_the_slow_loop(fill, score):
    network, image = random_linear(10, 12), noise(10, 12)
    covering = {
        "grey": np.full(image.shape, 0.5),
        "mean": np.broadcast_to(image.array.mean(axis=(0, 1)), image.shape),
        "black": np.zeros(image.shape),
        "white": np.ones(image.shape),
        "blur": FILLS["blur"](image.array, (0, 1)),
    }[fill]
    found = last(Occlusion(4, 3, fill=fill, score=score), network, image)
    expected, _ = slowly(network, image, 4, 3, covering, probability=score == "probability")
    assert np.abs(expected).max() > 1e-3
    assert found.array == pytest.approx(expected, abs=1e-5)
    assert found.unit == f"drop in {score}"


def test_a_blurred_image_keeps_its_mean_and_loses_its_contrast():
    flat = np.full((20, 20, 3), 0.3, np.float32)
    assert blurred(flat) == pytest.approx(flat, abs=1e-6)
    step = np.zeros((20, 40, 1), np.float32)
    step[:, 20:] = 1
    softer = blurred(step)
    assert softer.shape == step.shape
    assert (np.diff(softer[5, :, 0]) >= -1e-6).all()
    assert softer[5, 19, 0] == pytest.approx(1 - softer[5, 20, 0], abs=1e-6)
    assert 0.3 < softer[5, 19, 0] < 0.5
    assert softer[5, [0, -1], 0] == pytest.approx([0, 1], abs=1e-6)


# ---- What is known without computing


@given(st.integers(1, 5), st.integers(1, 5), st.integers(0, 4), st.integers(0, 4))
@exactly
def test_an_even_network_over_an_even_image_has_an_even_map(window, stride, down, across):
    """For any window and stride that end at the border."""
    stride = min(stride, window)
    height, width = window + down * stride, window + across * stride
    network = Linear(np.ones((height, width, 2, 1)))
    image = InputImage(np.full((height, width, 2), 0.5))
    found = last(Occlusion(window, stride, fill="black"), network, image)
    assert found.array == pytest.approx(np.full((height, width), window * window * 2 * 0.5), rel=1e-6)


@given(st.integers(1, 4), st.integers(1, 4), st.integers(1, 4))
@exactly
def test_windows_side_by_side_split_the_score_among_them(window, down, across):
    height, width = window * down, window * across
    network, image = random_linear(height, width), noise(height, width)
    found = last(Occlusion(window, window, fill="grey"), network, image)
    contribution = (network.weights[..., 0] * (image.array - 0.5)).sum(axis=-1)
    sums = contribution.reshape(down, window, across, window).sum(axis=(1, 3))
    assert found.array == pytest.approx(np.kron(sums, np.ones((window, window))), abs=1e-5)
    whole, _ = network.outputs(np.stack([image.array, np.full(image.shape, 0.5)]))
    assert found.array[::window, ::window].sum() == pytest.approx(whole[0, 0] - whole[1, 0], abs=1e-5)


@pytest.mark.parametrize("fill", FILLS)
def test_covering_a_place_with_what_is_there_changes_nothing(fill):
    value = {"black": 0.0, "white": 1.0}.get(fill, 0.5)
    image = InputImage(np.full((9, 9, 2), value))
    assert last(Occlusion(3, 2, fill=fill), random_linear(9, 9), image).array == pytest.approx(
        np.zeros((9, 9)), abs=1e-6
    )


def test_a_window_over_the_whole_image_gives_one_number():
    network, image = random_linear(7, 7), noise(7, 7)
    found = last(Occlusion(7, 1, fill="black"), network, image).array
    clean = network.outputs(image.array[None])[0][0, 0]
    assert found == pytest.approx(np.full((7, 7), clean), abs=1e-5)


def test_covering_what_the_score_needs_is_positive():
    network = Linear(np.zeros((6, 6, 2, 1)))
    network.weights[2, 2, 0] = 5
    image = InputImage(np.ones((6, 6, 2)))
    found = last(Occlusion(2, 2, fill="black"), network, image).array
    assert found[2, 2] == 5
    assert found[0, 0] == 0


# ---- An area around the window, as in the MNIST example for keras-vis


def article_slowly(network, image, size, grey, target):
    """(remaining probability, class map) of that example in its plain way: the image padded, a square of 5 x size."""
    padding = 2 * size
    height, width, channels = image.shape
    padded = np.pad(image.array, ((padding, padding), (padding, padding), (0, 0)))
    remaining, classes = np.zeros((height, width)), np.zeros((height, width), int)
    for top in range(0, height, size):
        for left in range(0, width, size):
            covered = padded.copy()
            covered[top : top + 5 * size, left : left + 5 * size] = np.full(channels, grey)
            covered = covered[padding : padding + height, padding : padding + width]
            logits, probabilities = network.outputs(covered[None])
            remaining[top : top + size, left : left + size] = probabilities[0, target]
            classes[top : top + size, left : left + size] = logits[0].argmax()
    return remaining, classes


@given(st.integers(1, 3), st.integers(1, 6), st.integers(1, 6))
@exactly
def test_the_articles_occluder_gives_the_articles_maps_as_a_drop(size, down, across):
    height, width = size * down, size * across
    network, image = random_linear(height, width), noise(height, width)
    network.weights *= 20  # so that some places change the class
    method = Occlusion(size, size, surround=5, fill="grey", score="probability")
    found = last(method, network, image, target=1)
    remaining, classes = article_slowly(network, image, size, 0.5, 1)
    clean = network.outputs(image)[1][1]
    assert found.array == pytest.approx(clean - remaining, abs=1e-5)
    assert np.array_equal(found.class_map, classes)


@pytest.mark.parametrize(("window", "surround", "expected"), [(2, 2, (3, 7)), (3, 2, (3, 9)), (2, 3, (2, 8))])
def test_an_even_surround_is_as_wide_as_it_says(window, surround, expected):
    """One pixel could lie on either side; what counts is that none is lost."""
    covered = occlusion.Windows(12, window, 1, surround).covered[4]
    assert (covered.start, covered.stop) == expected
    assert covered.stop - covered.start == window * surround


def test_the_drop_is_credited_to_the_window_in_the_middle():
    network = Linear(np.zeros((9, 9, 2, 1)))
    network.weights[4, 4, 0] = 1
    found = last(Occlusion(1, 1, surround=3, fill="black"), network, InputImage(np.ones((9, 9, 2))))
    assert np.argwhere(found.array).tolist() == [[row, column] for row in (3, 4, 5) for column in (3, 4, 5)]


def test_presets_suit_the_networks_side(opened):
    _, network = opened("functional")
    presets = Occlusion.presets(network)
    assert list(presets) == ["default", "article"]
    assert presets["default"] == Occlusion.suited_to(12)
    assert presets["article"] == Occlusion(2, 2, surround=5, fill="grey", score="probability")


def test_a_network_that_takes_any_size_has_no_presets(opened):
    assert Occlusion.presets(opened("any_size")[1]) == {}


def test_a_change_by_hand_keeps_the_stride_within_the_window():
    assert Occlusion(8, 4).changed("window", 3) == Occlusion(3, 3)
    assert Occlusion(8, 4).changed("stride", 20) == Occlusion(8, 8)
    assert Occlusion(8, 4).changed("fill", "white") == Occlusion(8, 4, fill="white")


# ---- One place alone


@pytest.mark.parametrize("surround", [1, 3])
@pytest.mark.parametrize("pixel", [(0, 0), (5, 7), (11, 11)])
def test_a_place_covered_by_hand_gives_what_the_map_found_there(pixel, surround, small, picture):
    method = Occlusion(4, 4, surround=surround, fill="blur")
    window, covered = method.place(picture.shape, *pixel)
    found = compute(method, small, picture, target=1)
    by_hand = cover(small, picture, FILLS["blur"](picture.array, small.value_range), covered, Target(1))
    assert by_hand.drop == pytest.approx(found.array[pixel], abs=1e-6)
    assert np.ptp(found.array[window]) == 0  # this window alone
    assert by_hand.now.argmax() == found.class_map[pixel]


@given(sizes, st.data())
@exactly
def test_the_place_at_a_pixel_is_the_one_whose_class_the_map_tells(size, data):
    height, width, window, stride = size
    row, column = data.draw(st.integers(0, height - 1)), data.draw(st.integers(0, width - 1))
    network, image = random_linear(height, width), noise(height, width)
    network.weights *= 50
    method = Occlusion(window, stride, fill="black")
    _, covered = method.place(image.shape, row, column)
    by_hand = cover(network, image, np.zeros(image.shape), covered, Target(0))
    assert by_hand.now.argmax() == last(method, network, image).class_map[row, column]


def test_covering_nothing_is_the_image_itself(small, picture):
    found = cover(small, picture, np.zeros(picture.shape), None, Target(2))
    assert found.drop == 0
    assert np.array_equal(found.clean, small.probabilities(picture))
    assert np.array_equal(found.now, found.clean)


def test_a_channel_can_be_watched_by_hand_too(small, picture):
    everything = (slice(0, 12), slice(0, 12))
    found = cover(small, picture, np.zeros(picture.shape), everything, Target("conv1", 1))
    assert found.clean_score == pytest.approx(small.activations(picture, "conv1")[..., 1].mean(), abs=1e-6)
    assert found.score == pytest.approx(small.activations(np.zeros((12, 12, 3)), "conv1")[..., 1].mean(), abs=1e-6)
    assert found.now == pytest.approx(small.probabilities(np.zeros((12, 12, 3))), abs=1e-6)


# ---- Coarse to fine


def test_the_first_tenth_of_the_work_shows_a_whole_map():
    network, image = random_linear(56, 56), noise(56, 56)
    results = list(Occlusion(8, 4, fill="black").run(network, image, Target(0)))
    first = results[0]
    assert first.progress <= 0.1
    for result in results:
        assert np.isfinite(result.array).all()
        assert result.class_map.min() >= 0
    rough, exact = first.array, results[-1].array
    assert np.corrcoef(rough.ravel(), exact.ravel())[0, 1] > 0.3


@given(st.integers(1, 20), st.integers(1, 20))
@exactly
def test_every_place_comes_once_and_the_coarse_ones_come_first(rows, columns):
    order = [tuple(place) for place in coarse_to_fine(rows, columns)]
    assert sorted(order) == [(row, column) for row in range(rows) for column in range(columns)]

    def fineness(place):
        return max(next(n for n, step in enumerate((8, 4, 2, 1)) if index % step == 0) for index in place)

    assert [fineness(place) for place in order] == sorted(fineness(place) for place in order)


@given(st.integers(1, 20), st.integers(1, 20), st.data())
@exactly
def test_places_not_known_yet_borrow_and_known_ones_keep_their_value(rows, columns, data):
    order = coarse_to_fine(rows, columns)
    known = data.draw(st.integers(1, len(order)))
    values = np.full((rows, columns), np.nan)
    values[tuple(order[:known].T)] = np.arange(known)
    filled = nearest_known(values, order, known)
    assert np.isfinite(filled).all()
    exact = np.isfinite(values)
    assert np.array_equal(filled[exact], values[exact])
    assert set(filled[~exact]) <= set(values[exact])


def test_a_place_borrows_from_a_neighbour_not_from_afar():
    order = coarse_to_fine(16, 16)
    known = 4  # every eighth place of every eighth row
    values = np.full((16, 16), np.nan)
    values[tuple(order[:known].T)] = np.arange(known)
    filled = nearest_known(values, order, known)
    for row, column in ((0, 0), (0, 8), (8, 0), (8, 8)):
        assert (filled[row : row + 8, column : column + 8] == values[row, column]).all()


@pytest.mark.parametrize("largest", [1, 3, 1000])
def test_the_map_does_not_depend_on_how_many_windows_run_at_once(largest, small, picture, monkeypatch):
    expected = compute(Occlusion(3, 2), small, picture, target=1).array
    small.cache.clear()
    monkeypatch.setattr(route, "LARGEST", largest)
    assert compute(Occlusion(3, 2), small, picture, target=1).array == pytest.approx(expected, rel=1e-5, abs=1e-6)


# ---- On a real network, and refusals


def test_a_real_network_follows_the_slow_loop(small, picture):
    found = compute(Occlusion(5, 3, fill="white"), small, picture, target=2)
    expected, classes = slowly(small, picture, 5, 3, np.ones(picture.shape), target=2)
    assert found.array == pytest.approx(expected, abs=1e-5)
    assert np.array_equal(found.class_map, classes)


def test_a_channel_can_be_watched_instead_of_a_class(small, picture):
    found = compute(Occlusion(12, 12, fill="black"), small, picture, target=Target("conv1", 1))
    means = [small.activations(array, "conv1")[..., 1].mean() for array in (picture.array, np.zeros((12, 12, 3)))]
    assert found.array == pytest.approx(np.full((12, 12), means[0] - means[1]), abs=1e-6)
    assert found.unit == "drop in activation"


@pytest.mark.parametrize(
    ("method", "sentence"),
    [
        (Occlusion(13, 4), r"window must fit in the image \(12 px\). Received: window=13."),
        (Occlusion(4, 5), r"stride must not exceed the window.* Received: stride=5, window=4."),
    ],
)
def test_windows_that_do_not_fit_are_refused(method, sentence, small, picture):
    with pytest.raises(ValueError, match=sentence):
        compute(method, small, picture)
