"""The app as a page: Voila in this process, on this computer only. Every notebook of ours is a page beside it.

The `voila` command would not do: a page must not wait for the internet, a port must be known before anything starts,
the kernel must be this very Python, and a person should read one line instead of a log.
"""

import logging
import os
import shutil
import signal
import sys
import threading
import webbrowser
from collections.abc import Callable
from pathlib import Path
from socket import socket
from typing import Any

from jupyter_client.kernelspec import KernelSpec, KernelSpecManager
from tornado.httpserver import HTTPServer
from tornado.ioloop import IOLoop
from tornado.netutil import bind_sockets
from traitlets.config import Config
from voila.app import Voila
from voila.tornado.handler import TornadoVoilaHandler

HOST = "127.0.0.1"
HERE = Path(__file__).parent
CHECKOUT = HERE.parents[1]
FRONT = "explorer.ipynb"
# Ports that are tried one after another where the person named none.
ATTEMPTS = 100
# A page that is closed ends its kernel; a crashed one cannot, so kernels without a page end after this. Seconds.
FORGOTTEN, LOOK_EVERY = 120, 20
# The largest message from a page; the default of 10 MB silently loses an uploaded photograph.
MESSAGE_BYTES = 100 * 2**20


def reserve(port: int, or_next: bool = False) -> tuple[list[socket], int]:
    """Return (listening sockets, port) on `port`, or on the next free one. Raises OSError when there is none."""
    problem = OSError()
    for candidate in range(port, min(port + ATTEMPTS, 65536) if or_next else port + 1):
        try:
            return bind_sockets(candidate, HOST), candidate
        except OSError as error:
            problem = error
    raise OSError(f"The port must be free and allowed; try another --port. Received: {port} ({problem.strerror}).")


def notebooks() -> Path:
    """Return the folder of the pages: beside this file in an installed package, `notebooks/` in a checkout."""
    for folder in (HERE, CHECKOUT):
        if (folder / "notebooks" / FRONT).is_file():
            return folder / "notebooks"
    raise FileNotFoundError(f"The app needs its notebook {FRONT} in the package. Received: {HERE} without it.")


def serve(
    sockets: list[socket],
    port: int,
    theme: str = "light",
    browser: bool = True,
    announce: Callable[[str], object] = print,
) -> None:
    """Show the app until SIGINT or SIGTERM, then end its kernels. `announce(address)` is called when it is ready.

    Kernels are not started ahead of pages (Voila's "preheating"): measured, the first picture came no sooner, and the
    kernel that waits for a page that may never come holds half a gigabyte.
    """
    config = configuration(port, theme)
    # As the one instance, because the application's instance logs the failures of notebooks.
    server = Page.instance(sockets, browser, announce, config=config, notebook_path=str(notebooks() / FRONT))
    server.initialize([])
    server.start()


def configuration(port: int, theme: str) -> Config:
    """Return the configuration of Voila."""
    config = Config()
    config.Voila.ip = HOST
    config.Voila.port = port
    config.Voila.log_level = logging.ERROR
    config.Voila.config_file_paths = []  # a voila.py in the current folder would be executed
    config.Voila.tornado_settings = {
        "websocket_max_message_size": MESSAGE_BYTES,
        # Other names for this computer are refused, or any web site could talk to the app by renaming itself.
        "allow_remote_access": False,
        "ws_ping_timeout": 30_000,  # ms; not above the interval, or every page logs a complaint
    }
    config.VoilaConfiguration.theme = theme
    config.VoilaConfiguration.strip_sources = True
    config.VoilaConfiguration.show_tracebacks = False
    config.VoilaConfiguration.allow_template_override = "NO"
    config.VoilaConfiguration.allow_theme_override = "NO"
    config.VoilaConfiguration.file_allowlist = []
    config.VoilaConfiguration.kernel_spec_manager_class = ThisPython
    # This extension is made for Notebook 7's own page and fails on any other.
    config.VoilaConfiguration.extension_denylist = ["@jupyter-notebook/lab-extension"]
    config.VoilaExecutor.cell_error_instruction = "The reason is in the terminal in which the app was started."
    config.MappingKernelManager.cull_idle_timeout = FORGOTTEN
    config.MappingKernelManager.cull_interval = LOOK_EVERY
    return config


class ThisPython(KernelSpecManager):
    """Kernels of the Python that runs the server, whatever kernels the person has installed."""

    def get_kernel_spec(self, kernel_name: str) -> KernelSpec:
        """Return the only kernel."""
        command = [sys.executable, "-m", "ipykernel_launcher", "-f", "{connection_file}", "--log-level=ERROR"]
        return KernelSpec(argv=command, env=_environment(), display_name="Python 3", language="python")

    def get_all_specs(self) -> dict[str, dict]:
        """Return the only kernel under the name that notebooks ask for."""
        return {"python3": {"resource_dir": "", "spec": self.get_kernel_spec("python3").to_dict()}}


def _environment() -> dict[str, str]:
    """Return the variables that a kernel needs beside our own environment."""
    needed = {"PYDEVD_DISABLE_FILE_VALIDATION": "1"}  # or the unused debugger complains in our terminal
    if notebooks().parent == CHECKOUT:
        # Kernels run in the notebook's folder, from where they do not find a checkout that is not installed.
        needed["PYTHONPATH"] = os.pathsep.join(filter(None, [str(CHECKOUT), os.environ.get("PYTHONPATH")]))
    return needed


class NotebookPage(TornadoVoilaHandler):
    """A notebook as a page."""

    async def prepare(self) -> None:
        """Give the page the token without which its last message, to end its kernel, is refused."""
        await super().prepare()
        self.xsrf_token  # noqa: B018  asking for it sets the cookie


class Page(Voila):
    """Voila, on sockets that are already open."""

    def __init__(self, sockets: list[socket], browser: bool, announce: Callable[[str], object], **settings: Any):
        super().__init__(**settings)
        self._sockets, self._browser, self._announce = sockets, browser, announce

    def setup_template_dirs(self) -> None:
        """Put our template first: it is Voila's own, without the parts from the internet."""
        super().setup_template_dirs()
        self.template_paths = [str(HERE / "templates"), *self.template_paths]

    def init_handlers(self) -> list:
        """Return the handlers: each notebook has its own name as address, the front page has all other addresses."""
        voilas: Any = super().init_handlers()
        *handlers, (rest, _, front) = voilas
        anywhere = {name: value for name, value in front.items() if name != "notebook_path"}
        return [*handlers, (r"/(\w+\.ipynb)", NotebookPage, anywhere), (rest, NotebookPage, front)]

    def listen(self) -> None:
        """Serve until a signal says stop."""
        HTTPServer(self.app).add_sockets(self._sockets)
        self.ioloop = IOLoop.current()
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, self._handle_signal_stop)
        address = f"http://{HOST}:{self.port}/"
        self._announce(address)
        if self._browser:
            # A browser that is not running yet may keep this call for as long as it runs.
            threading.Thread(target=webbrowser.open, args=[address], daemon=True).start()
        self.ioloop.start()
        self.stop()

    def stop(self) -> None:
        """End the kernels and leave no files behind."""
        from jupyter_core.utils import run_sync

        run_sync(self.kernel_manager.shutdown_all)(now=True)
        shutil.rmtree(self.connection_dir, ignore_errors=True)
