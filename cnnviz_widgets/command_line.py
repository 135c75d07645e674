"""The parser that all commands share."""

import argparse
from typing import NoReturn

from cnnviz_widgets.core.model_output import HEAD_OF


class Parser(argparse.ArgumentParser):
    """An argument parser that reports a mistake in one sentence."""

    def error(self, message: str) -> NoReturn:
        """Print the sentence and exit with code 2."""
        self.exit(2, f"{self.prog}: {message}\n")


def add_output_is(parser: argparse.ArgumentParser) -> None:
    """Add the option `--output-is`."""
    parser.add_argument(
        "--output-is",
        choices=tuple(HEAD_OF),
        help="what the numbers of the network's output are (default: what its last operations tell)",
    )
