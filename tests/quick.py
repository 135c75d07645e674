"""Methods as tests ask them: one that repeats little, and those that any convolutional network can answer."""

from dataclasses import replace

from cnnviz_widgets.core.parameters import parameters_of
from cnnviz_widgets.methods import all_methods

# A network of convolutions has no attention; what it says to methods about that is in `methods/test_attention.py`.
OF_CONVOLUTIONS = tuple(method for method in all_methods() if method.family != "attention")


def quick(setting, times=4):
    """The method with the fewest repetitions that its sliders allow, but at most `times` of each kind."""
    counts = [name for name, parameter in parameters_of(setting).items() if getattr(parameter, "repeats", False)]
    return replace(setting, **{name: _few(setting, name, times) for name in counts})


def _few(setting, name, times):
    wanted = getattr(setting, name) or times  # 0 repeats as often as there is something
    return max(parameters_of(setting)[name].low, min(times, wanted))
