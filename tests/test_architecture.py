"""The direction of imports, and that what needs no widgets and no TensorFlow runs without them."""

import ast
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

import cnnviz_widgets

PACKAGE = Path(cnnviz_widgets.__file__).parent
WIDGETS = ("ipywidgets", "matplotlib", "IPython", "traitlets", "ipympl", "anywidget", "voila", "ipykernel", "comm")
# Which parts of the package each part may import, besides itself and `words`.
MAY_IMPORT = {
    "words": set(),
    "core": set(),
    "engine": {"core"},
    "anatomy": {"core", "engine"},
    "maps": {"core", "engine"},
    "questions": {"core", "engine"},
    "network": {"core", "engine", "questions"},
    "methods": {"core", "engine", "anatomy", "maps"},
    "request": {"core", "engine", "maps", "network"},
    "networks": {"core", "engine", "network"},
    "batch": {"core", "engine", "network", "request", "methods", "networks", "command_line"},
    "command_line": {"core"},
    "runner": set(),
    "settings": {"core", "network", "networks"},
    "history": set(),
    "answering": {"core", "network", "request", "settings"},
    "session": {
        *("core", "methods", "network", "networks", "runner"),
        *("answering", "history", "settings"),
    },
    "widgets": {
        *("core", "anatomy", "maps", "methods", "network", "networks", "request"),
        *("answering", "runner", "session", "settings"),
    },
    "app": {"core", "methods", "networks", "runner", "session", "widgets", "__init__"},
    "__main__": {"core", "networks", "app", "batch", "command_line", "__init__"},
    "__init__": set(),  # names are looked up when used
}
FILES = sorted(path.relative_to(PACKAGE).as_posix() for path in PACKAGE.rglob("*.py"))


def part_of(path):
    return path.split("/")[0].removesuffix(".py")


def imports_of(path):
    """Absolute names of everything that a file imports, also inside functions, but for type checkers only."""
    package = ["cnnviz_widgets", *path.split("/")[:-1]]
    for node in nodes_that_run(ast.parse((PACKAGE / path).read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else []
            module = ".".join([*base, *([node.module] if node.module else [])])
            yield from (f"{module}.{alias.name}" for alias in node.names)


def nodes_that_run(tree):
    """The nodes of a syntax tree, without those under `if TYPE_CHECKING`."""
    yield tree
    for child in ast.iter_child_nodes(tree):
        if not (isinstance(child, ast.If) and getattr(child.test, "id", "") == "TYPE_CHECKING"):
            yield from nodes_that_run(child)


@pytest.mark.parametrize("path", FILES)
def test_imports_run_one_way(path):
    own = part_of(path)
    for name in imports_of(path):
        if name.startswith("cnnviz_widgets."):
            part = name.split(".")[1]
            part = part if part in MAY_IMPORT else "__init__"  # a public name, of the package itself
            assert part in {own, "words"} | MAY_IMPORT[own], f"{path} imports {name}"


def may_import_tensorflow(path):
    """True for the files that compute with TensorFlow: the engine, and methods that have a folder of their own.

    `networks` too, because it loads and builds models, which are Keras's; and two files of `batch`, which share out a
    machine's devices and cores.
    """
    of_a_method = part_of(path) == "methods" and path.count("/") > 1 and not path.endswith("__init__.py")
    return part_of(path) in ("engine", "networks") or of_a_method or path in ("batch/devices.py", "batch/feeding.py")


@pytest.mark.parametrize("path", [path for path in FILES if not may_import_tensorflow(path)])
def test_only_the_engine_and_folders_of_methods_know_of_tensorflow(path):
    for name in imports_of(path):
        assert name.split(".")[0] not in ("tensorflow", "keras"), f"{path} imports {name}"


@pytest.mark.parametrize("path", [path for path in FILES if part_of(path) in ("core", "methods", "networks", "batch")])
def test_only_the_widgets_know_of_widgets(path):
    for name in imports_of(path):
        assert name.split(".")[0] not in WIDGETS, f"{path} imports {name}"


def test_the_session_knows_traitlets_and_no_other_part_of_the_widgets():
    for name in imports_of("session.py"):
        assert name.split(".")[0] not in set(WIDGETS) - {"traitlets"}


@pytest.mark.parametrize("path", ["answering.py", "settings.py"])
def test_answers_know_no_traits_no_runner_and_no_clock(path):
    assert not {name.split(".")[0] for name in imports_of(path)} & {*WIDGETS, "time", "threading"}


@pytest.mark.parametrize("path", ["runner.py", "history.py"])
def test_the_runner_and_the_history_import_only_the_standard_library(path):
    assert {name.split(".")[0] for name in imports_of(path)} <= sys.stdlib_module_names


@pytest.mark.parametrize("path", [path for path in FILES if part_of(path) == "methods"])
def test_a_method_is_numpy_and_the_core(path):
    own_folder = {"tensorflow"} if path.count("/") > 1 and not path.endswith("__init__.py") else set()
    for name in imports_of(path):
        known = {"cnnviz_widgets", "numpy"} | own_folder | sys.stdlib_module_names
        assert name.split(".")[0] in known, f"{path} imports {name}"


def test_the_guide_names_every_room_and_every_file_of_the_engine():
    guide = (Path(__file__).parents[1] / "CONTRIBUTING.md").read_text(encoding="utf-8")
    rooms = {f"`{path.parent.name}/`" for path in PACKAGE.glob("*/__init__.py")}
    files = {f"`{path.name}`" for path in (PACKAGE / "engine").glob("*.py")} - {"`__init__.py`"}
    assert {name for name in rooms | files if name not in guide} == set()


# ---- Names

# Each bundled network has these functions.
SHARED_NAMES = {"build", "architecture", "class_names", "samples"}


def names_of(path):
    """The name of a file, and those of its public classes and functions."""
    if not path.endswith(("__init__.py", "__main__.py")):
        yield path.split("/")[-1]
    for node in ast.parse((PACKAGE / path).read_text()).body:
        if isinstance(node, (ast.ClassDef, ast.FunctionDef)) and not node.name.startswith("_"):
            yield node.name


def test_no_two_files_and_no_two_public_classes_or_functions_have_one_name():
    times = Counter(name for path in FILES for name in names_of(path))
    assert {name for name, count in times.items() if count > 1} <= SHARED_NAMES


# ---- Types


def public_functions(tree):
    """The public functions and methods of a module or class."""
    for node in tree.body:
        if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
            yield from public_functions(node)
        elif isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)) and not node.name.startswith("_"):
            yield node


def is_typed(function):
    arguments = function.args
    given = [*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs, arguments.vararg, arguments.kwarg]
    named = [each for each in given if each is not None and each.arg not in ("self", "cls")]
    return function.returns is not None and all(each.annotation for each in named)


@pytest.mark.parametrize("path", FILES)
def test_public_functions_are_typed(path):
    functions = public_functions(ast.parse((PACKAGE / path).read_text()))
    assert [function.name for function in functions if not is_typed(function)] == []


# ---- What runs without what


def run(code):
    """What a new Python prints for `code`."""
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, cwd=PACKAGE.parent, timeout=300, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


IMPORTED = ("", ".session", ".methods", ".runner", ".networks", ".network", ".request", ".batch")
JOINED = (".settings", ".answering")


@pytest.mark.parametrize("module", [*IMPORTED, *JOINED, ".anatomy.anatomy", ".maps.channels", ".engine.op_kinds"])
def test_importing_it_imports_no_tensorflow(module):
    found = run(
        f"import sys, cnnviz_widgets{module}\n"
        "print([name for name in ('tensorflow', 'keras', 'matplotlib', 'h5py') if name in sys.modules])"
    )
    assert found.strip() == "[]"


def test_looking_up_a_public_name_imports_no_tensorflow():
    found = run(
        "import sys, cnnviz_widgets as cnnviz\n"
        "cnnviz.GradCAM(), cnnviz.InputImage, cnnviz.all_methods(), cnnviz.Session\n"
        "cnnviz.samples('digits'), dir(cnnviz)\n"
        "print('tensorflow' in sys.modules)"
    )
    assert found.strip() == "False"


def test_importing_the_package_alone_imports_nothing_heavy():
    found = run("import sys, cnnviz_widgets\nprint(len([n for n in sys.modules if n.startswith(('numpy', 'PIL'))]))")
    assert found.strip() == "0"


COMPUTE_HEADLESS = f"""
import sys

class Blocked:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in {WIDGETS}:
            raise ImportError(name + " is blocked")

sys.meta_path.insert(0, Blocked())

import keras, numpy as np
import cnnviz_widgets as cnnviz

layers = [keras.layers.Conv2D(4, 3, activation="relu"), keras.layers.Conv2D(4, 3, activation="relu")]
tail = [keras.layers.GlobalAveragePooling2D(), keras.layers.Dense(3, activation="softmax")]
network = cnnviz.Network(keras.Sequential([keras.Input((12, 12, 3)), *layers, *tail]), value_range=(0, 1))
picture = keras.Input((12, 12, 3))
tokens = keras.layers.Reshape((16, 4))(keras.layers.Conv2D(4, 3, 3)(picture))
tokens = keras.layers.GlobalAveragePooling1D()(keras.layers.MultiHeadAttention(2, 2)(tokens, tokens))
transformer = cnnviz.Network(keras.Model(picture, keras.layers.Dense(3)(tokens)), value_range=(0, 1))
image = cnnviz.InputImage(np.random.default_rng(0).uniform(0, 1, (12, 12, 3)))
for method in cnnviz.all_methods():
    result = cnnviz.compute(method.suited_to(12), transformer if method.family == "attention" else network, image)
    assert np.isfinite(result.array).all()
    print(method.__name__)
print(any(name in sys.modules for name in {WIDGETS}))
"""


@pytest.mark.slow
def test_every_method_computes_where_there_are_no_widgets():
    *names, widgets = run(COMPUTE_HEADLESS).split()
    assert set(names) == {method.__name__ for method in cnnviz_widgets.all_methods()}
    assert widgets == "False"


def test_an_unknown_public_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="no attribute 'NoSuchMethod'"):
        cnnviz_widgets.NoSuchMethod  # noqa: B018
