"""The browser's modules in Node, as files and as widgets are given them; and how they are joined."""

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from cnnviz_widgets.widgets.front import esm

HERE = Path(__file__).parent
MODULES = sorted(esm.HERE.glob("*.js"))
WIDGETS = [path for path in MODULES if path.with_suffix(".py").exists()]
LONGEST = 350  # lines


@pytest.fixture(scope="module")
def node():
    """The path of Node. Without it: skipped, but under CI a failure."""
    if path := shutil.which("node"):
        return path
    if os.environ.get("CI"):
        pytest.fail("Node is not installed: `apt-get install nodejs`.")
    pytest.skip("Node is not installed.")


def run(node, *tests, **environment):
    command = [node, "--test", "--test-reporter=spec", *map(str, tests)]
    done = subprocess.run(command, capture_output=True, text=True, env={**os.environ, **environment}, timeout=120)
    assert done.returncode == 0, done.stdout[-6000:] + done.stderr[-2000:]
    return done.stdout


def test_the_modules_do_what_their_tests_say(node):
    said = run(node, *sorted(HERE.glob("*.test.js")))
    assert int(re.search(r"pass (\d+)", said)[1]) > 100


def test_the_joined_modules_clean_up_too(node, tmp_path):
    (tmp_path / "package.json").write_text('{"type": "module"}')
    for path in WIDGETS:
        (tmp_path / path.name).write_text(esm.joined(path.name), encoding="utf-8")
    run(node, HERE / "cleaning_up.test.js", CNNVIZ_FRONT=str(tmp_path))


def test_all_eight_widgets_are_joined():
    assert len(WIDGETS) == 8


@pytest.mark.parametrize("path", [*MODULES, *esm.HERE.glob("*.css")], ids=lambda path: path.name)
def test_no_module_and_no_style_sheet_is_long(path):
    assert len(path.read_text(encoding="utf-8").splitlines()) <= LONGEST


@pytest.mark.parametrize("shared", ["page.js", "numbers.js", "drawing.js"])
def test_what_is_shared_is_written_once(shared):
    names = esm.EXPORT.findall((esm.HERE / shared).read_text(encoding="utf-8"))
    others = "\n".join(path.read_text(encoding="utf-8") for path in MODULES if path.name != shared)
    again = re.findall(r"^\s*(?:export )?(?:async )?(?:function|const|class) (\w+)", others, re.MULTILINE)
    assert names
    assert set(names) & set(again) == set()


# ---- Joining


@pytest.fixture
def folder(tmp_path):
    def write(**files):
        for name, text in files.items():
            (tmp_path / f"{name}.js").write_text(text)
        return tmp_path

    return write


SHARED = "const quiet = 1;\nexport const loud = quiet + 1;\nexport function twice(x) {\n  return 2 * x;\n}\n"


def answer(node, text):
    """The `default` of a module."""
    code = f"import('data:text/javascript,' + encodeURIComponent({text!r})).then((m) => console.log(m.default.x))"
    return subprocess.run([node, "-e", code], capture_output=True, text=True, check=True, timeout=60).stdout.strip()


def test_what_two_modules_import_is_there_once(node, folder):
    files = folder(
        shared=SHARED,
        middle='import { loud } from "./shared.js";\n\nexport const louder = loud + 1;\n',
        entry='import { louder } from "./middle.js";\nimport {\n  loud,\n  twice,\n} from "./shared.js";\n\n'
        "const quiet = 100;\n\nexport default { x: twice(quiet) + louder + loud };\n",
    )
    text = esm.joined("entry.js", files)
    assert text.count("quiet + 1") == 1
    assert answer(node, text) == "205"


def test_an_entry_may_export_to_its_tests(node, folder):
    text = esm.joined("entry.js", folder(entry="export const one = 1;\n\nexport default { x: one };\n"))
    assert answer(node, text) == "1"


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ('import h from "./shared.js";', "Received: import h from"),
        ('import { h } from "htl";', "Received: import { h } from"),
        ('import * as all from "./shared.js";', "Received: import \\* as all"),
        ('const all = await import("./shared.js");', "Received: const all = await|Received: import\\("),
        ("export { quiet };", "Received: export { quiet }"),
        ('import { quiet } from "./shared.js";', "shared.js exports loud, twice. Received: quiet"),
    ],
)
def test_an_import_that_is_not_understood_is_refused(folder, line, said):
    with pytest.raises(ValueError, match=said):
        esm.joined("entry.js", folder(shared=SHARED, entry=f"{line}\n\nexport default {{}};\n"))


def test_a_module_that_is_not_there_is_refused(folder):
    with pytest.raises(FileNotFoundError):
        esm.joined("entry.js", folder(entry='import { h } from "./missing.js";\n'))


def test_modules_that_import_each_other_are_refused(folder):
    files = folder(
        one='import { b } from "./two.js";\n\nexport const a = 1;\n',
        two='import { a } from "./one.js";\n\nexport const b = 1;\n',
    )
    with pytest.raises(ValueError, match=r"one direction. Received: one.js -> two.js -> one.js"):
        esm.joined("one.js", files)
