"""What README and CONTRIBUTING say is so: their code runs, their table is the registry, their links lead somewhere."""

import re
import shlex
from pathlib import Path

import pytest

import cnnviz_widgets
from cnnviz_widgets.batch import command
from cnnviz_widgets.batch.choosing import chosen_method
from cnnviz_widgets.core import method as registry
from cnnviz_widgets.core.parameters import parameters_of
from cnnviz_widgets.methods import all_methods

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / name for name in ("README.md", "CONTRIBUTING.md", "CHANGELOG.md")]
README, CONTRIBUTING, _ = (page.read_text(encoding="utf-8") for page in PAGES)


def blocks(text, language):
    """The code blocks of a page."""
    return re.findall(rf"^```{language}\n(.*?)^```", text, re.MULTILINE | re.DOTALL)


def row(method):
    """The line of the table for a method."""
    parameters = ", ".join(f"`{name}`" for name in parameters_of(method)) or "none"
    return f"| `{method.__name__}`: {method.title} | {method.summary} | {parameters} | {method.paper} |"


def test_the_table_of_methods_is_the_registry():
    start = README.index("| Method |")
    lines = README[start : README.index("\n\n", start)].splitlines()[2:]
    wanted = [row(method) for method in all_methods()]
    assert lines == wanted, "the table should be:\n" + "\n".join(wanted)


def test_both_commands_are_there():
    commands = blocks(README, "sh")
    assert "python -m pip install . && python -m cnnviz_widgets\n" in commands
    assert 'python -m pip install ".[test]" && python -m pytest\n' in commands


@pytest.mark.slow
def test_the_command_for_a_folder_is_understood():
    (line,) = [block for block in blocks(README, "sh") if " explain " in block]
    chosen = command.explain_parser().parse_args(shlex.split(line)[4:])
    method, given = chosen_method(chosen.method, chosen.set)
    assert method(**given).window == 32
    assert chosen.target in cnnviz_widgets.load("efficientnet_lite0").class_names


@pytest.mark.slow
def test_the_examples_run(capsys):
    examples = blocks(README, "python")
    lines = [line for line in examples[0].splitlines() if line]
    assert len(lines) <= 10
    names = {}
    exec(examples[0].replace("cnnviz.Explorer(", "explorer = cnnviz.Explorer("), names)
    for example in examples[1:]:
        exec(example, names)
    names["explorer"].close()
    said = capsys.readouterr().out
    assert said.startswith("Occlusion (window=56, stride=28) · Egyptian cat (224, 224) drop in logit")
    assert said.rstrip().endswith("%")


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_to_files_lead_somewhere(page):
    targets = re.findall(r"\]\((?!https?:)([^)#]+)", page.read_text(encoding="utf-8"))
    assert [target for target in targets if not (ROOT / target).exists()] == []


def test_the_method_in_contributing_is_a_method(small, picture):
    code = next(block for block in blocks(CONTRIBUTING, "python") if "@register" in block)
    before = list(registry._registered)
    names = {"__package__": "cnnviz_widgets.methods", "__name__": "cnnviz_widgets.methods.example"}
    try:
        exec(code, names)
        (added,) = [known for known in all_methods() if known.__module__ == names["__name__"]]
        result = cnnviz_widgets.compute(added(), small, picture)
        assert result.array.shape == picture.shape[:2]
    finally:
        registry._registered[:] = before


def test_changelog_and_citation_know_the_version():
    version = cnnviz_widgets.__version__
    assert f"## {version}" in PAGES[2].read_text(encoding="utf-8")
    assert f"\nversion: {version}\n" in (ROOT / "CITATION.cff").read_text(encoding="utf-8")
