"""Every kind of note is explained in the docs, is given by something, and shows its explanation beside it."""

import ast
import io
import re
from dataclasses import replace
from pathlib import Path

import keras
import numpy as np
import pytest
from keras import layers
from kinds import KINDS, AlwaysTraining
from PIL import Image

import cnnviz_widgets
from cnnviz_widgets.core.image import InputImage
from cnnviz_widgets.core.notes import PAGE, Note
from cnnviz_widgets.core.target import Target
from cnnviz_widgets.methods.ablation_cam import AblationCAM
from cnnviz_widgets.methods.cam import CAM
from cnnviz_widgets.methods.eigen_cam import EigenCAM
from cnnviz_widgets.methods.filters import Filters
from cnnviz_widgets.methods.grad_cam import GradCAM
from cnnviz_widgets.methods.grad_cam_plus_plus import GradCAMPlusPlus
from cnnviz_widgets.methods.gradient import Gradient
from cnnviz_widgets.methods.integrated_gradients import IntegratedGradients
from cnnviz_widgets.methods.lrp import LRP
from cnnviz_widgets.methods.maximal_activation import MaximalActivation
from cnnviz_widgets.methods.occlusion import Occlusion
from cnnviz_widgets.methods.raw_attention import RawAttention
from cnnviz_widgets.methods.rise import RISE
from cnnviz_widgets.methods.score_cam import ScoreCAM
from cnnviz_widgets.methods.x_grad_cam import XGradCAM
from cnnviz_widgets.network import Network
from cnnviz_widgets.request import compute
from cnnviz_widgets.widgets.parts.text import paragraph, say_notes
from cnnviz_widgets.widgets.parts.why import explanation

PACKAGE = Path(cnnviz_widgets.__file__).parent
PARTS = ("What it means.", "Why it matters.", "What to do.")


def kinds_in(source):
    """The kinds of the notes that a file makes: the first argument of every `Note(...)`."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "Note":
            (first, *_) = node.args
            if isinstance(first, ast.Constant):  # else it is another note's kind
                yield first.value


EVERY_KIND = sorted({kind for path in PACKAGE.rglob("*.py") for kind in kinds_in(path.read_text(encoding="utf-8"))})


# ---- The docs


@pytest.mark.parametrize("kind", EVERY_KIND)
def test_the_docs_say_what_it_means_why_it_matters_and_what_to_do(kind):
    paragraphs = explanation(Note(kind, "").link)
    assert [paragraph[: len(part)] for paragraph, part in zip(paragraphs, PARTS, strict=True)] == list(PARTS)


def test_a_link_is_an_anchor_of_the_page():
    headings = re.findall(r"^## (.+)$", PAGE.read_text(encoding="utf-8"), re.MULTILINE)
    assert len(headings) == len(set(headings))
    assert Note("cropped", "").link == "notes.md#cropped"
    assert {Note(kind, "").link for kind in EVERY_KIND} <= {f"{PAGE.name}#{heading}" for heading in headings}


# ---- Each is given by something


def small(name="functional", change=None, preprocess=None):
    model = KINDS[name].build()
    if change:
        change(model)
    return Network(model, value_range=(0, 1), preprocess=preprocess)


def squared_in_numpy(images):
    return np.square(np.asarray(memoryview(images)))


def dense(kernel=1.0, bias=(0, 0, 0, 0, 0)):
    """Scales the last layer's kernel and sets its bias."""

    def change(model):
        old, _ = model.get_layer("scores").get_weights()
        model.get_layer("scores").set_weights([old * kernel, np.array(bias, np.float32)])

    return change


def noise(*shape):
    return InputImage(np.random.default_rng(0).uniform(0, 1, shape or (12, 12, 3)))


def opened(pixels, form, **options):
    """The picture in a file of that form."""
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, form, **options)
    return InputImage.open(file.getvalue())


def pooled(against=False):
    """A linear network whose maps are the image, for or against the class."""
    image = keras.Input((4, 4, 1))
    maps = layers.Conv2D(1, 1, use_bias=False, kernel_initializer="ones", name="maps")(image)
    mean = layers.GlobalAveragePooling2D(keepdims=True, name="mean")(maps)
    model = keras.Model(image, layers.Dense(2, use_bias=False)(layers.Flatten()(mean)))
    model.layers[-1].set_weights([np.array([[-1.0, 1.0]])])
    return Network(model, value_range=(0, 1))


def one_number(bias=0.0):
    """A ReLU of twice the mean of 16 pixels, plus a bias; and nothing says what its one number is."""
    image = keras.Input((4, 4, 1))
    hidden = layers.Dense(1, activation="relu", name="hidden")
    model = keras.Model(
        image, layers.Dense(1, use_bias=False, kernel_initializer="ones")(hidden(layers.Flatten()(image)))
    )
    hidden.set_weights([np.full((16, 1), 2 / 16), np.array([bias])])
    return Network(model, value_range=(0, 1))


def silent(bias):
    image = keras.Input((6, 6, 1))
    hidden = layers.Conv2D(1, 3, activation="relu", kernel_initializer="ones")
    model = keras.Model(image, layers.Dense(2, kernel_initializer="ones")(layers.Flatten()(hidden(image))))
    hidden.set_weights([hidden.get_weights()[0], np.full(1, bias, np.float32)])
    return Network(model, value_range=(0, 1))


def monte_carlo():
    image = keras.Input((12, 12, 3))
    values = layers.Conv2D(4, 3, name="conv1")(image)
    values = AlwaysTraining(layers.Dropout(0.5, seed=1))(values)
    return keras.Model(image, layers.Dense(3)(layers.GlobalAveragePooling2D()(values)))


def overflowing(model):
    kernel = model.get_layer("conv1").kernel
    kernel.assign(np.full(kernel.shape, 60000.0))


def climbed(network, target=0, steps=30):
    method = replace(MaximalActivation.suited_to(6), steps=steps, pad=0, jitter=0)
    return compute(method, network, target=target)


RGB = np.random.default_rng(0).integers(0, 255, (20, 60, 3), np.uint8)
CLEAR = np.dstack([RGB, np.zeros((20, 60), np.uint8)])
GIVEN = {
    "conservation": lambda: compute(LRP(), small(), noise(), target=0),
    "barely_about_the_class": lambda: compute(LRP(rule="z-plus"), small(), noise(), target=0),
    "unlikely_target": lambda: compute(Gradient(), small(change=dense(0, [9, 0, 0, 0, 0])), noise(), target=1),
    "saturated": lambda: compute(Gradient(), small(change=dense(0, [9, 0, 0, 0, 0])), noise(), target=0),
    "hidden_head": lambda: compute(Gradient(), small("softmax_by_hand"), noise()),
    "random_network": lambda: compute(Gradient(), Network(monte_carlo(), value_range=(0, 1)), noise(), target=0),
    "overflow": lambda: compute(GradCAM(), small("mixed_float16", overflowing), noise(), target=0),
    "outside_value_range": lambda: compute(Gradient(), small(), InputImage(np.full((12, 12, 3), 90.0))),
    "assumed_range": lambda: compute(Gradient(), Network(KINDS["functional"].build()), opened(RGB, "PNG")),
    "cropped": lambda: compute(Gradient(), small(), opened(RGB, "PNG")),
    "shrunk": lambda: compute(Gradient(), small("any_size"), opened(RGB.repeat(2, axis=0).repeat(10, axis=1), "PNG")),
    "transparent": lambda: compute(Gradient(), small(), opened(CLEAR, "PNG")),
    "stretched": lambda: compute(Gradient(), small(), opened(RGB[..., 0].astype(np.float32), "TIFF")),
    "first_frame": lambda: compute(
        Gradient(), small(), opened(RGB, "GIF", save_all=True, append_images=[Image.fromarray(255 - RGB)])
    ),
    "not_finite": lambda: compute(Gradient(), small(change=dense(np.nan)), noise(), target=0),
    "constant": lambda: compute(Gradient(), small(change=dense(0)), noise(), target=0),
    "coverage": lambda: compute(Occlusion(4, 2), small(), noise()),
    "relus_rewritten": lambda: compute(Gradient(relu="guided"), small(), noise()),
    "barely_about_weights": lambda: compute(Gradient(relu="guided"), small(), noise()),
    "nothing_positive": lambda: compute(GradCAM(), pooled(), noise(4, 4, 1), target=0, layer="maps"),
    "behind_preprocess": lambda: compute(Gradient(), small(preprocess=squared_in_numpy), noise(), target=0),
    "mirrored_layer": lambda: compute(GradCAM(), small("mirrored_too"), noise(), target=0, layer="both/conv"),
    "single_cell": lambda: compute(GradCAM(), pooled(), noise(4, 4, 1), target=1, layer="mean"),
    "shares_the_score": lambda: compute(CAM(), pooled(), noise(4, 4, 1), target=1),
    "single_weights": lambda: compute(Filters(), pooled(), layer="maps"),
    "score_reached": lambda: climbed(silent(1)),
    "recognised": lambda: climbed(pooled(), target=1),
    "mistaken": lambda: climbed(small(change=dense(0, [9, 0, 0, 0, 0])), target=1),
    "relaxed_relus": lambda: climbed(silent(-5), steps=60),
    "unmoved": lambda: climbed(silent(-1000)),
    "first_of_several_outputs": lambda: compute(Gradient(), small("several_outputs"), noise(), target=0),
    "taken_as_logit": lambda: compute(Gradient(), one_number(), noise(4, 4, 1)),
    "completeness": lambda: compute(IntegratedGradients(steps=5), small(), noise()),
    "incomplete": lambda: compute(
        IntegratedGradients("black", "midpoint", 5), one_number(-0.89), np.full((4, 4, 1), 0.5)
    ),
    "equals_baseline": lambda: compute(
        IntegratedGradients("black", steps=5), small(), (noise(12, 12, 1).array > 0.5).repeat(3, 2)
    ),
    "standard_error": lambda: compute(RISE(masks=20), small(), noise(), target=0),
    "mean_score": lambda: compute(RISE(masks=20), small(), noise(), target=0),
    "taken_for": lambda: climbed(small(), Target(0) - Target(1), steps=2),
    "alpha_strayed": lambda: compute(GradCAMPlusPlus(), pooled(), np.full((4, 4, 1), -1.5), target=1, layer="maps"),
    "cancelled_activations": lambda: compute(
        XGradCAM(), pooled(), np.array([[[1.0], [-0.99]]] * 4).repeat(2, 1), target=1, layer="maps"
    ),
    "channels_left_out": lambda: compute(ScoreCAM(channels=2), small(), noise(), target=0, layer="conv1"),
    "no_mask": lambda: compute(ScoreCAM(), pooled(), noise(4, 4, 1), target=1, layer="mean"),
    "negative_score": lambda: compute(AblationCAM(), pooled(), noise(4, 4, 1), target=0, layer="maps"),
    "first_component": lambda: compute(EigenCAM(), small(), noise(), layer="conv1"),
    "attention_of": lambda: compute(RawAttention(), small("vision_transformer_with_a_class_token"), noise()),
    "fused_layers": lambda: compute(GradCAM(), small(), noise(), target=0, layer=["relu1", "conv2"]),
}


@pytest.mark.parametrize("kind", EVERY_KIND)
def test_something_gives_it_and_its_sentence_is_one(kind):
    found = {note.kind: note for note in GIVEN[kind]().notes}
    assert kind in found
    assert found[kind].text.endswith(".")
    assert "\n" not in found[kind].text


# ---- Those that are about how sure, how large, how often


def note_of(result, kind):
    return next((note for note in result.notes if note.kind == kind), None)


def test_saturated_names_the_class_and_its_probability_and_not_below_the_bound():
    sure = note_of(compute(Gradient(), small(change=dense(0, [9, 0, 0, 0, 0])), noise(), target=0), "saturated")
    expected = np.exp(9) / (np.exp(9) + 4)
    assert sure.numbers["probability"] == pytest.approx(expected, rel=1e-5)
    assert sure.text.startswith("The network is sure of class 0, by more than 99.9 %: probabilities hardly move here")
    almost = compute(Gradient(), small(change=dense(0, [8, 0, 0, 0, 0])), noise(), target=0)  # 0.9987
    assert note_of(almost, "saturated") is None


def test_overflow_names_the_first_layer_that_overflows_and_only_where_one_does():
    network = small("mixed_float16", overflowing)
    result = compute(Gradient(), network, noise(), target=0)
    assert note_of(result, "overflow").text.startswith("Activations of conv1 are infinite, or not a number, in half")
    assert note_of(compute(Gradient(), small("mixed_float16"), noise(), target=0), "overflow") is None
    assert (
        note_of(compute(Gradient(), small(change=overflowing), noise(), target=0), "overflow") is None
    )  # single precision
    assert network.overflow(InputImage(np.zeros((12, 12, 3)))) is None  # another image


def test_overflow_is_looked_for_again_when_the_weights_change():
    model = KINDS["mixed_float16"].build()
    network, image = Network(model, value_range=(0, 1)), noise()
    assert network.overflow(image) is None
    overflowing(model)
    assert network.overflow(image) == "conv1"


@pytest.mark.parametrize(
    ("window", "stride", "least", "most"), [(4, 4, 1, 1), (4, 2, 1, 4), (6, 2, 1, 9), (5, 3, 1, 4)]
)
def test_coverage_counts_the_windows_at_each_pixel(window, stride, least, most):
    note = note_of(compute(Occlusion(window, stride), small(), noise(), target=0), "coverage")
    assert note.numbers == {"least": least, "most": most}
    if most > 1:
        assert f"between {least} and {most} windows" in note.text
    else:
        assert "by 1 window," in note.text


# ---- Beside the picture


def test_a_note_on_the_page_opens_what_the_docs_say():
    widget = paragraph()
    say_notes(widget, GIVEN["barely_about_weights"]().notes)
    assert widget.value.count("<summary") == widget.value.count(">why?</summary>") == 2
    assert "randomised the weights of networks layer by layer" in widget.value


def test_names_in_notes_stay_words_and_unknown_kinds_have_no_why():
    widget, name = paragraph(), "<img src=x onerror=alert(1)>"
    say_notes(widget, [f"{name}:", Note("cropped", f"{name} was cut."), Note(name, name), Note("own", "Mine.")])
    assert "<img" not in widget.value
    assert widget.value.count("&lt;img") == 3
    assert widget.value.count("why?") == 1
