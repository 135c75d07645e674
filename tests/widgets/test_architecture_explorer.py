"""The explorer around table and diagram: one layer everywhere, and nothing computed that nobody asked for."""

import threading

import pytest

from cnnviz_widgets.runner import Inline, LatestWins
from cnnviz_widgets.session import Session
from cnnviz_widgets.widgets.explorers.architecture_explorer import ArchitectureExplorer
from cnnviz_widgets.widgets.parts import anatomy_view

from .conftest import small_network


@pytest.fixture
def explorer(session):
    return ArchitectureExplorer(session=session)


def test_a_layer_picked_in_the_table_is_the_layer_everywhere(explorer, session):
    explorer.view.table.selected = "conv1"
    assert session.layer == "conv1"
    assert explorer.view.diagram.selected == "conv1"
    assert session.result.request.layer == "conv1"  # and the other explorers' picture is of it


def test_a_layer_picked_in_the_diagram_is_the_layer_everywhere(explorer, session):
    explorer.view.diagram.selected = "pool1"
    assert session.layer == "pool1"
    assert explorer.view.table.selected == "pool1"


def test_a_layer_chosen_elsewhere_is_marked_and_told(explorer, session):
    session.layer = "conv2"
    assert (explorer.view.table.selected, explorer.view.diagram.selected) == ("conv2", "conv2")
    assert "conv2 · Conv2D" in explorer.view.title.value
    assert "Each cell sees" in explorer.view.facts.value


def test_the_layer_that_a_method_took_by_itself_is_marked_but_not_chosen(explorer, session):
    assert session.layer is None
    assert explorer.view.table.selected == session.result.request.layer
    assert session.layer is None


def test_two_on_one_session_show_the_same_layer(explorer, session):
    other = ArchitectureExplorer(session=session)
    explorer.view.table.selected = "conv1"
    assert other.view.diagram.selected == "conv1"


def test_its_own_session_computes_nothing_and_needs_no_image(network):
    quiet = Session(network, runner=Inline(), variants=lambda settings: ArchitectureExplorer.variants(None, settings))
    explorer = ArchitectureExplorer(session=quiet)
    explorer.view.table.selected = "conv1"
    assert (quiet.status, quiet.result, quiet.layer) == ("empty", None, "conv1")
    assert explorer.view.diagram.scene["nodes"]


def test_a_session_that_is_asked_nothing_is_done_not_running(network, image):
    quiet = Session(network, image, runner=Inline(), variants=lambda settings: ())
    assert (quiet.status, quiet.message, quiet.result, quiet.probabilities) == ("done", "", None, None)


def test_another_network_takes_the_place_of_the_first(explorer, session):
    session.open(small_network("other", seed=1))
    assert explorer.view.diagram.scene["name"] == "other"
    explorer.view.table.selected = "pool1"
    assert session.layer == "pool1"


def test_before_there_is_a_network_the_page_is_there_and_empty():
    explorer = ArchitectureExplorer(session=Session(runner=Inline()))
    assert explorer.view.table.rows == []
    assert explorer.view.diagram.scene["nodes"] == []


def test_a_network_that_cannot_be_read_gets_a_sentence(network, image, monkeypatch):
    def refuse(network):
        raise ValueError("This one must be easier to read. Received: riddles.")

    monkeypatch.setattr(anatomy_view, "anatomy", refuse)
    explorer = ArchitectureExplorer(session=Session(network, image, runner=Inline()))
    assert "easier to read" in explorer.view.status.value


def test_reading_a_network_does_not_hold_up_the_page(network, image, monkeypatch):
    go_on, reading = threading.Event(), threading.Event()
    read = anatomy_view.anatomy

    def slowly(network):
        reading.set()
        assert go_on.wait(60)
        return read(network)

    monkeypatch.setattr(anatomy_view, "anatomy", slowly)
    session = Session(network, image, runner=LatestWins(), variants=lambda settings: ())
    explorer = ArchitectureExplorer(session=session)
    there = threading.Event()
    explorer.view.diagram.observe(lambda _: there.set(), "scene")
    assert reading.wait(60)
    assert "Reading small" in explorer.view.status.value
    session.layer = "conv1"  # the person can go on
    go_on.set()
    assert there.wait(60)
    with session.runner.lock:
        assert explorer.view.table.selected == "conv1"
        assert "Reading" not in explorer.view.status.value
    explorer.close()
    session.close()


def test_the_plot_by_keras_is_offered_only_where_it_can_be_made(session, monkeypatch):
    monkeypatch.setattr(anatomy_view, "can_plot", lambda: False)
    assert ArchitectureExplorer(session=session).view.plot_button.layout.display == "none"
    monkeypatch.setattr(anatomy_view, "can_plot", lambda: True)
    monkeypatch.setattr(anatomy_view, "plotted", lambda model: f"<svg>{model.name}</svg>".encode())
    explorer = ArchitectureExplorer(session=session)
    assert explorer.view.plot_button.layout.display is None
    explorer.view.plot_button.click()
    assert explorer.view.plot.children[0].value == b"<svg>small</svg>"


def test_a_plot_that_fails_gets_a_sentence(session, monkeypatch):
    def refuse(model):
        raise OSError("dot must run. Received: nothing.")

    monkeypatch.setattr(anatomy_view, "plotted", refuse)
    explorer = ArchitectureExplorer(session=session)
    explorer.view.plot_button.click()
    assert "dot must run" in explorer.view.status.value


def test_a_closed_explorer_follows_its_session_no_more(explorer, session):
    before = explorer.view.table.selected
    explorer.close()
    session.layer = "conv1"
    assert explorer.view.table.selected == before
