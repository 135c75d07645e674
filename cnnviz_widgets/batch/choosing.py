"""Methods made from words on the command line."""

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

from cnnviz_widgets.core.method import Method
from cnnviz_widgets.core.parameters import Choice, Slider, parameters_of
from cnnviz_widgets.methods import all_methods
from cnnviz_widgets.network import Network
from cnnviz_widgets.words import did_you_mean

WORDS = {"true": True, "yes": True, "on": True, "false": False, "no": False, "off": False}


def chosen_method(name: str, settings: Iterable[str]) -> tuple[type[Method], dict[str, Any]]:
    """Return (method class, {parameter: value}) for a name and texts of the form "parameter=value".

    Raises ValueError or TypeError, each with a sentence that says what would be right.
    """
    usable = {method.__name__: method for method in all_methods() if "image" in method.uses}
    if name not in usable:
        hint = did_you_mean(name, usable)
        raise ValueError(f"--method must be one of {', '.join(usable)}. {hint}Received: {name!r}.")
    method = usable[name]
    given = dict(_setting(method, text) for text in settings)
    replace(_changed(method(), given), **given)  # refuses impossible values
    return method, given


def suited_method(method: type[Method], given: dict[str, Any], network: Network) -> Method:
    """Return the method with the given parameters, the others suited to the size of the network's images."""
    height, width, _ = network.input_shape
    start = method() if height is None or width is None else method.suited_to(min(height, width))
    # `changed` adapts what was not given; what was given stays, or is refused.
    return replace(_changed(start, given), **given)


def _changed(method: Method, given: dict[str, Any]) -> Method:
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
    """Return the value that a text means; a text without a meaning stays text, which the parameter then refuses."""
    if isinstance(parameter, Choice):
        return next((option for option in parameter.options if str(option) == text), text)
    if not isinstance(parameter, Slider):
        return WORDS.get(text.lower(), text)
    try:
        return int(text) if isinstance(parameter.step, int) else float(text)
    except ValueError:
        return text
