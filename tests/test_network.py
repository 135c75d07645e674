"""The questions that a Network answers, on every kind of model, checked by a second route: TensorFlow's own tape."""

import contextlib
from functools import cache

import numpy as np
import pytest
import tensorflow as tf
from kinds import KINDS, Probe, each_kind, on_any_processor

from cnnviz_widgets.core.image import InputImage
from cnnviz_widgets.core.target import Target
from cnnviz_widgets.network import Network

# A float16 has eleven bits.
TOLERANCE = {"mixed_float16": 5e-3}
every_kind = each_kind()
kinds_with_a_middle = each_kind(lambda kind: kind.middle)
INDEX = 0


def far_apart(found, expected):
    """The largest difference, relative to the largest expected value, which must not be zero."""
    assert found.shape == expected.shape
    size = np.abs(expected).max()
    assert size > 0
    return np.abs(found - expected).max() / size


@cache
def by_tape(kind, image):
    """(gradient at the image, gradient at the middle layer or None) of a logit, by TensorFlow's own tape."""
    probe = Probe() if kind.middle else None
    twin = kind.build(None, probe)

    @tf.function(autograph=False)  # some of Keras' layers of few bits have their gradient only in a graph
    def gradients(images):
        with tf.GradientTape() as tape:
            tape.watch(images)
            score = tf.reshape(kind.called(twin, images), [-1])[INDEX]
        return tape.gradient(score, [images] if probe is None else [images, probe.delta.value])

    at_image, *at_middle = (
        gradient.numpy() for gradient in on_any_processor(gradients)(tf.constant(image.array[None]))
    )
    if kind.channels_first:
        at_middle = [np.moveaxis(gradient, 0, -1) for gradient in at_middle]
    return at_image[0], (at_middle[0] if probe else None)


@every_kind
def test_the_head_of_every_kind_is_found(name, opened):
    kind, network = opened(name)
    assert network.head == kind.head
    assert network.class_count == kind.classes


@every_kind
def test_probabilities_are_what_the_model_gives(name, opened, image):
    kind, network = opened(name)
    images = image(kind).array[None]
    output = np.atleast_1d(kind.called(network.model, tf.constant(images)).numpy()[0])
    behind = {"none": tf.nn.softmax, "log_softmax": tf.exp, "hidden_log": tf.exp}.get(kind.head, tf.identity)
    expected = behind(output).numpy()
    assert network.probabilities(image(kind)) == pytest.approx(expected, abs=1e-6)


@every_kind
def test_the_head_of_the_logits_is_the_output(name, opened, image):
    kind, network = opened(name)
    # At every place of an output that has places: of means over them it would not hold.
    logits, probabilities = network.output.answers(*network.engine.outputs(network.batch(image(kind)).array))
    head = {"sigmoid": tf.sigmoid, "hidden": tf.exp, "hidden_log": tf.exp}.get(kind.head, tf.nn.softmax)
    assert head(logits).numpy() == pytest.approx(probabilities, abs=1e-6)


@every_kind
def test_the_gradient_of_a_logit_is_the_tapes(name, opened, image):
    kind, network = opened(name)
    expected, _ = by_tape(kind, image(kind))
    assert far_apart(network.gradient(image(kind), INDEX), expected) < TOLERANCE.get(name, 1e-5)


@kinds_with_a_middle
def test_the_gradient_at_a_layer_is_the_tapes(name, opened, image):
    kind, network = opened(name)
    _, expected = by_tape(kind, image(kind))
    _, gradient = network.layer_gradient(image(kind), INDEX, kind.middle)
    assert far_apart(gradient, expected) < TOLERANCE.get(name, 1e-5)


@kinds_with_a_middle
def test_splitting_at_a_layer_gives_the_activations_that_the_layer_gives(name, opened, image):
    kind, network = opened(name)
    activations, _ = network.layer_gradient(image(kind), INDEX, kind.middle)
    assert far_apart(activations, network.activations(image(kind), kind.middle)) == 0


@pytest.mark.parametrize("name", ["sequential", "functional", "skip_and_concat", "batch_norm_dropout_augmentation"])
def test_activations_of_every_layer_are_those_of_a_keras_submodel(name, opened, image):
    import keras

    kind, network = opened(name)
    for info in network.layers:
        submodel = keras.Model(network.model.inputs[0], info.layer.output)
        expected = np.asarray(submodel(image(kind).array[None], training=False))[0]
        assert far_apart(network.activations(image(kind), info.path), expected) < 1e-6


@pytest.mark.parametrize(
    ("nested", "path"), [("nested_in_sequential", "base/conv"), ("nested_twice", "outer/base/conv")]
)
def test_activations_inside_a_nested_model_are_those_of_its_own_submodel(nested, path, opened, image):
    import keras

    kind, network = opened(nested)
    model = network.model
    for name in path.split("/")[:-1]:
        model = model.get_layer(name)
    submodel = keras.Model(model.input, model.get_layer("conv").output)
    expected = np.asarray(submodel(image(kind).array[None]))[0]
    assert far_apart(network.activations(image(kind), path), expected) < 1e-6


def test_equal_layer_names_in_two_nested_models_are_two_paths(opened):
    paths = [info.path for info in opened("nested_in_functional")[1].layers]
    assert {"base/conv", "base/last", "base", "top/conv", "top/last", "top"} <= set(paths)
    assert len(paths) == len(set(paths))


def test_a_layer_used_twice_is_listed_once_for_each_use(opened, image):
    kind, network = opened("shared_layer")
    assert [info.path for info in network.layers][:2] == ["shared", "shared@2"]
    first, second = (network.activations(image(kind), path) for path in ("shared", "shared@2"))
    assert np.abs(first - second).max() > 0.01


def test_layers_stand_in_the_order_in_which_they_run(opened):
    paths = [info.path for info in opened("skip_and_concat")[1].layers]
    assert paths.index("stem") < paths.index("conv1") < paths.index("add") < paths.index("scores")


def test_a_network_of_any_size_answers_for_two_sizes_alike(opened):
    network = opened("any_size")[1]
    random = np.random.default_rng(0)
    for size in (9, 14):
        image = InputImage(random.uniform(0, 1, (size, size + 2, 3)))
        assert network.gradient(image, INDEX).shape == (size, size + 2, 3)
        assert network.activations(image, "conv1").shape == (size - 2, size, 4)


@pytest.mark.parametrize("name", ["separate_softmax", "softmax_from_ops", "softmax_activation", "no_softmax"])
def test_logit_gradients_do_not_depend_on_how_the_softmax_is_written(name, opened, image):
    kind, fused = opened("relu_from_ops")
    gradient = opened(name)[1].gradient(image(kind), 2)
    assert far_apart(gradient, fused.gradient(image(kind), 2)) < 1e-6


def test_a_saturated_softmax_leaves_the_logit_gradient_alone(picture):
    model = KINDS["functional"].build()
    kernel, bias = model.get_layer("scores").get_weights()
    model.get_layer("scores").set_weights([kernel * 4000, bias])
    network = Network(model, value_range=(0, 1))
    images = tf.constant(picture.array[None])
    with tf.GradientTape() as tape:
        tape.watch(images)
        probability = tf.reduce_max(model(images))
    assert np.abs(tape.gradient(probability, images)).max() < 1e-30
    assert np.abs(network.gradient(picture, None)).max() > 1e-3


def test_the_gradient_of_a_linear_network_is_its_weight_column():
    import keras

    model = keras.Sequential([keras.Input((4, 5, 2)), keras.layers.Flatten(), keras.layers.Dense(3)])
    network = Network(model, value_range=(0, 1))
    columns = model.layers[-1].kernel.numpy().reshape(4, 5, 2, 3)
    for index in range(3):
        assert np.array_equal(network.gradient(np.ones((4, 5, 2)), index), columns[..., index])


@pytest.mark.parametrize("index", [0, 3])
def test_the_gradient_is_the_slope_between_two_close_images_in_float64(index):
    import keras

    policy, float_type = keras.config.dtype_policy(), keras.config.floatx()
    keras.config.set_floatx("float64")
    keras.config.set_dtype_policy("float64")  # either of the two alone leaves a part in float32
    try:
        model = KINDS["skip_and_concat"].build()
    finally:
        keras.config.set_floatx(float_type)
        keras.config.set_dtype_policy(policy)
    network = Network(model, value_range=(0, 1))
    random, step = np.random.default_rng(0), 1e-5
    image = random.uniform(0, 1, (12, 12, 3))
    gradient = network.gradient(image, index)
    assert gradient.dtype == np.float64
    places = [tuple(random.integers(0, image.shape)) for _ in range(40)]
    moved = np.stack([image + step * sign * one_hot(image.shape, place) for place in places for sign in (1, -1)])
    scores = network.scores(moved, index).reshape(-1, 2)
    slopes = (scores[:, 0] - scores[:, 1]) / (2 * step)
    assert np.abs(slopes - [gradient[place] for place in places]).max() < 1e-6 * np.abs(gradient).max()


def one_hot(shape, place):
    array = np.zeros(shape)
    array[place] = 1
    return array


def test_the_score_of_a_channel_is_its_mean_and_its_gradient_follows_it(small, picture):
    means = small.activations(picture, "conv2").mean(axis=(0, 1))
    target = Target("conv2", means.argmax())
    assert small.scores(picture, target) == pytest.approx(means.max(), rel=1e-5)
    model = small.model
    images = tf.constant(picture.array[None])
    with tf.GradientTape() as tape:
        tape.watch(images)
        maps = model.get_layer("conv2")(model.get_layer("relu1")(model.get_layer("conv1")(images)))
        score = tf.reduce_mean(maps[..., target.index])
    assert far_apart(small.gradient(picture, target), tape.gradient(score, images).numpy()[0]) < 1e-5


def test_the_score_of_a_unit_is_its_value_and_its_gradient_follows_it(small, picture):
    maps = small.activations(picture, "conv1")
    unit = Target("conv1", 1, (3, 6))
    assert small.scores(picture, unit) == maps[3, 6, 1]
    assert small.describe(unit) == "unit (3, 6) of channel 1 of conv1"
    gradient = small.gradient(picture, unit)
    kernel = small.kernels("conv1")[..., 1]
    (top, left), (height, width) = np.argwhere(gradient.any(axis=-1))[0], kernel.shape[:2]
    patch = gradient[top : top + height, left : left + width]
    assert patch == pytest.approx(kernel, abs=1e-6)  # conv1 is linear and sees the image as it is
    assert np.count_nonzero(gradient) == np.count_nonzero(patch)


def test_units_give_their_own_gradients_and_sum_to_the_channels(small, picture):
    rows, columns = small.layer("conv2").output_shape[:2]
    units = [Target("conv2", 0, (row, column)) for row in range(rows) for column in range(columns)]
    total = sum(small.gradient(picture, unit) for unit in units)
    assert far_apart(total / len(units), small.gradient(picture, Target("conv2", 0))) < 1e-5


@pytest.mark.parametrize(
    ("target", "sentence"),
    [
        (Target("conv1", 0, (99, 0)), r"position or region must lie in 'conv1', .* Received: position=\(99, 0\)"),
        (Target("conv1", 0, (0, -1)), r"position or region must lie in"),
        (
            Target("conv1", 0, (4,)),
            r"'conv1', 10×10×4, has 2 axes of places: .* position=\(5, 5\). Received: position=\(4,\)",
        ),
        (Target(None, 0, (0, 0)), r"Only an output with places .* Received: position=\(0, 0\) for the output, 5"),
        (Target("scores", 0, (0, 0)), r"Only an output with places .* Received: position=\(0, 0\) for 'scores', 5"),
    ],
)
def test_a_unit_that_is_not_there_is_refused(target, sentence, small):
    with pytest.raises(ValueError, match=sentence):
        small.target(target)


def test_a_network_that_classifies_every_place_is_scored_by_the_mean_over_places():
    import keras
    from keras import layers

    image = keras.Input((None, None, 3))
    model = keras.Model(image, layers.Conv2D(5, 1, activation="softmax")(layers.Conv2D(4, 3, activation="relu")(image)))
    network = Network(model, value_range=(0, 1))
    noise = np.random.default_rng(0).uniform(0, 1, (9, 9, 3)).astype(np.float32)
    assert network.probabilities(noise) == pytest.approx(model(noise[None]).numpy().mean(axis=(0, 1, 2)), abs=1e-6)
    assert network.target(None, noise).index == network.logits(noise).argmax()
    images = tf.constant(noise[None])
    with tf.GradientTape() as tape:
        tape.watch(images)
        head, body = model.layers[-1], model.layers[1]
        score = tf.reduce_mean(tf.nn.convolution(body(images), head.kernel.value)[..., 2])
    assert far_apart(network.gradient(noise, 2), tape.gradient(score, images).numpy()[0]) < 1e-5


# ---- One image, many images


def test_a_batch_answers_as_its_images_do_one_by_one(small):
    batch = np.random.default_rng(0).uniform(0, 1, (7, 12, 12, 3)).astype(np.float32)
    together = small.logits(batch)
    assert together.shape == (7, 5)
    for one, logits in zip(batch, together, strict=True):
        assert small.logits(one) == pytest.approx(logits, abs=1e-6)
    gradients = small.gradient(batch, 1)
    assert far_apart(gradients[4], small.gradient(batch[4], 1)) < 1e-5
    assert small.scores(batch, Target("conv1", 2)).shape == (7,)


def test_the_image_that_is_asked_about_does_not_change(small):
    array = np.random.default_rng(0).uniform(0, 1, (12, 12, 3)).astype(np.float32)
    before = array.copy()
    for question in (small.gradient, small.scores):
        question(array, 1)
    small.layer_gradient(array, 1, "conv1")
    assert np.array_equal(array, before)


def test_what_a_caller_does_to_an_answer_changes_no_later_answer(small, picture):
    for ask in (
        lambda: small.probabilities(picture),
        lambda: small.logits(picture),
        lambda: small.activations(picture, "conv1"),
        lambda: small.gradient(picture, 1),
        lambda: small.layer_gradient(picture, 1, "conv1")[0],
        lambda: small.kernels("conv1"),
    ):
        before = ask().copy()
        with contextlib.suppress(ValueError):  # read-only is as good
            ask()[...] = 7
        assert np.array_equal(ask(), before)


# ---- Refusals


@pytest.mark.parametrize(
    ("ask", "error", "sentence"),
    [
        (lambda n, i: n.activations(i, "conv11"), ValueError, r"No layer named 'conv11'. Near to it: conv1"),
        (lambda n, i: n.activations(i, "zzz"), ValueError, r"No layer named 'zzz'. For example: .*conv2"),
        (lambda n, i: n.gradient(i, 5), ValueError, r"Class must be between 0 and 4. Received: 5"),
        (lambda n, i: n.gradient(i, -1), ValueError, r"Class must be between 0 and 4. Received: -1"),
        (lambda n, i: n.gradient(i, 1.0), TypeError, r"A target is a class index.*Received: 1.0"),
        (lambda n, i: n.gradient(i, True), TypeError, r"A target is a class index.*Received: True"),
        (lambda n, i: n.target("clas 1"), ValueError, r"No class named 'clas 1' among the 5.*Near to it: .*class 1"),
        (lambda n, i: n.target(Target("conv1", 4)), ValueError, r"Channel of 'conv1' must be between 0 and 3"),
        (lambda n, i: n.target(Target("conv1", -1)), ValueError, r"Channel of 'conv1' must be .* Received: -1"),
        (lambda n, i: n.target(Target("conf1", 0)), ValueError, r"No layer named 'conf1'. Near to it: conv1"),
        (lambda n, i: n.target(None), ValueError, r"Choose a class .* Received: no image"),
        (lambda n, i: n.logits(np.zeros((11, 12, 3))), ValueError, r"\(12, 12, 3\). Received: \(11, 12, 3\)"),
        (lambda n, i: n.logits(np.zeros((2, 11, 12, 3))), ValueError, r"\(12, 12, 3\). Received: \(2, 11, 12, 3\)"),
        (lambda n, i: n.logits(np.zeros((12, 12))), ValueError, r"\(12, 12, 3\). Received: \(12, 12\)"),
        (lambda n, i: n.logits(InputImage(np.zeros((11, 12)))), ValueError, r"\(12, 12, 3\).*Received: \(11, 12, 1\)"),
        (lambda n, i: n.layer_gradient(i, 1, "scores"), ValueError, r"class 1 must depend on layer 'scores'"),
        (
            lambda n, i: n.layer_gradient(i, Target("conv1", 0), "conv2"),
            ValueError,
            r"channel 0 of conv1 must depend on layer 'conv2'",
        ),
        (lambda n, i: n.kernels("relu1"), ValueError, r"Only convolutions in two dimensions.*'relu1', a ReLU"),
    ],
)
def test_what_cannot_be_answered_is_refused_in_a_sentence(ask, error, sentence, small, picture):
    with pytest.raises(error, match=sentence) as refusal:
        ask(small, picture)
    assert "\n" not in str(refusal.value)
    assert len(str(refusal.value)) < 300


def test_classes_are_found_by_name_whatever_the_case(picture):
    network = Network(KINDS["functional"].build(), class_names=["Cat", "Dog", "Bee", "Cup", "Pen"], value_range=(0, 1))
    assert network.target("Bee") == network.target("bee") == Target(2)
    assert network.describe(Target(2)) == "Bee"
    assert network.describe(Target("conv1", 3)) == "channel 3 of conv1"
    with pytest.raises(ValueError, match="No class named 'Dig' among the 5 of .*Near to it: Dog"):
        network.target("Dig")


def test_without_a_target_the_top_class_is_meant(small, picture):
    assert small.target(None, picture) == Target(int(small.probabilities(picture).argmax()))


def test_names_that_do_not_match_the_classes_are_refused():
    network = Network(KINDS["functional"].build(), class_names=["cat", "dog"])
    with pytest.raises(ValueError, match="must name every class of the output, 5 of them. Received: 2 names"):
        network.class_names  # noqa: B018


@pytest.mark.parametrize("value_range", [(0, 0), (1, 0), (0, float("nan")), (0, float("inf"))])
def test_a_value_range_without_extent_is_refused(value_range):
    with pytest.raises(ValueError, match="value_range must be"):
        Network(KINDS["functional"].build(), value_range=value_range)


def test_a_model_that_was_never_built_is_refused():
    import keras
    from kinds import Subclassed

    lazy = keras.Sequential([keras.layers.Conv2D(4, 3), keras.layers.Flatten(), keras.layers.Dense(5)])
    for model in (Subclassed(), lazy):
        with pytest.raises(ValueError, match="call it once on a batch of images. Received: .*not built yet"):
            Network(model)


def test_a_model_that_takes_no_image_is_refused():
    import keras

    model = keras.Sequential([keras.Input((7,)), keras.layers.Dense(2)])
    with pytest.raises(ValueError, match=r"shape \(height, width, channels\).* Received: a model that takes \(7,\)"):
        Network(model)


def test_a_preprocess_function_that_cannot_be_traced_is_refused_in_a_sentence(picture):
    network = Network(KINDS["functional"].build(), preprocess=lambda images: images.halved(), value_range=(0, 1))
    with pytest.raises(
        ValueError, match="preprocess on a batch of tensors or of NumPy.* no attribute 'halved'"
    ) as refusal:
        network.probabilities(picture)
    assert "\n" not in str(refusal.value)
