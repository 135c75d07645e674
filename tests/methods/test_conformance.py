"""What every method must do, whichever it is: a new file in `methods/` is tested by these without another line."""

from dataclasses import fields, is_dataclass, replace
from functools import cache
from itertools import pairwise

import numpy as np
import pytest
from quick import quick

from cnnviz_widgets.core.method import FAMILIES, Method
from cnnviz_widgets.core.parameters import Choice, Slider, Switch, parameters_of
from cnnviz_widgets.core.result import COLOUR_MAP, COLOUR_TILES, MAP, PICTURE, PICTURES, TILES
from cnnviz_widgets.methods import all_methods
from cnnviz_widgets.request import compute, steps

SIDE = 12
# {family: (the kind of model, its layer)} on which its methods are tried; all others on the last. The layer conv1 is
# linear, so that it has both signs, with ReLUs behind it, so that their rules matter.
TRIED_ON = {
    "attention": ("vision_transformer_with_a_class_token", "attention in block1_attention"),
    "": ("functional", "conv1"),
}
RIDDLES = {"What", "How", "Whether", "Of", "Where", "Which", "In"}
every_method = pytest.mark.parametrize("method", all_methods(), ids=lambda method: method.__name__)


def tried_on(method):
    """(the kind of model, its layer) on which a method is tried."""
    return TRIED_ON.get(method.family, TRIED_ON[""])


@pytest.fixture
def small(opened, request):
    """The network on which the method of a test is tried."""
    return opened(tried_on(request.getfixturevalue("method"))[0])[1]


def asked(method, network, picture, target=0):
    """Keywords of `compute` for a method on its small network."""
    layer = tried_on(method)[1] if "layer" in method.uses else None
    return {"network": network, "image": picture, "target": target, "layer": layer}


def settings_near(default, network):
    """A setting for a small image, then one after the other that differs from it in one parameter."""
    yield default
    for name in parameters_of(default):
        for value in values_of(type(default), name, network):
            if value != getattr(default, name):
                yield replace(default, **{name: value})


def values_of(method, name, network):
    """Every option of a parameter, or both ends of its slider."""
    parameter = parameters_of(method)[name]
    if isinstance(parameter, Choice):
        return list(parameter.options)
    if isinstance(parameter, Switch):
        return [False, True]
    return list(method.slider_ends(name, SIDE, network.layer(tried_on(method)[1]))[:2])


@pytest.fixture(scope="module")
def results(opened, picture):
    """`results(method)`: what it gives at its defaults, at every option and at both ends of every slider."""

    def given(method):
        network = opened(tried_on(method)[0])[1]
        return [result_of(setting, network, picture) for setting in settings_near(method.suited_to(SIDE), network)]

    return cache(given)


def result_of(setting, network, picture, target=0):
    """The complete result of a setting, or None where it refuses, in a sentence, what it was asked."""
    try:
        return compute(setting, **asked(type(setting), network, picture, target))
    except ValueError as error:
        refusal = str(error)
    assert "Received: " in refusal
    assert "\n" not in refusal
    return None


@every_method
def test_it_says_what_it_is(method):
    assert issubclass(method, Method)
    assert is_dataclass(method)
    assert method.__dataclass_params__.frozen
    assert method.family in FAMILIES
    assert set(method.uses) <= {"image", "target", "layer"}
    for text in (method.title, method.summary, method.paper, method.__doc__):
        assert text
        assert text.strip() == text or text is method.__doc__
    assert method.summary.endswith(".")
    assert "\n" not in method.title + method.summary + method.paper


@every_method
def test_its_sentences_begin_with_a_noun_or_a_verb(method):
    sentences = [method.__doc__, method.summary, *(each.help for each in parameters_of(method).values())]
    assert [text for text in sentences if text.split()[0] in RIDDLES] == []


@every_method
def test_its_docstring_names_the_axes_of_the_result(method):
    assert "(" in method.__doc__
    assert any(axes in method.__doc__ for axes in ("height", "rows"))


@every_method
def test_every_field_is_a_parameter_with_a_help_text(method):
    assert [each.name for each in fields(method)] == list(parameters_of(method))
    for parameter in parameters_of(method).values():
        assert parameter.help.endswith(".")
        if isinstance(parameter, Choice):
            assert all(text.endswith(".") for text in parameter.options.values())


def test_titles_tell_the_methods_apart():
    titles = [method.title for method in all_methods()]
    assert len(titles) == len(set(titles))


@every_method
def test_it_runs_at_its_defaults_without_being_told_layer_or_target(method, small, picture):
    assert compute(method.suited_to(SIDE), small, picture).complete


@every_method
def test_it_runs_at_every_option_and_at_both_ends_of_every_slider(method, results):
    assert sum(result is None for result in results(method)) <= 1  # a stride that is larger than the window, say
    for result in filter(None, results(method)):
        assert np.isfinite(result.array).all()
        assert result.array.dtype == np.float32
        assert result.unit


@every_method
@pytest.mark.parametrize("end", [0, 1], ids=["low", "high"])
def test_it_runs_with_all_sliders_at_one_end(method, end, small, picture):
    sliders = {
        name: method.slider_ends(name, SIDE, small.layer(tried_on(method)[1]))[end]
        for name, parameter in parameters_of(method).items()
        if isinstance(parameter, Slider)
    }
    assert compute(replace(method(), **sliders), **asked(method, small, picture)).complete


@every_method
def test_its_progress_rises_to_one_with_a_whole_map_at_every_step(method, small, picture):
    small.cache.clear()
    results = list(steps(method.suited_to(SIDE), **asked(method, small, picture)))
    assert all(before.progress < after.progress for before, after in pairwise(results))
    assert results[0].progress > 0
    assert results[-1].progress == 1
    for result in results:
        assert result.array.shape == results[-1].array.shape
        assert np.isfinite(result.array).all()


@every_method
def test_its_array_has_the_axes_that_it_names(method, results, picture):
    for result in filter(None, results(method)):
        assert result.axes in (MAP, COLOUR_MAP, TILES, COLOUR_TILES, PICTURE, PICTURES)
        assert result.array.ndim == len(result.axes)
        assert (result.axes in (MAP, COLOUR_MAP)) == method.makes_map
        assert len(result.names) == (len(result.array) if result.axes[0] == "tile" else 0)
        assert result.axes != COLOUR_MAP or result.array.shape[-1] == picture.channels
        assert result.axes != COLOUR_TILES or result.array.shape[-1] == 3


@every_method
def test_an_unsigned_result_has_nothing_below_zero(method, results):
    for result in filter(None, results(method)):
        assert result.signed or result.array.min() >= 0


@every_method
def test_it_gives_the_same_numbers_again(method, small, picture):
    first = compute(quick(method.suited_to(SIDE)), **asked(method, small, picture))
    small.cache.clear()
    again = compute(quick(method.suited_to(SIDE)), **asked(method, small, picture))
    assert again is not first
    assert np.array_equal(again.array, first.array)


@every_method
def test_the_second_time_it_is_only_looked_up(method, small, picture):
    first = compute(quick(method.suited_to(SIDE)), **asked(method, small, picture))
    assert compute(quick(method.suited_to(SIDE)), **asked(method, small, picture)) is first


@every_method
def test_it_leaves_the_image_alone(method, small, picture):
    before = picture.array.copy()
    compute(quick(method.suited_to(SIDE)), **asked(method, small, picture))
    assert np.array_equal(picture.array, before)


def differ(one, other):
    if one is None or other is None:
        return False
    return one.array.shape != other.array.shape or not np.array_equal(one.array, other.array)


@every_method
def test_every_value_of_every_parameter_changes_the_result(method, small, picture):
    default = quick(method.suited_to(SIDE))
    for name in parameters_of(method):
        for one, other in pairwise(values_of(method, name, small)):
            assert any(
                differ(
                    result_of(replace(setting, **{name: one}), small, picture, target),
                    result_of(replace(setting, **{name: other}), small, picture, target),
                )
                for target in (0, 2)  # where nothing speaks against a class, a final ReLU has nothing to do
                for setting in settings_near(default, small)  # an input channel counts only where one is shown
            ), f"{method.__name__}: {name}={one!r} and {name}={other!r} always give the same"


@every_method
def test_it_refuses_parameters_that_make_no_sense_in_three_parts(method):
    for name, parameter in parameters_of(method).items():
        wrong = [None, "no such thing", float("nan"), [1]]
        wrong += [parameter.low - 1 if not parameter.per_image else 0] if isinstance(parameter, Slider) else []
        for value in wrong:
            with pytest.raises((TypeError, ValueError), match=rf"^{name} must be .* Received: {name}=") as refusal:
                method(**{name: value})
            assert "\n" not in str(refusal.value)


OTHERS = {
    "attention": ("vision_transformer", "vision_transformer_with_registers_at_both_ends"),
    "": ("nested_twice", "subclassed", "one_channel", "four_channels", "not_square", "any_size"),
}


@pytest.mark.parametrize(
    ("method", "name"),
    [(method, name) for method in all_methods() for name in OTHERS.get(method.family, OTHERS[""])],
    ids=lambda each: getattr(each, "__name__", each),
)
def test_it_runs_on_models_of_other_kinds(method, name, opened, image):
    kind, network = opened(name)
    result = compute(quick(method.suited_to(10)), network, image(kind))
    assert np.isfinite(result.array).all()
    assert result.array.any()


@every_method
def test_one_that_asks_for_gradients_at_the_image_says_how_far_they_must_go_back(method, small, picture, monkeypatch):
    network, asked_for = small.replica(), []
    monkeypatch.setattr(network, "gradient", lambda *given: asked_for.append(given) or small.gradient(*given))
    compute(quick(method.suited_to(SIDE)), **asked(method, network, picture))
    assert not asked_for or method.needs_slope != "none"
