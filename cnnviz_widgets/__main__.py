"""`python -m cnnviz_widgets`: the app in the browser; `python -m cnnviz_widgets explain FOLDER`: maps of a folder."""

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from cnnviz_widgets.app.options import DEFAULT, IMAGE, NETWORK, find_image, find_sample, said_in_variables
from cnnviz_widgets.networks.naming import checked_network

from . import __version__
from .command_line import Parser, add_network_options
from .networks import names

PORT = 8866

EXAMPLES = """\
examples:
  cnnviz                                            the bundled ImageNet network and a cat
  cnnviz --network digits                           a small network that reads handwritten digits
  cnnviz --network my_model.keras --image cat.jpg   your own
  cnnviz --network my_model.keras --range 0,1 --classes names.txt
                                                    pixels from 0 to 1, and what the classes are called
  cnnviz --no-browser --port 9000                   print the address, open nothing
  cnnviz explain --help                             maps of a whole folder of pictures, without a browser

`cnnviz` and `python -m cnnviz_widgets` are the same. End it with Ctrl-C.
"""


def parser() -> Parser:
    """Return the parser of the command's options."""
    made = Parser(
        prog="cnnviz",
        description="Look inside a convolutional network, live, in the browser.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    made.add_argument(
        "--network",
        default=DEFAULT,
        metavar="NAME_OR_PATH",
        help=f"{', '.join(names())}, the name of a network in keras.applications (its weights are downloaded once), "
        "or a .keras or .h5 file (default: %(default)s)",
    )
    add_network_options(made)
    made.add_argument(
        "--image",
        metavar="SAMPLE_OR_PATH",
        help="name or number of a sample image, or a picture file (default: the first sample)",
    )
    made.add_argument(
        "--port", type=_port, help=f"port on this computer (default: {PORT}, or the next one that is free)"
    )
    made.add_argument("--theme", choices=("light", "dark"), default="light", help="colours of the page")
    made.add_argument("--no-browser", action="store_true", help="only print the address")
    made.add_argument("--version", action="version", version=f"cnnviz_widgets {__version__}")
    return made


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command: check every option, then serve until Ctrl-C. Returns the exit code."""
    arguments = sys.argv[1:] if arguments is None else list(arguments)
    if arguments[:1] == ["explain"]:
        from cnnviz_widgets.batch.command import explain

        return explain(arguments[1:])
    chosen = parser().parse_args(arguments)
    try:
        # All mistakes are found here, before a server starts and without TensorFlow.
        network = checked_network(chosen.network)
        image = chosen.image and checked_image(chosen.image, network)
        from cnnviz_widgets.app.server import reserve, serve

        sockets, port = reserve(chosen.port or PORT, or_next=chosen.port is None)
    except (OSError, ValueError) as error:
        parser().error(str(error))
    except KeyboardInterrupt:
        return 130
    os.environ[NETWORK] = network
    os.environ[IMAGE] = image or ""
    os.environ.update(said_in_variables(chosen.output_is, chosen.range, chosen.preprocess, chosen.classes))
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")  # the kernels share our terminal

    def announce(address):
        print(f"cnnviz_widgets is at {address} and shows {Path(network).name}. Ctrl-C ends it.", flush=True)

    serve(sockets, port, chosen.theme, not chosen.no_browser, announce)
    return 0


def checked_image(text: str, network: str) -> str:
    """Return a sample's name, or the absolute path of a picture that can be opened.

    Raises ValueError or OSError, each with a sentence that says what would be right.
    """
    find_image(text, network)
    return text if find_sample(text, network) else str(Path(text).resolve())


def _port(text):
    number = int(text) if text.isascii() and text.isdigit() else 0
    if not 1 <= number <= 65535:
        raise argparse.ArgumentTypeError(f"a port is a number from 1 to 65535. Received: {text!r}.")
    return number


if __name__ == "__main__":
    sys.exit(main())
