"""The package as a person gets it: what the wheel carries, how large it is, and whom it thanks."""

import ast
import re
import subprocess
import sys
import zipfile
from importlib import import_module
from pathlib import Path

import pytest
from test_main import Running

import cnnviz_widgets
from cnnviz_widgets.core.colours import TABLES

ROOT = Path(__file__).parents[1]
DATA = ROOT / "cnnviz_widgets" / "networks" / "data"
MEGABYTES = 11
# Folders and files in which git keeps text of ours.
TEXT = ("*.md", "*.toml", "*.cff", "NOTICE", ".ci/*", ".pre-commit-config.yaml", "binder/*", "notebooks/*.ipynb")
CODE = ("cnnviz_widgets", "tests", "tools", "benchmarks")


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    """The wheel, built from the checkout, open."""
    folder = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    (path,) = folder.glob("*.whl")
    with zipfile.ZipFile(path) as opened:
        yield opened


def test_the_wheel_carries_all_that_the_package_needs_and_nothing_else(wheel):
    ours = {str(path.relative_to(ROOT)) for path in (ROOT / "cnnviz_widgets").rglob("*") if _belongs(path)}
    carried = {name for name in wheel.namelist() if ".dist-info/" not in name}
    pages = {f"cnnviz_widgets/app/notebooks/{path.name}" for path in (ROOT / "notebooks").iterdir() if _belongs(path)}
    assert carried == ours | pages
    suffixes = {".py", ".js", ".css", ".j2", ".npz", ".webp", ".txt", ".md", ".ipynb"}
    assert {Path(name).suffix for name in carried} >= suffixes


def test_the_wheel_is_small(wheel):
    assert Path(wheel.filename).stat().st_size <= MEGABYTES * 2**20


def test_the_wheel_carries_the_licence_the_credits_and_the_command(wheel):
    names = [name.split(".dist-info/")[1] for name in wheel.namelist() if ".dist-info/" in name]
    assert {"licenses/LICENSE", "licenses/NOTICE", "entry_points.txt"} <= set(names)


def test_the_app_of_the_wheel_is_the_notebook_in_git(wheel):
    assert (
        wheel.read("cnnviz_widgets/app/notebooks/explorer.ipynb")
        == (ROOT / "notebooks" / "explorer.ipynb").read_bytes()
    )


@pytest.mark.slow
def test_the_unpacked_wheel_shows_the_app_away_from_the_checkout(wheel, tmp_path):
    wheel.extractall(tmp_path / "site")
    server = Running(tmp_path, package=tmp_path / "site")
    try:
        status, page = server.get()
        assert status == 200
        assert "application/vnd.jupyter.widget-view+json" in page
    finally:
        assert server.end() == (0, "")


@pytest.mark.parametrize(
    "path", [TABLES, *sorted(path for path in DATA.rglob("*") if path.is_file())], ids=lambda path: path.name
)
def test_notice_says_whose_work_each_bundled_file_is(path):
    assert re.search(rf"\b{re.escape(path.name)}\b", (ROOT / "NOTICE").read_text(encoding="utf-8"))


def test_no_file_names_a_machine_or_a_package_host():
    here = re.compile(
        r"(?<![\w.:~])/(?:home|Users|root|work|tmp|mnt)/\w|pythonhosted|pypi\.(?:org|python)", re.IGNORECASE
    )
    found = {
        f"{path.relative_to(ROOT)}: {match[0]}"
        for path in _texts()
        if path != Path(__file__)
        for match in here.finditer(path.read_text(encoding="utf-8"))
    }
    assert found == set()


def _belongs(path):
    return path.is_file() and not any(part.startswith((".", "__pycache__")) for part in path.relative_to(ROOT).parts)


def _texts():
    for pattern in TEXT:
        yield from (path for path in ROOT.glob(pattern) if path.is_file())
    for folder in CODE:
        for path in (ROOT / folder).rglob("*"):
            if _belongs(path) and path.suffix in (".py", ".js", ".css", ".j2", ".txt"):
                yield path


def test_editors_see_every_public_name_and_where_it_lives():
    stub = ast.parse(Path(cnnviz_widgets.__file__).with_suffix(".pyi").read_text(encoding="utf-8"))
    homes = {node.names[0].name: node.module for node in stub.body if isinstance(node, ast.ImportFrom)}
    public = {name for name in dir(cnnviz_widgets) if hasattr(getattr(cnnviz_widgets, name), "__module__")}
    assert set(homes) == {name for name in public if not name.startswith("_")} - {"import_module"}, (
        "run: python tools/write_stub.py"
    )
    for name, home in homes.items():
        assert getattr(import_module(f"cnnviz_widgets.{home}"), name) is getattr(cnnviz_widgets, name)
