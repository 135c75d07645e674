"""A method that repeats little: enough to see whether it works."""

from dataclasses import replace

from cnnviz_widgets.core.parameters import parameters_of


def quick(setting, times=4):
    """The method with the fewest repetitions that its sliders allow, but at most `times` of each kind."""
    counts = [name for name, parameter in parameters_of(setting).items() if getattr(parameter, "repeats", False)]
    return replace(setting, **{name: _few(setting, name, times) for name in counts})


def _few(setting, name, times):
    wanted = getattr(setting, name) or times  # 0 repeats as often as there is something
    return max(parameters_of(setting)[name].low, min(times, wanted))
