"""Real servers, a real Chromium: fixtures that open a notebook as a person would see it.

``voila(cells)``, ``jupyterlab(cells)`` and ``notebook7(cells)`` write a notebook with those cell sources, open it, run
it, and return an `OpenNotebook`; instead of cells they take the path of a notebook, of which they open a copy.
``open_notebook(app, cells)`` is the same for the whole session, for tests that share one page: a page costs 3 to 7
seconds. Servers start once a session, on 127.0.0.1, with their own configuration.
"""

import json
import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
import uuid
from pathlib import Path

import pytest

import cnnviz_widgets

HOW_TO_GET_IT = (
    "No Chromium found: `apt-get install chromium`, or `python -m playwright install chromium`, "
    "or set CNNVIZ_CHROMIUM to the path of one."
)
FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
TIMEOUT = 60_000  # ms; a page that takes longer is broken
# Kernels outlive closed pages in all three applications.
CULL = ("--MappingKernelManager.cull_idle_timeout=20", "--MappingKernelManager.cull_interval=5")
# Console errors that are not ours. Each is (a piece of the message or of its address, why it is harmless).
HARMLESS = (
    ("cdn.jsdelivr.net", "Voila's page asks a CDN for Font Awesome; there may be no internet"),
    ("@jupyter-notebook/lab-extension", "Notebook's extension does not fit into Voila's page"),
    ("/api/kernels?", "Voila refuses to list kernels"),
    ("favicon", "no icon is served"),
)

RUN_ALL = """async () => {
    const app = window.jupyterapp;
    await app.restored;
    const panel = app.shell.currentWidget;
    await panel.context.ready;
    await panel.sessionContext.ready;
    await app.commands.execute('notebook:run-all-cells');
}"""


def pytest_configure(config):
    config.addinivalue_line("markers", "browser: drives a real Chromium")


def pytest_collection_modifyitems(items):
    here = Path(__file__).parent
    for item in items:
        if here in item.path.parents:
            item.add_marker(pytest.mark.browser)


def chromium_path():
    """The Chromium of this machine, or None."""
    named = os.environ.get("CNNVIZ_CHROMIUM")
    if named:
        return named
    for name in ("chromium", "chromium-browser", "google-chrome"):
        if found := shutil.which(name):
            return found
    return None


@pytest.fixture(scope="session")
def chromium():
    """A running headless Chromium. Without one: skipped, but under CI a failure."""
    try:
        from playwright.sync_api import Error, sync_playwright
    except ImportError:
        _missing("Playwright is not installed: `python -m pip install playwright`.")
    with sync_playwright() as playwright:
        path = chromium_path()
        if path is None and Path(playwright.chromium.executable_path).exists():
            path = playwright.chromium.executable_path
        if path is None:
            _missing(HOW_TO_GET_IT)
        try:
            browser = playwright.chromium.launch(executable_path=path, args=list(FLAGS))
        except Error as error:
            _missing(f"{HOW_TO_GET_IT} {path} did not start: {error}")
        yield browser
        browser.close()


def _missing(reason):
    if os.environ.get("CI"):
        pytest.fail(reason)
    pytest.skip(reason)


COMMANDS = {
    "voila": ("voila", ".", "--no-browser", "--Voila.ip=127.0.0.1", "--show_tracebacks=True"),
    "jupyterlab": ("jupyterlab", "--LabApp.expose_app_in_browser=True"),
    "notebook7": ("notebook", "--JupyterNotebookApp.expose_app_in_browser=True"),
}
HEALTH = {"voila": "voila/static/", "jupyterlab": "api", "notebook7": "api"}  # starts no kernel
NO_NEWS = {"fetchNews": "false", "checkForUpdates": False}  # JupyterLab's question would cover the notebook


class Server:
    """Voila, JupyterLab or Notebook 7 as a process of its own, serving one folder."""

    def __init__(self, app, folder):
        self.app, self.folder = app, folder
        self.notebooks = folder / "notebooks"
        self.notebooks.mkdir(parents=True)
        settings = folder / "config/lab/user-settings/@jupyterlab/apputils-extension"
        settings.mkdir(parents=True)
        (settings / "notification.jupyterlab-settings").write_text(json.dumps(NO_NEWS))
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}/"
        with open(folder / "log.txt", "w") as log:
            self.process = subprocess.Popen(
                self._command(), cwd=self.notebooks, env=self._environment(), stdout=log, stderr=log
            )

    def _command(self):
        command = [sys.executable, "-m", *COMMANDS[self.app], *CULL, f"--port={self.port}"]
        if self.app != "voila":
            command += ["--no-browser", "--ip=127.0.0.1", "--IdentityProvider.token=", "--allow-root"]
            command += [f"--LabApp.workspaces_dir={self.folder / 'workspaces'}"]
        return command

    def _environment(self):
        """Nothing of the person's own settings; kernels import the package that these tests import."""
        package = str(Path(cnnviz_widgets.__file__).parents[1])
        return {
            **os.environ,
            "JUPYTER_CONFIG_DIR": str(self.folder / "config"),
            "JUPYTER_DATA_DIR": str(self.folder / "data"),
            "JUPYTER_RUNTIME_DIR": str(self.folder / "runtime"),
            "IPYTHONDIR": str(self.folder / "ipython"),
            "PYTHONPATH": os.pathsep.join(filter(None, [package, os.environ.get("PYTHONPATH")])),
        }

    def wait(self):
        """Until it answers, at an address that starts no kernel."""
        end = time.monotonic() + TIMEOUT / 1000
        while time.monotonic() < end:
            if self.process.poll() is not None:
                break
            try:
                urllib.request.urlopen(self.url + HEALTH[self.app], timeout=2)
                return
            except urllib.error.HTTPError:
                return  # it answers, if only with "no"
            except OSError:
                time.sleep(0.05)
        pytest.fail(f"{self.app} did not start:\n{(self.folder / 'log.txt').read_text()[-3000:]}")

    def address(self, notebook):
        path = {"voila": "voila/render/{}", "jupyterlab": "lab/tree/{}?reset", "notebook7": "notebooks/{}"}
        return self.url + path[self.app].format(notebook)

    def stop(self):
        """End the server and then any kernel it left behind; kernels are its children."""
        import psutil

        children = psutil.Process(self.process.pid).children(recursive=True) if self.process.poll() is None else []
        self.process.terminate()
        try:
            self.process.wait(15)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        for child in psutil.wait_procs(children, timeout=5)[1]:
            child.kill()


@pytest.fixture(scope="session")
def servers(tmp_path_factory):
    """``servers(app)``: the running server of "voila", "jupyterlab" or "notebook7", started when first asked for."""
    running = {}

    def server(app):
        if app not in running:
            running[app] = Server(app, tmp_path_factory.mktemp(app))
            running[app].wait()
        return running[app]

    yield server
    for one in running.values():
        one.stop()


class OpenNotebook:
    """A notebook that is open and has run: its Playwright ``page`` and what went wrong in it."""

    def __init__(self, app, browser, server, cells, timeout=TIMEOUT, **options):
        self.app = app
        self.errors = []
        self.sent = []  # frames that went to the kernel
        place = _copied if isinstance(cells, Path) else _write_notebook
        name = place(server.notebooks, cells)
        options = {"viewport": {"width": 1400, "height": 1000}, **options}
        self.context = browser.new_context(**options)
        self.page = self.context.new_page()
        self.page.set_default_timeout(timeout)
        self.page.on("console", self._on_console)
        self.page.on("pageerror", lambda error: self.errors.append(str(error)))
        self.page.on("websocket", lambda ws: ws.on("framesent", lambda frame: self.sent.append(frame)))
        self.page.goto(server.address(name))
        if app != "voila":
            self.page.wait_for_selector(".jp-Notebook .jp-Cell")
            self.page.wait_for_function("() => window.jupyterapp?.shell.currentWidget?.sessionContext")
            self.page.evaluate(RUN_ALL)

    def _on_console(self, message):
        told = f"{message.text} {(message.location or {}).get('url', '')}"
        if message.type == "error" and not any(piece in told for piece, _ in HARMLESS):
            self.errors.append(told)

    def assert_quiet(self):
        """No error in the console, no uncaught exception, no traceback on the page."""
        assert self.errors == []
        assert "Traceback (most recent call last)" not in self.page.inner_text("body")

    def messages_to_widgets(self):
        """How many messages the page has sent to widgets in the kernel so far."""
        texts = (f if isinstance(f, str) else bytes(f).decode("latin-1") for f in self.sent)
        return sum('"comm_msg"' in text for text in texts)

    def close(self):
        self.context.close()


def _copied(folder, notebook):
    shutil.copy(notebook, folder)
    return notebook.name


def _write_notebook(folder, cells):
    name = f"{uuid.uuid4().hex[:8]}.ipynb"
    code = [
        {"cell_type": "code", "id": f"c{i}", "source": s, "metadata": {}, "outputs": [], "execution_count": None}
        for i, s in enumerate(cells)
    ]
    kernel = {"name": "python3", "display_name": "Python 3", "language": "python"}
    notebook = {"nbformat": 4, "nbformat_minor": 5, "metadata": {"kernelspec": kernel}, "cells": code}
    (folder / name).write_text(json.dumps(notebook), "utf-8")
    return name


@pytest.fixture(scope="session")
def open_notebook(chromium, servers):
    """``open_notebook(app, cells, **context_options)`` -> OpenNotebook, closed when the session ends."""
    opened = []

    def open_it(app, cells, **options):
        opened.append(OpenNotebook(app, chromium, servers(app), cells, **options))
        return opened[-1]

    yield open_it
    for one in opened:
        one.close()


def _opener(app):
    @pytest.fixture(name=app)
    def fixture(chromium, servers):
        opened = []

        def open_it(cells, **options):
            opened.append(OpenNotebook(app, chromium, servers(app), cells, **options))
            return opened[-1]

        yield open_it
        for one in opened:
            one.close()

    return fixture


voila = _opener("voila")
jupyterlab = _opener("jupyterlab")
notebook7 = _opener("notebook7")
