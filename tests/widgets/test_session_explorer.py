"""An explorer is a declaration in a file of its own: its options, its parts, and where they stand."""

import ast
import sys
from inspect import Parameter, getsource, signature

import ipywidgets
import pytest

import cnnviz_widgets as cnnviz
from cnnviz_widgets.runner import Inline
from cnnviz_widgets.session import Session
from cnnviz_widgets.widgets import explorers
from cnnviz_widgets.widgets.explorers.session_explorer import SessionExplorer, column, option, own, part, row

EXPLORERS = explorers.all_explorers()
COMMON = ["network", "image", "method", "target", "layer", "session"]


@pytest.mark.parametrize("name", EXPLORERS)
def test_all_explorers_take_the_same_arguments_in_one_order(name):
    parameters = signature(EXPLORERS[name]).parameters.values()
    assert [parameter.name for parameter in parameters][: len(COMMON)] == COMMON
    assert {parameter.kind for parameter in parameters if parameter.name not in COMMON[:2]} == {Parameter.KEYWORD_ONLY}


@pytest.mark.parametrize("name", EXPLORERS)
def test_after_the_image_arguments_have_names(name, network, image):
    with pytest.raises(TypeError, match="positional arguments"):
        EXPLORERS[name](network, image, None)


def test_options_are_seen_where_a_notebook_looks_for_arguments():
    own = list(signature(cnnviz.CAMExplorer).parameters.values())[len(COMMON) :]
    assert {parameter.name: parameter.default for parameter in own} == {"scale": "shared", "classes": None}


def constructor_for_editors(explorer):
    """{argument: default} of the constructor that a class declares for type checkers, or of the one it inherits."""
    for kind in explorer.__mro__:
        (body,) = ast.parse(getsource(kind)).body
        for node in ast.walk(body):
            if isinstance(node, ast.FunctionDef) and node.name == "__init__":
                given = node.args
                positional = dict(zip([each.arg for each in given.args[1:]], given.defaults, strict=True))
                named = dict(zip([each.arg for each in given.kwonlyargs], given.kw_defaults, strict=True))
                return {name: ast.literal_eval(default) for name, default in (positional | named).items()}
    raise AssertionError("An explorer has a constructor.")


@pytest.mark.parametrize("name", EXPLORERS)
def test_editors_see_the_arguments_that_an_explorer_takes(name):
    taken = {parameter.name: parameter.default for parameter in signature(EXPLORERS[name]).parameters.values()}
    assert constructor_for_editors(EXPLORERS[name]) == taken


def test_an_unknown_argument_is_refused_by_the_names_of_the_known_ones(session):
    with pytest.raises(TypeError, match=r"CAMExplorer takes network, .*, session, scale, classes\. Received: class\."):
        cnnviz.CAMExplorer(session=session, **{"class": 3})


class Part:
    """A part that keeps what it was given, and whether it was closed."""

    closed = False

    def __init__(self, session, *values, **options):
        self.session, self.values, self.options = session, values, options
        self.widget = ipywidgets.Label("part")

    def close(self):
        self.closed = True


class Declared(SessionExplorer):
    """One of everything that can be declared."""

    word = option("none")
    kept = own(dict, a=1)
    first = part(Part, "word", loud=True)
    second = part(Part, "first.widget.value", "shout")
    page = (column(row("first", "second"), "second.widget"),)

    def shout(self):
        return self.word.upper()


class Louder(Declared):
    word = option("boo")


def test_a_part_gets_the_session_and_what_its_names_stand_for(session):
    explorer = Declared(session=session, word="hear")
    assert (explorer.first.session, explorer.first.values, explorer.first.options) == (
        session,
        ("hear",),
        {"loud": True},
    )
    label, shout = explorer.second.values
    assert (label, shout()) == ("part", "HEAR")


def test_a_page_is_built_as_it_is_declared(session):
    explorer = Declared(session=session)
    (below,) = explorer.children
    beside, second = below.children
    assert beside.children == (explorer.first.widget, explorer.second.widget)
    assert second is explorer.second.widget


def test_what_is_declared_is_made_anew_for_every_explorer(session):
    one, other = Declared(session=session), Declared(session=session)
    assert one.kept == other.kept
    assert one.kept is not other.kept
    assert one.first is not other.first


def test_a_subclass_may_declare_another_default(session):
    assert Louder(session=session).second.values[1]() == "BOO"


def test_parts_are_closed_with_their_explorer(session):
    explorer = Declared(session=session)
    explorer.close()
    assert explorer.first.closed
    assert explorer.second.closed


class Early(SessionExplorer):
    """Its session asks for variants before its parts are made."""

    first_method = cnnviz.Gradient
    times = option(1)
    seen = own(list)

    def variants(self, settings):
        self.seen.append(self.times)
        return (settings,)


def test_options_and_own_widgets_are_there_when_the_session_first_asks(network, image):
    assert Early(session=Session(network, image, runner=Inline()), times=3).seen[0] == 3


def test_a_file_dropped_in_the_folder_is_a_widget_of_the_package(tmp_path, monkeypatch):
    (tmp_path / "calm_explorer.py").write_text(
        "from .session_explorer import SessionExplorer, part\n"
        "from cnnviz_widgets.widgets.parts.status_line import StatusLine\n\n\n"
        "class CalmExplorer(SessionExplorer):\n"
        "    status = part(StatusLine)\n"
        "    page = ('status',)\n"
    )
    monkeypatch.setattr(explorers, "__path__", [*explorers.__path__, str(tmp_path)])
    try:
        assert cnnviz.CalmExplorer.__module__.endswith("explorers.calm_explorer")
        assert "CalmExplorer" in dir(cnnviz)
    finally:
        sys.modules.pop("cnnviz_widgets.widgets.explorers.calm_explorer", None)


def test_the_base_classes_are_no_widgets_of_the_package():
    assert not {"SessionExplorer", "ComparisonExplorer"} & EXPLORERS.keys()
    with pytest.raises(AttributeError, match="ComparisonExplorer"):
        cnnviz.ComparisonExplorer  # noqa: B018
