"""The command: its options, its refusals, and a real server that starts, answers and ends."""

import json
import os
import re
import signal
import socket
import subprocess
import sys
import urllib.error
import urllib.request
from pathlib import Path

import pytest

from cnnviz_widgets import __main__ as command
from cnnviz_widgets.app import explorer, server
from cnnviz_widgets.app.options import find_image, options
from cnnviz_widgets.runner import Inline
from cnnviz_widgets.session import Session

CHECKOUT = Path(__file__).parents[1]
SECONDS = 60  # a server that takes longer is broken


def run(*arguments, code=None):
    """The finished process of the command, or of other code in the same environment."""
    start = ["-c", code] if code else ["-m", "cnnviz_widgets", *arguments]
    return subprocess.run([sys.executable, *start], cwd=CHECKOUT, capture_output=True, text=True, timeout=SECONDS)


# ---- Options of the command


def test_help_shows_every_option_and_examples():
    shown = run("--help").stdout
    for piece in (
        "--network",
        "--image",
        "--port",
        "--theme",
        "--no-browser",
        "--version",
        "--output-is",
        "--range",
        "--preprocess",
        "--classes",
        "examples:",
        "cat.jpg",
    ):
        assert piece in shown


def test_version_is_the_packages():
    import cnnviz_widgets

    assert run("--version").stdout == f"cnnviz_widgets {cnnviz_widgets.__version__}\n"


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--network", "efficientnet_lite1"], r"A network is .*Did you mean efficientnet_lite0\? Received: '"),
        (["--network", "resnet51"], r"Did you mean ResNet50\? Received: 'resnet51'"),
        (["--network", "missing.keras"], r"No such model file.*Received: 'missing\.keras'"),
        (["--network", "README.md"], r"must end in \.keras or \.h5"),
        (["--network", "https://example.org/a.keras"], r"never from an address"),
        (["--image", "dog"], r"An image is a sample \(chelsea, coffee.*Received: 'dog'"),
        (["--image", "missing.jpg"], r"No such file.*Received: 'missing\.jpg'"),
        (["--image", "pyproject.toml"], r"Received: "),
        (["--network", "digits", "--image", "101"], r"and 92 more\) or the path of a picture\. Received: '101'"),
        (["--port", "65536"], r"a port is a number from 1 to 65535\. Received: '65536'"),
        (["--port", "http"], r"Received: 'http'"),
        (["--theme", "green"], r"light.*dark"),
        (["--output-is", "chances"], r"chances.*probabilities.*log probabilities.*logits"),
        (["--range", "1,0"], r"A range is two numbers with a comma, .* as in 0,1\. Received: '1,0'"),
        (["--range", "-1"], r"as in 0,1\. Received: '-1'"),
        (["--range", "0,one"], r"as in 0,1\. Received: '0,one'"),
        (["--range"], r"--range: expected one argument"),
        (["--preprocess", "pytorch"], r"pytorch.*tf.*torch.*caffe"),
        (["--classes", "missing.txt"], r"come from a file that can be read\. Received: 'missing\.txt' \(No such file"),
        (["--classes", "docs/methods.webp"], r"is text in UTF-8\. Received: 'docs/methods\.webp'"),
        (["--colour"], r"unrecognized arguments: --colour"),
    ],
)
def test_a_wrong_option_is_one_line_and_exit_code_2(arguments, sentence, capsys, monkeypatch):
    monkeypatch.chdir(CHECKOUT)
    monkeypatch.setattr(server, "serve", lambda *_: pytest.fail("a server was started"))
    with pytest.raises(SystemExit) as stopped:
        command.main(arguments)
    said = capsys.readouterr().err
    assert stopped.value.code == 2
    assert re.match(r"cnnviz: .*" + sentence, said)
    assert said.count("\n") == 1


def test_a_port_that_is_taken_is_one_line_and_exit_code_2(capsys):
    with socket.socket() as other:
        other.bind((server.HOST, 0))
        other.listen()
        taken = other.getsockname()[1]
        with pytest.raises(SystemExit) as stopped:
            command.main(["--no-browser", "--port", str(taken)])
        assert stopped.value.code == 2
        assert f"Received: {taken} (Address already in use)" in capsys.readouterr().err


def test_without_a_port_the_next_free_one_is_taken():
    first, port = server.reserve(8866, or_next=True)
    second, next_port = server.reserve(port, or_next=True)
    for each in (*first, *second):
        each.close()
    assert port < next_port


@pytest.mark.slow
def test_the_options_are_checked_without_tensorflow():
    code = (
        "import sys; from cnnviz_widgets.__main__ import checked_image, checked_network\n"
        "checked_network('MobileNet'); checked_image('chelsea', 'efficientnet_lite0')\n"
        "import cnnviz_widgets.app.server\n"
        "print({'tensorflow', 'keras', 'ipywidgets'} & set(sys.modules))"
    )
    assert run(code=code).stdout == "set()\n"


def test_what_was_chosen_reaches_the_kernel_by_its_environment(monkeypatch, tmp_path):
    picture = tmp_path / "cat.png"
    picture.write_bytes(png(find_image("chelsea")))
    served = []
    monkeypatch.setattr(server, "serve", lambda *arguments: served.append(arguments))
    monkeypatch.setattr(server, "reserve", lambda port, or_next: ((), port))
    monkeypatch.setattr(os, "environ", dict(os.environ))
    monkeypatch.chdir(tmp_path)
    (tmp_path / "names.txt").write_text("cat\ndog\n", "utf-8")
    said = ["--output-is", "log probabilities", "--range", "-1,1", "--preprocess", "torch", "--classes", "names.txt"]
    assert command.main(["--network", "mobilenet", "--image", "cat.png", "--theme", "dark", "--no-browser", *said]) == 0
    assert served[0][1:4] == (command.PORT, "dark", False)
    chosen = options(os.environ)  # as the kernel will
    assert (chosen.network, chosen.image.name, chosen.output_is) == ("MobileNet", "cat", "log probabilities")
    assert chosen.said == {"value_range": (-1, 1), "preprocess": "torch", "class_names": ("cat", "dog")}
    assert os.environ["CNNVIZ_IMAGE"] == str(picture)  # absolute: the kernel runs elsewhere


# ---- Options of the page


def test_by_default_the_first_bundled_network_is_shown():
    chosen = options({})
    assert (chosen.network, chosen.image, chosen.remarks) == ("efficientnet_lite0", None, ())


def test_the_address_may_name_a_bundled_network_and_its_samples():
    chosen = options({"CNNVIZ_IMAGE": "coffee", "QUERY_STRING": "network=digits&image=7+%C2%B7+sample+8"})
    assert (chosen.network, chosen.image.name, chosen.remarks) == ("digits", "7 · sample 8", ())


def test_another_network_in_the_address_leaves_the_owners_image_aside():
    chosen = options(
        {
            "CNNVIZ_IMAGE": "coffee",
            "CNNVIZ_OUTPUT_IS": "logits",
            "CNNVIZ_RANGE": "0.0,1.0",
            "QUERY_STRING": "network=digits",
        }
    )
    assert (chosen.image, chosen.output_is, chosen.said) == (None, None, {})


def test_the_page_opens_the_network_with_what_was_said_of_its_output(monkeypatch):
    opened = []

    def remember(session, source, **said):
        opened.append((session.image.name, source, *said.values()))

    monkeypatch.setattr(Session, "open", remember)
    chosen = {"CNNVIZ_NETWORK": "digits", "CNNVIZ_IMAGE": "2", "CNNVIZ_OUTPUT_IS": "logits"}
    monkeypatch.setattr("cnnviz_widgets.app.options", lambda: options(chosen))
    explorer().close()
    assert opened == [(find_image("2", "digits").name, "digits", "logits")]


def test_the_page_opens_the_network_with_what_was_said_of_its_pixels(monkeypatch, tmp_path):
    (tmp_path / "names.json").write_text(json.dumps({name: index for index, name in enumerate("jihgfedcba")}), "utf-8")
    monkeypatch.setattr("cnnviz_widgets.session.LatestWins", Inline)
    chosen = {"CNNVIZ_NETWORK": "digits", "CNNVIZ_RANGE": "0.0,1.0", "CNNVIZ_CLASSES": str(tmp_path / "names.json")}
    monkeypatch.setattr("cnnviz_widgets.app.options", lambda: options(chosen))
    page = explorer()
    network = page.session.network
    assert (network.value_range, network.class_names, network.name) == ((0, 1), tuple("jihgfedcba"), "digits")
    page.close()


@pytest.mark.parametrize("name", ["network", "image"])
@pytest.mark.parametrize("value", ["MobileNet", "{existing}", "..%2Fsecret.png", "https://example.org/a.keras", ""])
def test_the_address_can_name_nothing_but_what_is_bundled(name, value, tmp_path, monkeypatch):
    picture = tmp_path / "secret.png"
    picture.write_bytes(png(find_image("chelsea")))
    monkeypatch.chdir(tmp_path)
    chosen = options(
        {"QUERY_STRING": f"{name}={value.format(existing=picture)}&{name}={value.format(existing='a.h5')}"}
    )
    assert (chosen.network, chosen.image) == ("efficientnet_lite0", None)
    assert bool(chosen.remarks) == bool(value)  # an empty wish is none


def test_what_the_address_got_wrong_is_said_on_one_line():
    (remark,) = options({"QUERY_STRING": "network=%3Cscript%3E%0A%1B[31m"}).remarks
    assert re.fullmatch(
        r"The address may name a bundled network: .*Received: .*Shown instead: efficientnet_lite0\.", remark
    )


# ---- The real thing


class Running:
    """The command as a process of its own, in a folder that is not the checkout."""

    def __init__(self, folder, *arguments, package=CHECKOUT):
        environment = {**os.environ, "PYTHONPATH": str(package), "JUPYTER_RUNTIME_DIR": str(folder / "runtime")}
        command = [sys.executable, "-m", "cnnviz_widgets", "--no-browser", *arguments]
        pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
        self.process = subprocess.Popen(command, cwd=folder, env=environment, **pipes)
        self.line = self.process.stdout.readline()
        self.address = re.search(r"http://127\.0\.0\.1:\d+/", self.line)[0]

    def get(self, path="", **headers):
        """(status, text) of a page."""
        try:
            with urllib.request.urlopen(
                urllib.request.Request(self.address + path, headers=headers), timeout=SECONDS
            ) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            return error.code, ""

    def end(self, number=signal.SIGINT):
        """The exit code, and what was said on the way; fails where the process does not end."""
        self.process.send_signal(number)
        try:
            _, said = self.process.communicate(timeout=SECONDS)
        finally:
            self.process.kill()
        return self.process.returncode, said


@pytest.fixture
def running(tmp_path):
    started = []

    def start(*arguments):
        started.append(Running(tmp_path, *arguments))
        return started[-1]

    yield start
    for each in started:
        each.process.kill()
        each.process.communicate()


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_the_server_starts_answers_and_ends_at_a_signal(running, number):
    server = running()
    assert server.line.endswith("and shows efficientnet_lite0. Ctrl-C ends it.\n")
    assert server.get("voila/static/voila.js")[0] == 200
    assert server.end(number) == (0, "")


@pytest.mark.slow
def test_a_page_is_the_app_and_its_kernel_ends_with_the_server(running):
    import psutil

    server = running("--network", "digits", "--theme", "dark")
    status, page = server.get()
    kernels = psutil.Process(server.process.pid).children(recursive=True)
    assert status == 200
    assert "<title>cnnviz: look inside a network</title>" in page
    assert "application/vnd.jupyter.widget-view+json" in page
    assert 'class="jp-Notebook theme-dark"' in page
    assert "app.explorer()" not in page  # no code on the page
    assert len(kernels) == 1
    assert server.end() == (0, "")
    assert psutil.wait_procs(kernels, timeout=10)[1] == []


@pytest.mark.slow
def test_every_notebook_is_a_page_under_its_own_name(running):
    server = running()
    status, page = server.get("gallery.ipynb")
    assert (status, "<title>cnnviz: all pages</title>" in page) == (200, True)
    assert server.get("nothing.ipynb")[0] == 404
    assert server.get("server.py")[0] in (302, 403, 404)


@pytest.mark.slow
def test_leaving_a_page_ends_its_kernel(running):
    import psutil

    server = running()
    browser = urllib.request.build_opener(urllib.request.HTTPCookieProcessor())
    with browser.open(server.address + "gallery.ipynb", timeout=SECONDS) as answer:
        page = answer.read().decode()
    (kernel,) = psutil.Process(server.process.pid).children(recursive=True)
    token = next(
        cookie.value
        for handler in browser.handlers
        for cookie in getattr(handler, "cookiejar", ())
        if cookie.name == "_xsrf"
    )
    # What the page sends when it is left.
    leaving = urllib.parse.urlencode({"_xsrf": token}).encode()
    identity = re.search(r'"kernelId": "([0-9a-f-]+)"', page)[1]
    assert browser.open(f"{server.address}voila/api/shutdown/{identity}", leaving, timeout=SECONDS).status == 204
    assert psutil.wait_procs([kernel], timeout=10)[1] == []


@pytest.mark.slow
def test_the_page_asks_the_internet_for_nothing(running):
    _, page = running().get()
    assert not re.findall(r'(?<!data-)(?:href|src)="(?:https?:)?//[^"]*"', page)


@pytest.mark.slow
def test_only_this_computer_by_its_own_name_is_answered(running):
    server = running()
    kernel = "api/kernels/00000000-0000-0000-0000-000000000000"
    assert [server.get(path, Host="evil.example")[0] for path in ("", kernel, f"{kernel}/channels")] == [403, 403, 403]
    assert server.get(kernel)[0] == 404  # there is no such kernel, but one may ask
    assert server.get("voila/files/explorer.ipynb")[0] in (403, 404)


def png(image):
    """The bytes of a PNG file of an InputImage."""
    import io

    from PIL import Image

    file = io.BytesIO()
    Image.fromarray(image.rgb()).save(file, "PNG")
    return file.getvalue()
