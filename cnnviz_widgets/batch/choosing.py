"""From words on the command line to a method."""

from dataclasses import replace

from cnnviz_widgets.core.parameters import Choice, Slider, parameters_of
from cnnviz_widgets.methods import all_methods
from cnnviz_widgets.words import did_you_mean

WORDS = {"true": True, "yes": True, "on": True, "false": False, "no": False, "off": False}


def chosen_method(name, settings):
    """(method class, {parameter: value}) for a name and a list of "parameter=value", or a ValueError or TypeError."""
    usable = {method.__name__: method for method in all_methods() if "image" in method.uses}
    if name not in usable:
        hint = did_you_mean(name, usable)
        raise ValueError(f"--method must be one of {', '.join(usable)}. {hint}Received: {name!r}.")
    method = usable[name]
    given = dict(_setting(method, text) for text in settings)
    replace(_changed(method(), given), **given)  # refuses values that there cannot be
    return method, given


def suited(method, given, network):
    """The method with its parameters, where they depend on the images for those of the network."""
    sides = network.input_shape[:2]
    start = method() if None in sides else method.suited_to(min(sides))
    # `changed` adapts what was not given; what was given stays, or is refused.
    return replace(_changed(start, given), **given)


def _changed(method, given):
    for name, value in given.items():
        method = method.changed(name, value)
    return method


def _setting(method, text):
    name, equals, value = text.partition("=")
    known = parameters_of(method)
    if not equals or name not in known:
        listed = ", ".join(known) or "none"
        raise ValueError(
            f"--set must be NAME=VALUE, where {method.__name__} has the parameters {listed}. "
            f"{did_you_mean(name, known)}Received: {text!r}."
        )
    return name, _value(name, known[name], value)


def _value(name, parameter, text):
    """The value that is meant by a text; one that means none stays text, which the parameter then refuses."""
    if isinstance(parameter, Choice):
        return next((option for option in parameter.options if str(option) == text), text)
    if not isinstance(parameter, Slider):
        return WORDS.get(text.lower(), text)
    try:
        return int(text) if isinstance(parameter.step, int) else float(text)
    except ValueError:
        return text
