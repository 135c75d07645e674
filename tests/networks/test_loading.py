"""`load`: names, models, files and keras.applications, and one sentence for what cannot be loaded."""

import json
import zipfile
from pathlib import Path

import h5py
import keras
import numpy as np
import pytest
from keras import layers
from kinds import KINDS

from cnnviz_widgets.core.image import InputImage
from cnnviz_widgets.network import Network
from cnnviz_widgets.networks import applications, imagenet, keras2, load


@pytest.fixture
def model():
    return small_model(layers.ReLU())


def small_model(middle):
    """A model whose middle layer is exchangeable."""
    keras.utils.set_random_seed(0)
    return keras.Sequential(
        [
            keras.Input((8, 8, 1)),
            layers.Conv2D(4, 3, name="conv"),
            middle,
            layers.GlobalAveragePooling2D(),
            layers.Dense(3, activation="softmax"),
        ],
        name="small",
    )


class Doubling(layers.Layer):
    """A layer that Keras does not know."""

    def call(self, inputs):
        """Twice the inputs."""
        return inputs * 2


# ---- What can be loaded


def test_a_network_is_returned_as_it_is(model):
    network = Network(model)
    assert load(network) is network


def test_a_keras_model_is_opened_without_a_copy(model):
    assert load(model).model is model


@pytest.mark.parametrize("ending", [".keras", ".h5"])
@pytest.mark.parametrize("kind", [str, lambda path: path])
def test_a_saved_model_answers_as_the_original_does(model, tmp_path, ending, kind):
    path = tmp_path / f"mine{ending}"
    model.save(path)
    image = np.random.default_rng(0).uniform(0, 255, (8, 8, 1)).astype(np.float32)
    network = load(kind(path))
    assert network.name == "mine"
    np.testing.assert_array_equal(network.probabilities(image), Network(model).probabilities(image))


def test_one_says_what_the_output_of_a_file_is(model, tmp_path):
    model.save(tmp_path / "mine.keras")
    image = np.random.default_rng(0).uniform(0, 255, (8, 8, 1)).astype(np.float32)
    output = model(image[np.newaxis]).numpy()[0]
    network = load(tmp_path / "mine.keras", output_is="logits")
    assert network.name == "mine"
    assert network.probabilities(image) == pytest.approx(np.exp(output) / np.exp(output).sum(), abs=1e-6)
    with pytest.raises(ValueError, match=r"output_is must be one of .* Received: 'chances'"):
        load(tmp_path / "mine.keras", output_is="chances")


def test_one_says_what_a_file_takes_and_what_its_classes_are(model, tmp_path):
    model.save(tmp_path / "mine.keras")
    names = [f"digit {index}" for index in range(model.output_shape[-1])]
    network = load(tmp_path / "mine.keras", value_range=(0, 1), class_names=names)
    picture = InputImage._of_pixels(np.random.default_rng(0).integers(0, 255, (8, 8, 3), np.uint8), "photo", None, ())
    assert (network.name, network.class_names, network.range_is_assumed) == ("mine", tuple(names), False)
    fitted = network.fit(picture).array
    assert (fitted.max() <= 1, fitted.max() > 0.5) == (True, True)
    expected = Network(model).probabilities(fitted)
    np.testing.assert_allclose(network.probabilities(picture), expected, atol=1e-6)
    other = load(network, preprocess=lambda images: images / 2)
    np.testing.assert_allclose(other.probabilities(picture), Network(model).probabilities(fitted / 2), atol=1e-6)
    assert other.class_names == tuple(names)
    assert load(network) is network


def test_bundled_names_may_be_written_in_capitals():
    assert load("Digits").name == "digits"


# ---- Names


@pytest.mark.parametrize(
    ("name", "meant"),
    [("eficientnet_lite0", "efficientnet_lite0"), ("digit", "digits"), ("resnet5", "ResNet50")],
)
def test_an_unknown_name_is_answered_with_the_nearest(name, meant):
    with pytest.raises(ValueError, match=f"no network named '{name}'. Did you mean {meant}\\?"):
        load(name)


def test_a_name_like_no_other_is_answered_with_what_is_bundled():
    with pytest.raises(ValueError, match=r"'qqqq'. Bundled: efficientnet_lite0, digits"):
        load("qqqq")


@pytest.mark.parametrize("thing", [3, None, [1, 2], np.zeros((2, 2))])
def test_anything_else_is_refused_by_its_type(thing):
    with pytest.raises(TypeError, match=f"keras.Model or a Network. Received: {type(thing).__name__}"):
        load(thing)


# ---- Files


def text_file(folder, name):
    """A text file of some length."""
    path = folder / name
    path.write_text("not a model\n" * 50)
    return path


@pytest.mark.parametrize(
    ("name", "kind", "sentence"),
    [
        ("absent.keras", FileNotFoundError, "No such model file"),
        ("absent.h5", FileNotFoundError, "No such model file"),
        ("weights.pt", ValueError, "must end in .keras or .h5"),
        ("SHOUTED.KERAS", ValueError, "must end in .keras or .h5"),
        ("weights.tar.gz", ValueError, "must end in .keras or .h5"),
        ("folder/nothing", ValueError, "must end in .keras or .h5"),
    ],
)
def test_a_path_that_cannot_be_a_model_is_refused(tmp_path, name, kind, sentence):
    with pytest.raises(kind, match=sentence):
        load(str(tmp_path / name))


@pytest.mark.parametrize("name", ["text.keras", "text.h5"])
def test_a_text_file_by_the_name_of_a_model_is_refused(tmp_path, name):
    with pytest.raises(ValueError, match=f"not a Keras model.*{name}.*600 bytes that are not one"):
        load(text_file(tmp_path, name))


def test_a_file_of_the_other_kind_is_refused(model, tmp_path):
    model.save(tmp_path / "model.h5")
    path = (tmp_path / "model.h5").rename(tmp_path / "model.keras")
    with pytest.raises(ValueError, match=r"a .keras file is a zip archive"):
        load(path)


@pytest.mark.parametrize("name", ["empty.keras", "empty.h5"])
def test_an_empty_file_is_refused(tmp_path, name):
    (tmp_path / name).touch()
    with pytest.raises(ValueError, match="not a Keras model"):
        load(tmp_path / name)


def test_a_zip_archive_that_holds_no_model_is_refused(tmp_path):
    with zipfile.ZipFile(tmp_path / "holiday.keras", "w") as archive:
        archive.writestr("cat.txt", "a cat")
    with pytest.raises(ValueError, match=r"Keras could not read 'holiday.keras' as a model"):
        load(tmp_path / "holiday.keras")


def test_a_folder_is_refused(tmp_path):
    (tmp_path / "saved.keras").mkdir()
    with pytest.raises(IsADirectoryError, match=r"one .keras or .h5 file"):
        load(tmp_path / "saved.keras")


@pytest.mark.parametrize(
    "address",
    ["gs://bucket/x.keras", "hf://user/model", "https://example.org/x.h5", "HTTP://a/b.keras"],
)
def test_an_address_is_refused_before_keras_sees_it(monkeypatch, address):
    monkeypatch.setattr(keras.saving, "load_model", pytest.fail)
    with pytest.raises(ValueError, match="never from an address"):
        load(address)


@pytest.mark.parametrize("ending", [".keras", ".h5"])
def test_a_layer_that_keras_does_not_have_is_answered_with_what_to_do(tmp_path, ending):
    small_model(Doubling()).save(tmp_path / f"own{ending}")
    with pytest.raises(ValueError, match=r"load it yourself and pass the model.*custom_objects"):
        load(tmp_path / f"own{ending}")


@pytest.mark.parametrize("ending", [".keras", ".h5"])
def test_code_in_a_file_is_not_run(tmp_path, ending):
    small_model(layers.Lambda(lambda inputs: inputs * 2)).save(tmp_path / f"code{ending}")
    with pytest.raises(ValueError, match=r"holds Python code .*never run from a file"):
        load(tmp_path / f"code{ending}")


def test_half_a_file_is_refused_in_one_line(model, tmp_path):
    model.save(tmp_path / "whole.h5")
    data = (tmp_path / "whole.h5").read_bytes()
    (tmp_path / "half.h5").write_bytes(data[: len(data) // 2])
    with pytest.raises(ValueError, match=r"could not read 'half.h5' .*truncated") as raised:
        load(tmp_path / "half.h5")
    assert "\n" not in str(raised.value)


def test_a_process_without_safe_mode_loads_no_file(model, tmp_path, request):
    model.save(tmp_path / "model.keras")
    from keras.src.backend.common import global_state
    from keras.src.saving.serialization_lib import in_safe_mode

    before = in_safe_mode()
    request.addfinalizer(lambda: global_state.set_global_attribute("safe_mode_saving", before))
    keras.config.enable_unsafe_deserialization()
    with pytest.raises(RuntimeError, match="enable_unsafe_deserialization"):
        load(tmp_path / "model.keras")


# ---- Files of Keras 2


OLD = Path(__file__).parent / "keras2"


@pytest.mark.parametrize("name", ["plain", "mobile", "nested", "teachable"])
def test_an_h5_file_of_keras_2_answers_as_it_did_there(name):
    with np.load(OLD / "answers.npz") as answers:
        image, output = answers[f"{name}_image"], answers[f"{name}_output"]
    network = load(OLD / f"{name}.h5")
    assert network.name == name
    assert network.head == "softmax"
    np.testing.assert_allclose(network.probabilities(image), output, atol=1e-6)


def test_layers_from_keras_2_are_those_of_keras_3():
    (base,) = load(OLD / "nested.h5").model.layers[1:2]
    assert type(base.get_layer("depthwise")) is layers.DepthwiseConv2D


@pytest.mark.parametrize("setting", [{"groups": 2}, {"colour": "red"}])
def test_a_setting_that_would_change_the_numbers_is_not_dropped(setting, tmp_path):
    config = {"class_name": "DepthwiseConv2D", "config": {"name": "d", "kernel_size": 3, **setting}}
    assert keras2.modernised(config) == config
    changed = tmp_path / "mobile.h5"
    changed.write_bytes((OLD / "mobile.h5").read_bytes())
    with h5py.File(changed, "r+") as file:
        model = json.loads(file.attrs["model_config"])
        model["config"]["layers"][1]["config"].update(setting)
        file.attrs["model_config"] = json.dumps(model)
    with pytest.raises(ValueError, match="Keras could not read 'mobile.h5' as a model. It said: ") as refusal:
        load(changed)
    assert "\n" not in str(refusal.value)


def test_code_in_a_file_of_keras_2_is_not_run(tmp_path):
    changed = tmp_path / "code.h5"
    changed.write_bytes((OLD / "mobile.h5").read_bytes())
    with h5py.File(changed, "r+") as file:
        model = json.loads(file.attrs["model_config"])
        code = {"name": "d", "function": ["4wEAAAA=", None, None], "function_type": "lambda"}
        model["config"]["layers"][3] |= {"class_name": "Lambda", "config": code}
        file.attrs["model_config"] = json.dumps(model)
    with pytest.raises(ValueError, match="'code.h5' holds Python code .* never run from a file"):
        load(changed)


def test_a_keras_file_of_keras_2_is_answered_with_what_to_do(model, tmp_path):
    model.save(tmp_path / "new.keras")
    with zipfile.ZipFile(tmp_path / "new.keras") as new, zipfile.ZipFile(tmp_path / "old.keras", "w") as old:
        old.writestr("metadata.json", json.dumps({"keras_version": "2.15.0"}))
        old.writestr("config.json", json.dumps({"module": "tf_keras.src", "class_name": "Functional", "config": {}}))
        old.writestr("model.weights.h5", new.read("model.weights.h5"))
    with pytest.raises(ValueError, match=r"was written by Keras 2.15.0, .* save the model there as .h5"):
        load(tmp_path / "old.keras")


@pytest.mark.skipif("keras2_object" not in KINDS, reason="needs tf-keras: python -m pip install tf-keras")
def test_a_model_of_tf_keras_is_opened_as_it_is():
    model = KINDS["keras2_object"].build()
    assert load(model).model is model


# ---- keras.applications


@pytest.fixture
def downloads(monkeypatch):
    """Networks whose first three logits are the means of the channels; what was asked for, in order."""
    asked = []

    def stand_in(name):
        def build(weights):
            asked.append((name, weights))
            mean = layers.GlobalAveragePooling2D()
            logits = layers.Dense(1000, use_bias=False, kernel_initializer="identity")
            return keras.Sequential([keras.Input((8, 8, 3)), mean, logits])

        build.__module__ = getattr(keras.applications, name).__module__
        monkeypatch.setattr(keras.applications, name, build)

    for name in ("MobileNet", "ResNet50", "EfficientNetB0"):
        stand_in(name)
    return asked


def test_an_application_is_found_in_any_capitals_and_knows_its_classes(downloads):
    network = load("mobilenet")
    assert downloads == [("MobileNet", "imagenet")]
    assert network.name == "MobileNet"
    assert network.class_names == imagenet.class_names()


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("MobileNet", (-0.6, -0.2, 0.6)),  # to -1..1
        ("ResNet50", (204 - 103.939, 102 - 116.779, 51 - 123.68)),  # BGR, mean colour taken off
        ("EfficientNetB0", (51, 102, 204)),  # scales inside the model
    ],
)
def test_an_application_takes_pixels_through_its_own_preprocessing(downloads, name, expected):
    image = np.full((8, 8, 3), (51, 102, 204), np.float32)
    np.testing.assert_allclose(load(name).logits(image)[:3], expected, atol=1e-4)
    assert image[0, 0, 0] == 51  # Keras' preprocessing writes into arrays


def test_every_application_has_its_preprocessing():
    import inspect

    for name in applications.application_names():
        module = inspect.getmodule(getattr(keras.applications, name))
        assert callable(module.preprocess_input), name


def test_without_internet_an_application_is_refused_in_one_sentence(monkeypatch):
    failure = Exception("URL fetch failure on https://example.org/weights.h5: unreachable.")

    def unreachable(weights):
        raise failure

    monkeypatch.setattr(keras.applications, "ResNet50", unreachable)
    with pytest.raises(RuntimeError, match="weights of ResNet50 could not be downloaded") as raised:
        load("resnet50")
    assert raised.value.__cause__ is failure
    assert "choose a bundled network" in str(raised.value)
    assert "\n" not in str(raised.value)


def test_a_file_of_weights_is_told_from_one_of_a_model(tmp_path):
    path = tmp_path / "trained.weights.h5"
    KINDS["functional"].build().save_weights(path)
    with pytest.raises(ValueError, match=r"holds no model: build the model, call model.load_weights.* Received: "):
        load(str(path))
