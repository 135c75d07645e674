"""What the benchmarks print and write is what was measured, of every method; peers are spoken to in lines of JSON.

Nothing is timed here.
"""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from benchmarks import arrival, fresh, page_writer, parts
from benchmarks.measure import Row, Seconds, alternate, table
from benchmarks.peers import places
from benchmarks.peers.build import ENVIRONMENTS, installs
from benchmarks.peers.process import Peer, PeerError
from cnnviz_widgets.methods import all_methods

ROOT = Path(__file__).parents[1]
# Rows as a run might have them: (row, what its line says)
ROWS = {
    "met": (Row("gradient", (0.02,) * 5, (0.02,) * 5, goal=1.15), "| ≤ 1.15×: met |"),
    "missed": (Row("gradient", (0.03,), (0.02,), goal=1.15), "| 30 ms | 20 ms | 1.50 | ≤ 1.15×: **NOT met** |"),
    "spread": (Row("a", (0.001, 0.002, 0.003, 0.004, 0.005)), "| a | 3 [2 .. 4] ms |"),
    "seconds": (Row("a", (0.012,), goal=0.01), "| 12 ms | ≤ 10 ms: **NOT met** |"),
    "many times": (Row("a", (1.0,), (2.0,), faster=2.2), "| 0.50 | ≥ 2.2× as fast: **NOT met** |"),
    "beside": (Row("a", (1.0,), (2.0,), beside="two plain ones"), "| 2000 ms two plain ones |"),
    "peers": (
        Row("a", (0.1,), peers={"x": (0.3,), "y": (0.2,)}, wanted={"x": 2.5, "absent": 4}),
        "| x 300 ms, 3.00×<br>y 200 ms, 2.00× | ≥ 2.5× as fast as x: met |",
    ),
    "megabytes": (Row("a", (12.0,), peers={"x": (24.0,)}, unit="MB"), "| 12 MB | x 24 MB, 2.00× |"),
    "remark": (Row("a", (1.0,), remark="either | or"), "| a<br><sub>either \\| or</sub> | 1000 ms |"),
}


@pytest.mark.parametrize("kind", ROWS)
def test_a_row_says_what_was_measured(kind):
    row, words = ROWS[kind]
    assert words in page_writer.table([row])


def test_a_row_is_the_same_after_json():
    for row, _ in ROWS.values():
        kept = json.loads(json.dumps(row.as_dict()))
        assert page_writer.table([Row.of_dict(kept)]) == page_writer.table([row])


def test_the_page_counts_goals_and_names_those_that_were_missed():
    rows = [ROWS[kind][0].as_dict() for kind in ("met", "missed", "peers")]
    run = {"machine": {"cores": 2}, "parts": {"gradients": {"facts": ["x 1.0"], "rows": rows}}}
    page = page_writer.page(run)
    assert "2 of 3 goals are met.\n\nMissed:\n\n- gradient: ≤ 1.15×, measured 1.50×\n" in page
    assert "- cores: 2\n" in page
    assert "## Gradients at the image" in page
    assert "\n- x 1.0\n" in page


def test_the_printed_table_says_the_same():
    printed = table([row for row, _ in ROWS.values()])
    assert printed.count("NOT met") == 3
    assert "3.00 times ours" in printed


def test_every_method_is_measured_or_left_out_by_name():
    names = {method.__name__ for method in all_methods()}
    assert parts.measured() | set(parts.LEFT_OUT) == names
    assert not parts.measured() & set(parts.LEFT_OUT)


def test_the_page_in_docs_has_every_part():
    page = (ROOT / "docs" / "benchmarks.md").read_text(encoding="utf-8")
    assert [heading for heading, _ in parts.PARTS.values() if f"\n## {heading}\n" not in page] == []


def test_what_is_measured_in_a_fresh_process_can_be_made():
    assert [fresh.title(name) for name in fresh.CASES]


def test_a_contender_may_tell_its_own_time():
    own, ours = alternate(lambda: Seconds(7), lambda: None, rounds=3, warm_up=1)
    assert own == (7, 7, 7)
    assert max(ours) < 7


def test_the_kernel_would_tell_when_tensorflow_is_in():
    with arrival.watched() as (environment, _):
        asks = "from cnnviz_widgets.engine.startup import start_tensorflow as f; print(f.__wrapped__.__name__)"
        done = subprocess.run([sys.executable, "-c", asks], env=environment, cwd=ROOT, capture_output=True, text=True)
    assert done.stdout.strip() == "start_tensorflow", done.stderr


def test_the_time_is_that_of_the_first_return(tmp_path, monkeypatch):
    monkeypatch.setenv(arrival.FILE, str(tmp_path / "told"))
    timed = arrival.noted(lambda: None)
    timed()
    first = (tmp_path / "told").read_text()
    timed()
    assert (tmp_path / "told").read_text() == first


# ---- Peers

FAKE = """
import sys
sys.path.insert(0, {scripts!r})
from serve import serve, settings

def prepare(folder):
    print("a greeting")
    chosen = settings(folder)

    def fails():
        raise ValueError("no such layer")

    return {{"fake": "1.0"}}, {{"double": lambda: [2 * chosen["number"]], "fails": fails, "dies": lambda: sys.exit(3)}}

serve(prepare)
"""


@pytest.fixture
def peer(tmp_path):
    (tmp_path / "fake.py").write_text(FAKE.format(scripts=str(places.HERE / "scripts")))
    (tmp_path / "settings.json").write_text('{"number": 21}')
    with Peer("fake", sys.executable, tmp_path / "fake.py", tmp_path) as peer:
        yield peer


def test_a_peer_says_what_it_is_and_what_it_can(peer):
    assert peer.versions == {"fake": "1.0"}
    assert set(peer.tasks) == {"double", "fails", "dies"}


def test_a_peer_gives_its_array_and_its_time(peer):
    assert peer.array("double") == np.array([42])
    assert 0 <= peer.seconds("double") < 5


def test_a_mistake_of_a_peer_is_told_and_it_goes_on(peer):
    with pytest.raises(PeerError, match="fake: ValueError: no such layer"):
        peer.seconds("fails")
    assert peer.array("double") == np.array([42])


def test_a_peer_that_ends_is_told(peer):
    with pytest.raises(PeerError, match="fake: it ended"):
        peer.seconds("dies")


@pytest.mark.skipif(not os.access("/proc/self/clear_refs", os.W_OK), reason="only Linux tells the peak of memory")
def test_a_peer_tells_its_memory(peer):
    assert 0 <= peer.megabytes("double") < 50


def test_peers_that_are_missing_are_named_with_the_way_to_get_them(tmp_path, monkeypatch):
    monkeypatch.setenv(places.FOLDER, str(tmp_path))
    assert places.present() == ()
    names = ", ".join(place.name for place in places.PEERS)
    assert places.missing() == f"Without {names}, which `python -m benchmarks.peers build` gets."


@pytest.mark.parametrize("place", places.PEERS, ids=lambda place: place.name)
def test_a_peer_has_a_script_and_its_requirements(place):
    assert place.script.is_file()
    assert (places.HERE / f"{place.environment}.txt").is_file()


@pytest.mark.parametrize("name", ENVIRONMENTS)
def test_requirements_name_the_versions_that_were_tested(name):
    for *_, file in installs(name):
        lines = [line for line in file.read_text().splitlines() if line and not line.startswith("#")]
        assert [line for line in lines if not re.fullmatch(r"[\w-]+==[\w.]+", line)] == []
