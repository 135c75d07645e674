"""What must hold of the package: every file in here that is no test adds to the one table, `PROPERTIES`."""

from importlib import import_module
from pkgutil import iter_modules

from .framework import PROPERTIES

for _file in iter_modules(__path__):
    if not _file.name.startswith("test_"):
        import_module(f"{__name__}.{_file.name}")

TABLE = tuple(PROPERTIES[number] for number in sorted(PROPERTIES))
