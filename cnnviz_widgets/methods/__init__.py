"""One file per method. A file dropped in here is in every dropdown, in the docs' table and in the conformance tests."""

from importlib import import_module
from pkgutil import iter_modules

from cnnviz_widgets.core.method import Method, registered


def all_methods() -> tuple[type[Method], ...]:
    """Return the method classes in display order; each has `title`, `summary`, `uses`, `paper` and its parameters."""
    return registered()


for _file in iter_modules(__path__):
    import_module(f"{__name__}.{_file.name}")
