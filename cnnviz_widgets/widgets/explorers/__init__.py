"""The widgets that a person displays, one a file; a class put in here is in `cnnviz` by its name."""

from importlib import import_module
from pkgutil import iter_modules

from .session_explorer import SessionExplorer


def all_explorers() -> dict[str, type[SessionExplorer]]:
    """Return {name: class} of the explorers: those that have a page."""
    modules = [import_module(f"{__name__}.{file.name}") for file in iter_modules(__path__)]
    found = [each for module in modules for each in vars(module).values() if _is_explorer(each)]
    return {each.__name__: each for each in found if each.page}


def _is_explorer(thing):
    return isinstance(thing, type) and issubclass(thing, SessionExplorer)
