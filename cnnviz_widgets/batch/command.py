"""`python -m cnnviz_widgets explain FOLDER --out FOLDER`: a map of each picture in a folder, and a table of scores."""

import argparse
import hashlib
import logging
import os
import socket
from collections.abc import Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cnnviz_widgets.command_line import Parser, add_network_options, network_options
from cnnviz_widgets.core.method import Method
from cnnviz_widgets.networks import default_name, load, names
from cnnviz_widgets.networks.naming import checked_network

from . import answered_items
from .choosing import chosen_method, suited_method
from .feeding import paired
from .folder import MapFolder, pictures_in
from .progress import Progress
from .scores import measured, row_of
from .work import Question

# Where this many pictures are refused for the same reason before the first map, the pictures are not the cause.
ENOUGH = 10
SECONDS = 20  # for a scheduler to answer

EXAMPLES = """\
examples:
  cnnviz explain photos --out maps
  cnnviz explain photos --out maps --method Occlusion --set window=32 --set stride=16 --target "Egyptian cat"
  cnnviz explain photos --out maps --network my_model.keras --layer conv5 --dask tcp://127.0.0.1:8786

Ctrl-C stops it, and the same command goes on where it stopped. Exit code 0: every picture has its map; 1: some were
skipped, or the work broke off; 2: something in the command is wrong; 130: stopped by Ctrl-C.
"""


def explain_parser() -> Parser:
    """Return the parser of the command's options."""
    made = Parser(
        prog="cnnviz explain",
        description="One map for each picture in a folder, as .npy and .png, and their scores in a table.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    made.add_argument("folder", metavar="FOLDER", help="pictures, also in folders inside it")
    made.add_argument("--out", required=True, metavar="FOLDER", help="where maps, scores.csv and skipped.csv go")
    made.add_argument("--method", default="GradCAM", metavar="NAME", help="how to explain (default: %(default)s)")
    made.add_argument(
        "--set", action="append", default=[], metavar="NAME=VALUE", help="a parameter of the method; may be repeated"
    )
    made.add_argument(
        "--network",
        default=default_name(),
        metavar="NAME_OR_PATH",
        help=f"{', '.join(names())}, a name in keras.applications, or a .keras or .h5 file (default: %(default)s)",
    )
    add_network_options(made)
    made.add_argument("--target", metavar="CLASS", help="name or number of a class (default: each picture's top class)")
    made.add_argument("--layer", metavar="PATH", help="which layer to look at (default: the method's own choice)")
    made.add_argument("--dask", metavar="ADDRESS", help="a Dask scheduler whose workers do it, tcp://...")
    made.add_argument("--overwrite", action="store_true", help="begin anew where the folder holds other maps")
    return made


@dataclass(frozen=True)
class Task:
    """The work of the command, checked as far as possible without TensorFlow."""

    source: Path
    names: list[str]
    others: int
    method: type[Method]
    given: dict[str, Any]
    network: str
    output: MapFolder


def explain(arguments: Sequence[str] | None = None) -> int:
    """Run the command, and return the exit code."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    logging.basicConfig(format="%(message)s")  # the details of what goes wrong inside
    parser = explain_parser()
    chosen = parser.parse_args(arguments)
    with ExitStack() as stack:
        try:
            task = _task(chosen)
            stack.enter_context(closing(task.output))
            left = sorted(set(task.names) - task.output.begin(task.source))
            client = stack.enter_context(_client(chosen.dask)) if chosen.dask and left else None
            return _explained(task, left, client, chosen)
        except (OSError, ValueError, TypeError) as error:
            parser.error(str(error))
        except RuntimeError as error:
            print(f"{parser.prog}: {error} The same command goes on from here.", flush=True)
            return 1
        except KeyboardInterrupt:
            print("Stopped. The same command goes on from here.", flush=True)
            return 130


def _task(chosen):
    source, out = Path(chosen.folder), Path(chosen.out)
    if not source.is_dir():
        raise ValueError(f"FOLDER must be a folder of pictures. Received: {chosen.folder!r}.")
    if out.exists() and not out.is_dir():
        raise ValueError(f"--out must be a folder, or a name for a new one. Received: {chosen.out!r}, a file.")
    if out.resolve() == source.resolve():
        raise ValueError(f"--out must be another folder than that of the pictures. Received: {chosen.out!r} for both.")
    method, given = chosen_method(chosen.method, chosen.set)
    network = checked_network(chosen.network)
    found, others = pictures_in(source, out.resolve())
    if not found:
        raise ValueError(f"FOLDER must hold pictures. Received: {chosen.folder!r}, which holds {others} other files.")
    settings = {
        "folder": str(source.resolve()),
        "network": network,
        "network digest": _digest(network),
        "output is": chosen.output_is,
        "range": chosen.range and list(chosen.range),
        "preprocess": chosen.preprocess,
        "classes": list(network_options(chosen).get("class_names", ())) or None,
        "method": method.__name__,
        "parameters": given,
        "target": chosen.target,
        "layer": chosen.layer,
    }
    return Task(source, found, others, method, given, network, MapFolder(out, settings, chosen.overwrite))


def _explained(task, left, client, chosen):
    """Make the missing maps, print a summary, and return the exit code."""
    bad = []
    with Progress(len(left)) as progress:
        if left:
            network = load(task.network, **network_options(chosen))
            network.class_names  # noqa: B018  a wrong number of names is wrong for every picture
            method = suited_method(task.method, task.given, network)
            question = Question.of(method, network, chosen.layer, beside=measured)
            target = _target(network, chosen.target)
            paths = (task.source / name for name in left)
            with closing(answered_items(question, network, paired(paths, target), client)) as found:
                for name, (item, answer) in zip(left, found, strict=True):
                    if isinstance(answer, str):
                        bad.append((name, answer))
                        task.output.skip(name, answer)
                        _check_hope(bad, progress, item)
                    else:
                        result = answer.result_for(question, item, network)
                        task.output.keep(name, result, row_of(name, result, answer.beside))
                    progress.step(skipped=isinstance(answer, str))
    for name, sentence in bad:
        print(f"Skipped {name}: {sentence}")
    print(_summary(task, len(left), len(bad)), flush=True)
    return 1 if bad else 0


def _check_hope(bad, progress, item):
    """Stop where the first pictures could be opened and are all refused for one reason, as the others will be."""
    reasons = {sentence for _, sentence in bad}
    if item.image is not None and len(reasons) == 1 and len(bad) == ENOUGH and progress.done == ENOUGH - 1:
        raise ValueError(f"{reasons.pop()} So it was for each of the first {ENOUGH} pictures.")


def _summary(task, tried, bad):
    parts = [f"{_counted(len(task.names) - bad, 'map')} in {task.output.folder}"]
    if before := len(task.names) - tried:
        parts.append(f"{before} of them from before")
    if bad:
        parts.append(f"{_counted(bad, 'picture')} skipped, see skipped.csv")
    if task.others:
        parts.append(f"{_counted(task.others, 'other file')} left alone")
    return "; ".join(parts) + "."


def _counted(count, thing):
    return f"{count} {thing}" + ("" if count == 1 else "s")


def _target(network, text):
    """Return the class that a name or a number means; None for each picture's own top class."""
    if text is None:
        return None
    number = text.isascii() and text.isdigit() and text not in network.class_names
    return network.target(int(text) if number else text)


def _client(address):
    try:
        from distributed import Client
        from distributed.comm.addressing import parse_host_port
    except ImportError as error:
        raise ValueError(
            f'--dask needs Dask: pip install "cnnviz-widgets[dask]". Received: {address!r}, and no Dask.'
        ) from error
    for logger in ("distributed", "distributed.client"):  # they print tracebacks where we print a sentence
        logging.getLogger(logger).setLevel(logging.CRITICAL)
    try:
        # Dask itself would try for a long time.
        socket.create_connection(parse_host_port(address.split("://")[-1]), SECONDS).close()
        client = Client(address, timeout=SECONDS, set_as_default=False)
    except (OSError, ValueError, TypeError) as error:
        raise ValueError(
            "--dask must be the address of a running Dask scheduler, such as tcp://127.0.0.1:8786. "
            f"Received: {address!r}."
        ) from error
    try:
        client.wait_for_workers(1, timeout=SECONDS)
    except TimeoutError as error:
        client.close()
        raise ValueError(f"The Dask scheduler must have workers. Received: {address!r}, which has none.") from error
    return client


def _digest(network):
    """Return a digest of a model file's content, which tells maps of two versions of a model apart."""
    return hashlib.blake2b(Path(network).read_bytes(), digest_size=16).hexdigest() if os.sep in network else None
