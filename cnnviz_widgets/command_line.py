"""The parser that all commands share, and the options by which one says what a network is."""

import argparse
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NoReturn, TypeVar

from cnnviz_widgets.core.class_names import class_names_in
from cnnviz_widgets.core.model_output import HEAD_OF
from cnnviz_widgets.core.pixel_conventions import STANDARDISATIONS, range_of

Parsed = TypeVar("Parsed")
RANGE = "--range"


class Parser(argparse.ArgumentParser):
    """An argument parser that reports a mistake in one sentence."""

    def parse_known_args(self, args: Sequence[str] | None = None, namespace: Any = None) -> Any:  # pyright: ignore
        """Parse; a range that begins below zero, `--range -1,1`, is no option."""
        given = list(args or ())
        for place in [index for index, text in enumerate(given[:-1]) if text == RANGE][::-1]:
            given[place : place + 2] = [f"{RANGE}={given[place + 1]}"]
        return super().parse_known_args(given if args is not None else None, namespace)

    def error(self, message: str) -> NoReturn:
        """Print the sentence and exit with code 2."""
        self.exit(2, f"{self.prog}: {message}\n")


def add_network_options(parser: argparse.ArgumentParser) -> None:
    """Add the options that say what the network takes, what its classes are, and what its output is."""
    parser.add_argument(
        RANGE,
        type=_said_by(range_of),
        metavar="LOW,HIGH",
        help="what black and white are for the network, such as 0,1 (default: 0,255)",
    )
    parser.add_argument(
        "--preprocess",
        choices=tuple(STANDARDISATIONS),
        help="torch: ImageNet's mean and deviation; caffe: BGR less the mean; tf: from -1 to 1 (default: none)",
    )
    parser.add_argument(
        "--classes",
        type=_said_by(_checked_file),
        metavar="FILE",
        help="the names of the classes in the order of the output: one a line, or a list or dictionary in JSON",
    )
    parser.add_argument(
        "--output-is",
        choices=tuple(HEAD_OF),
        help="what the numbers of the network's output are (default: what its last operations tell)",
    )


def network_options(chosen: argparse.Namespace) -> dict[str, Any]:
    """Return {option of `load`: value} of those options that were given."""
    said = {
        "value_range": chosen.range,
        "preprocess": chosen.preprocess,
        "class_names": chosen.classes and class_names_in(chosen.classes),
        "output_is": chosen.output_is,
    }
    return {name: value for name, value in said.items() if value is not None}


def _checked_file(text):
    """Return the absolute path of a file of class names."""
    class_names_in(text)
    return str(Path(text).resolve())


def _said_by(read: Callable[[str], Parsed]) -> Callable[[str], Parsed]:
    """Return a type of an option whose mistakes are told by the sentence of `read`."""

    def parsed(text):
        try:
            return read(text)
        except (OSError, ValueError, TypeError) as error:
            raise argparse.ArgumentTypeError(str(error)) from error

    return parsed
