"""Several inputs, several outputs: which one is meant, and what to write where that is not clear."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import layers, ops
from kinds import AGE, KINDS, ending, fixed

from cnnviz_widgets.engine.inputs import names_in
from cnnviz_widgets.methods.gradient import Gradient
from cnnviz_widgets.network import Network
from cnnviz_widgets.request import compute


def two_inputs():
    return KINDS["image_and_numbers"].build()


# ---- Inputs


def test_what_the_other_input_holds_changes_the_answer_and_is_the_same_for_a_whole_batch():
    model = two_inputs()
    batch = np.random.default_rng(0).uniform(0, 1, (3, 12, 12, 3)).astype(np.float32)
    for age in (AGE, AGE + 1, np.full(3, 0.5)):
        network = Network(model, image_input="picture", other_inputs={"age": age}, value_range=(0, 1))
        expected = model([np.repeat(age[np.newaxis], 3, axis=0), batch]).numpy()
        assert network.probabilities(batch) == pytest.approx(expected, abs=1e-6)


def test_a_number_for_another_input_fills_it():
    model = two_inputs()
    batch = np.random.default_rng(0).uniform(0, 1, (2, 12, 12, 3)).astype(np.float32)
    network = Network(model, image_input="picture", other_inputs={"age": 2}, value_range=(0, 1))
    assert network.probabilities(batch) == pytest.approx(model([np.full((2, 3), 2.0), batch]).numpy(), abs=1e-6)


def test_either_of_two_images_can_be_the_one_that_is_looked_at():
    model = KINDS["dictionary_of_two_images"].build()
    random = np.random.default_rng(0)
    picture, mask = random.uniform(0, 1, (12, 12, 3)).astype("f"), random.uniform(0, 1, (12, 12, 1)).astype("f")
    expected = model({"picture": picture[np.newaxis], "mask": mask[np.newaxis]})["answer"][0].numpy()
    for one, shown, other, held in (("picture", picture, "mask", mask), ("mask", mask, "picture", picture)):
        network = Network(model, image_input=one, other_inputs={other: held}, value_range=(0, 1))
        assert network.input_shape == shown.shape
        assert network.probabilities(shown) == pytest.approx(expected, abs=1e-6)
        assert network.gradient(shown, 0).shape == shown.shape


def test_inputs_may_be_told_by_their_index(opened, image):
    kind, named = opened("image_and_numbers")
    network = Network(two_inputs(), image_input=1, other_inputs={0: AGE}, value_range=(0, 1))
    assert np.array_equal(network.logits(image(kind)), named.logits(image(kind)))


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({}, r"write|Network\(model, image_input='picture', other_inputs={'age': 0.5}\), .*'picture' \(12, 12, 3\)"),
        ({"image_input": "photo"}, r"image_input must be one of 'age', 'picture', .* Received: 'photo'"),
        ({"image_input": 2}, r"or an index from 0 to 1. Received: 2"),
        ({"image_input": True}, r"image_input must be one of .* Received: True"),
        ({"image_input": "picture"}, r"for each input that is not the image: 'age' \(3,\). Received: none"),
        ({"image_input": 1, "other_inputs": {1: 0.5}}, r"not the image: 'age' \(3,\). Received: 'picture'"),
        ({"image_input": 1, "other_inputs": {"sex": 0.5}}, r"other_inputs must be one of .* Received: 'sex'"),
        ({"image_input": 1, "other_inputs": {0: [1, 2]}}, r"'age'\] must be a number or an array of shape \(3,\)"),
        ({"image_input": 1, "other_inputs": {0: np.ones((1, 3))}}, r"without a batch axis. Received: .*\(1, 3\)"),
        ({"image_input": 1, "other_inputs": {0: "old"}}, r"a number or an array of numbers. Received: 'old'"),
        ({"image_input": "age", "other_inputs": {1: 0.5}}, r"images of shape .*Received: a model that takes \(3,\)"),
    ],
)
def test_several_inputs_are_asked_for_in_a_sentence(options, sentence):
    with pytest.raises(ValueError, match=sentence) as refusal:
        Network(two_inputs(), **options)
    assert "\n" not in str(refusal.value)


def test_a_model_of_one_input_has_no_other_inputs():
    with pytest.raises(ValueError, match="image_input and other_inputs are for a model .* Received: .*lists 1"):
        Network(KINDS["functional"].build(), other_inputs={"age": 3})


def test_an_input_whose_length_is_open_takes_an_array_only():
    image, words = keras.Input((12, 12, 3)), keras.Input((None, 2), name="words")
    pooled = layers.Concatenate()([layers.GlobalAveragePooling2D()(image), layers.GlobalAveragePooling1D()(words)])
    model = keras.Model([image, words], layers.Dense(2)(pooled))
    with pytest.raises(ValueError, match=r"'words'\] must be an array of shape \(None, 2\).* Received: a number"):
        Network(model, image_input=0, other_inputs={"words": 1})
    network = Network(model, image_input=0, other_inputs={"words": np.ones((7, 2))}, value_range=(0, 1))
    picture = np.ones((12, 12, 3), np.float32)
    expected = model([picture[np.newaxis], np.ones((1, 7, 2))])[0].numpy()
    assert network.logits(picture) == pytest.approx(expected, abs=1e-6)


# ---- Outputs


def test_any_of_several_outputs_can_be_the_one_explained(opened, image):
    model, picture = KINDS["several_outputs"].build(), image(KINDS["several_outputs"])
    both = model(picture.array[np.newaxis])
    for number, output in enumerate(both):
        network = Network(model, output=number, value_range=(0, 1))
        assert network.class_count == output.shape[-1]
        assert network.logits(picture).shape == output.shape[1:]
    assert Network(model, output=1, value_range=(0, 1)).logits(picture) == pytest.approx(both[1][0].numpy(), abs=1e-6)


def test_outputs_have_the_names_that_the_model_gives_them(opened):
    assert opened("dictionary_of_outputs")[1].output_names == ("answer", "rest")
    assert opened("the_second_of_two_outputs")[1].output_names == ("flat", "scores")


@pytest.mark.parametrize("output", ["box", 2, -1, 1.0])
def test_an_output_that_is_not_there_is_refused(output):
    network = Network(KINDS["dictionary_of_outputs"].build(), output=output)
    with pytest.raises(
        ValueError, match=f"output must be one of 'answer', 'rest', .* from 0 to 1. Received: {output!r}"
    ):
        network.layers  # noqa: B018


def test_where_nobody_said_which_output_a_note_tells_that_it_is_the_first(opened, image):
    for name, noted in (("several_outputs", 1), ("the_second_of_two_outputs", 0), ("functional", 0)):
        kind, network = opened(name)
        notes = compute(Gradient(), network, image(kind), target=0).notes
        kinds = [note.kind for note in notes]
        assert kinds.count("first_of_several_outputs") == noted, name
    sentence = next(
        note
        for note in compute(Gradient(), opened("several_outputs")[1], image(kind), target=0).notes
        if note.kind == "first_of_several_outputs"
    )
    assert sentence.numbers == {"outputs": 2}
    assert "2 outputs" in sentence.text


def test_an_output_without_a_known_number_of_classes_is_refused():
    image = keras.Input((None, None, 3))
    model = fixed(
        keras.Model(image, layers.Lambda(lambda values: tf.reshape(values, [tf.shape(values)[0], -1]))(image))
    )
    with pytest.raises(ValueError, match=r"last axis is the classes, a known number of them. Received: .*of shape"):
        Network(model).layers  # noqa: B018


def test_one_output_in_a_dictionary_is_found_and_named():
    image = keras.Input((12, 12, 3))
    network = Network(fixed(keras.Model(image, {"answer": ending(image, "softmax")})), value_range=(0, 1))
    assert network.output_names == ("answer",)
    assert network.head == "softmax"


def test_names_are_keys_then_given_names_then_numbers():
    assert names_in({"b": 1, "a": 2}) == ("a", "b")
    assert names_in([1, 2], ["x", "y"]) == ("x", "y")
    assert names_in([1, 2], ["x", "x"]) == ("0", "1")
    assert names_in([1, [2, 3]], ["x"]) == ("0", "1", "2")


# ---- Models that take an array which is no image


def of_numbers(taken, *layers_between):
    numbers = keras.Input(taken)
    values = numbers
    for layer in (*layers_between, keras.layers.Flatten(), keras.layers.Dense(3)):
        values = layer(values)
    return keras.Model(numbers, values)


@pytest.mark.parametrize(
    ("taken", "shape"),
    [((28, 28), (28, 28, 1)), ((784,), (28, 28, 1)), ((3072,), (32, 32, 3)), ((20, 30), (20, 30, 1))],
)
def test_the_first_model_of_every_tutorial_opens_by_itself(taken, shape):
    model = of_numbers(taken)
    network = Network(model, value_range=(0, 1))
    assert network.input_shape == shape
    picture = np.random.default_rng(0).uniform(0, 1, shape).astype(np.float32)
    numbers = picture.reshape(1, *taken)
    assert network.logits(picture) == pytest.approx(model(numbers)[0].numpy(), abs=1e-5)
    weights = model.layers[-1].kernel.numpy()
    assert network.gradient(picture, 1) == pytest.approx(weights[:, 1].reshape(shape), abs=1e-6)


def test_a_row_that_is_no_square_needs_its_shape():
    model = of_numbers((600,))
    with pytest.raises(ValueError, match=r"no square needs Network\(..., input_shape.* takes \(600,\)"):
        Network(model)
    assert Network(model, input_shape=(20, 30, 1)).logits(np.ones((20, 30, 1))).shape == (3,)
    with pytest.raises(ValueError, match=r"as many numbers as the model takes, 600. Received: \(20, 20, 1\)"):
        Network(model, input_shape=(20, 20, 1))


# ---- Subclassed models of several inputs


class OfPhotoAndAge(keras.Model):
    def __init__(self, keys=("photo", "age")):
        super().__init__()
        self.keys, self.conv = keys, keras.layers.Conv2D(4, 3, name="conv")
        self.pool, self.dense = keras.layers.GlobalAveragePooling2D(), keras.layers.Dense(3)

    def call(self, inputs):
        photo, age = (inputs[key] for key in self.keys)
        return self.dense(keras.ops.concatenate([self.pool(self.conv(photo)), age], -1))


@pytest.mark.parametrize("keys", [("photo", "age"), (0, 1)])
def test_a_subclassed_model_of_several_inputs_is_told_which_is_the_image(keys):
    model, photo = OfPhotoAndAge(keys), np.random.default_rng(0).uniform(0, 1, (12, 12, 3)).astype(np.float32)
    given = dict(zip(keys, (photo[None], np.full((1, 1), 0.5, np.float32)), strict=True))
    given = given if keys[0] == "photo" else list(given.values())
    expected = np.asarray(model(given))[0]
    image, other = map(str, keys)
    network = Network(model, value_range=(0, 1), image_input=image, other_inputs={other: 0.5})
    assert network.input_shape == (12, 12, 3)
    assert network.logits(photo) == pytest.approx(expected, abs=1e-6)
    assert np.abs(network.gradient(photo, 1)).max() > 0
    with pytest.raises(ValueError, match=f"One of several inputs is the image.*image_input='{image}'.*Received"):
        Network(model)


class Beside(layers.Layer):
    """Adds what is known beside the image, if it is known."""

    def call(self, features, known=None):
        return features if known is None else features + ops.sum(known, axis=-1, keepdims=True)


def with_an_optional_input():
    image, known = keras.Input((8, 8, 3), name="image"), keras.Input((4,), name="known", optional=True)
    features = layers.GlobalAveragePooling2D()(layers.Conv2D(5, 3)(image))
    return keras.Model([image, known], layers.Dense(2)(Beside()(features, known)))


@pytest.mark.parametrize("more", [{}, {"image_input": "image"}, {"other_inputs": {"known": None}}])
def test_an_optional_input_is_left_out_unless_it_is_given(more):
    model, picture = with_an_optional_input(), np.random.default_rng(1).uniform(0, 1, (8, 8, 3)).astype(np.float32)
    left_out, given = Network(model, **more), Network(model, other_inputs={"known": [1, 2, 3, 4]})
    assert left_out.logits(picture) == pytest.approx(model([picture[None], None]).numpy()[0], abs=1e-5)
    expected = model([picture[None], np.float32([[1, 2, 3, 4]])]).numpy()[0]
    assert given.logits(picture) == pytest.approx(expected, abs=1e-5)


def with_a_text(shape=()):
    image, place = keras.Input((8, 8, 3), name="image"), keras.Input(shape, name="place", dtype="string")
    features = layers.GlobalAveragePooling2D()(layers.Conv2D(5, 3)(image))
    known = layers.Embedding(3, 5)(layers.StringLookup(vocabulary=["indoors", "outdoors"])(place))
    return keras.Model([image, place], layers.Dense(2)(features + layers.Reshape((5,))(known)))


@pytest.mark.parametrize("shape", [(), (1,)])
def test_an_input_of_text_is_held_at_one(shape):
    model, picture = with_a_text(shape), np.random.default_rng(1).uniform(0, 1, (2, 8, 8, 3)).astype(np.float32)
    for place in ("indoors", "outdoors"):
        network = Network(model, image_input="image", other_inputs={"place": place})
        held = tf.fill((2, *shape), place)
        assert network.logits(picture) == pytest.approx(model([tf.constant(picture), held]).numpy(), abs=1e-5)


def test_texts_and_numbers_are_not_mistaken_for_each_other():
    with pytest.raises(ValueError, match=r"'place'\] must be a text or an array of texts. Received: 0.5"):
        Network(with_a_text(), image_input="image", other_inputs={"place": 0.5})
    with pytest.raises(ValueError, match=r"'known'\] must be a number or an array of numbers. Received: 'far'"):
        Network(with_an_optional_input(), other_inputs={"known": "far"})
    with pytest.raises(ValueError, match="other_inputs={'place': 'text'}"):
        Network(with_a_text())
