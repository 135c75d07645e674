"""Many images give the results of `compute`, bit by bit, and a bad one is refused in its place."""

import numpy as np
import pytest
from PIL import Image
from quick import OF_CONVOLUTIONS, quick

import cnnviz_widgets as cnnviz
from cnnviz_widgets.batch import compute_many
from cnnviz_widgets.core.failures import Refusal
from cnnviz_widgets.core.image import InputImage
from cnnviz_widgets.core.target import Target
from cnnviz_widgets.networks import load, samples
from cnnviz_widgets.request import compute

METHODS = [
    quick(method.suited_to(28), 8) for method in OF_CONVOLUTIONS if "image" in method.uses and method.__name__ != "CAM"
]


@pytest.fixture(scope="module")
def network():
    return load("digits")


@pytest.fixture(scope="module")
def images():
    return samples("digits")[:6]


@pytest.fixture
def folder(tmp_path):
    """Three pictures in files, and the paths of them all, a text and a missing one among them."""
    paths = [tmp_path / f"{name}.png" for name in "abc"]
    for number, path in enumerate(paths):
        noise = np.random.default_rng(number).integers(0, 256, (40, 30, 3), np.uint8)
        Image.fromarray(noise).save(path)
    text = tmp_path / "text.jpg"
    text.write_text("no picture")
    return [paths[0], str(text), str(paths[1]), tmp_path / "missing.png", paths[2]]


def assert_same(result, wanted):
    assert np.array_equal(result.array, wanted.array)
    assert (result.request, result.notes, result.unit) == (wanted.request, wanted.notes, wanted.unit)


@pytest.mark.parametrize("method", METHODS, ids=lambda method: type(method).__name__)
def test_they_are_the_results_of_compute(method, network, images):
    few = images[:3]
    for result, image in zip(compute_many(method, network, few), few, strict=True):
        network.cache.clear()
        assert_same(result, compute(method, network, image))


def test_files_and_arrays_are_images_as_well(network, folder, images):
    array = images[0].array
    for given, image in ((folder[0], InputImage.open(folder[0])), (array, InputImage(array))):
        (result,) = compute_many(cnnviz.GradCAM(), network, [given])
        assert_same(result, compute(cnnviz.GradCAM(), network, image))
        assert result.request.image.name == image.name


def test_a_bad_file_is_refused_in_its_place(network, folder):
    answers = list(compute_many(cnnviz.Gradient(), network, folder))
    assert [isinstance(answer, Refusal) for answer in answers] == [False, True, False, True, False]
    assert [answer.asked for answer in answers if isinstance(answer, Refusal)] == [folder[1], folder[3]]
    assert answers[1].sentence.endswith("Received: a text file.")
    assert answers[3].sentence.startswith("No such file.")


def test_what_goes_wrong_inside_loses_only_one_image(network, images, caplog):
    class Broken(type(cnnviz.GradCAM())):
        def run(self, network, image, target, layer):
            if image == images[1]:
                raise ZeroDivisionError
            yield from super().run(network, image, target, layer)

    first, second, third = compute_many(Broken(), network, images[:3])
    assert second.sentence == "Something went wrong inside (ZeroDivisionError); the log has the details."
    assert first.complete
    assert third.complete


def test_one_target_is_for_all_and_several_are_for_one_image_each(network, images):
    def targets(given):
        return [result.request.target for result in compute_many(cnnviz.GradCAM(), network, images[:3], targets=given)]

    assert targets("7") == [Target(7)] * 3
    difference = Target(4) - Target(9)
    assert targets([3, None, difference]) == [Target(3), network.target(None, images[1]), difference]
    assert targets(np.arange(3)) == [Target(0), Target(1), Target(2)]


def test_the_layer_is_that_of_every_image(network, images):
    (result,) = compute_many(cnnviz.GradCAM(), network, images[:1], layer="conv2")
    assert_same(result, compute(cnnviz.GradCAM(), network, images[0], layer="conv2"))
    (fused,) = compute_many(cnnviz.GradCAM(), network, images[:1], layer=["conv1", "conv3"])
    assert_same(fused, compute(cnnviz.GradCAM(), network, images[0], layer=["conv1", "conv3"]))


def test_the_networks_store_stays_as_it_is(network, images):
    network.cache.clear()
    assert len(list(compute_many(cnnviz.GradCAM(), network, images))) == len(images)
    assert len(network.cache) == 0


def test_images_are_read_a_few_ahead_and_no_further(network, images):
    read = []

    def endless():
        while True:
            read.append(len(read))
            yield images[len(read) % len(images)]

    results = compute_many(cnnviz.GradCAM(), network, endless())
    for _ in range(10):
        next(results)
    results.close()
    assert len(read) < 30


def test_what_the_iterable_raises_comes_after_the_images_before_it(network, images):
    def breaking():
        yield images[0]
        raise KeyError("mine")

    results = compute_many(cnnviz.GradCAM(), network, breaking())
    assert next(results).request.image == images[0]
    with pytest.raises(KeyError, match="mine"):
        next(results)


def test_training_in_between_is_noticed(images):
    network = load("digits")
    results = compute_many(cnnviz.GradCAM(), network, [*images] * 4)
    next(results)
    network.model.set_weights([weights * 0.5 for weights in network.model.get_weights()])
    with pytest.raises(
        RuntimeError, match=r"must stay as it is.*Received: digits, whose weights have changed meanwhile"
    ):
        list(results)


def test_no_images_are_no_results(network):
    assert list(compute_many(cnnviz.GradCAM(), network, [])) == []


@pytest.mark.parametrize(
    ("arguments", "error", "sentence"),
    [
        ({"method": cnnviz.GradCAM}, TypeError, r"A method is an object"),
        ({"network": "digits"}, TypeError, r"A network is what"),
        ({"method": cnnviz.Filters()}, ValueError, r"must look at an image.*Received: Filters\."),
        ({"layer": "conv9"}, ValueError, r"No layer named 'conv9'"),
        ({"targets": "seven"}, ValueError, r"seven"),
        ({"targets": [1, 2]}, ValueError, r"one for each of them\. Received: 6 images and 2 targets\."),
        ({"images": "cat.jpg"}, TypeError, r"images must be several.*Received: 'cat\.jpg'\."),
        ({"images": 7}, TypeError, r"images must be several.*Received: 7\."),
    ],
)
def test_what_concerns_all_is_said_before_the_first(arguments, error, sentence, network, images):
    given = {"method": cnnviz.GradCAM(), "network": network, "images": images} | arguments
    with pytest.raises(error, match=sentence):
        compute_many(**given)


def test_a_lack_of_targets_is_noticed_where_nobody_knew_how_many_there_are(network, images):
    results = compute_many(cnnviz.GradCAM(), network, iter(images), targets=iter([1, 2]))
    assert [next(results).request.target for _ in range(2)] == [Target(1), Target(2)]
    with pytest.raises(ValueError, match=r"Received: 2 of each, and then no target\."):
        next(results)
