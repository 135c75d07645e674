"""The command `explain`: what it writes, how it goes on after an interruption, and how it refuses."""

import csv
import io
import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import keras
import numpy as np
import pytest
from PIL import Image

import cnnviz_widgets as cnnviz
from cnnviz_widgets import __main__ as command
from cnnviz_widgets.batch import command as explain
from cnnviz_widgets.batch.folder import MapFolder
from cnnviz_widgets.batch.progress import Progress
from cnnviz_widgets.batch.table import Table
from cnnviz_widgets.networks import load
from cnnviz_widgets.request import compute

CHECKOUT = Path(__file__).parents[2]
GOOD = ["a.png", "b c.jpg", "sub/d.gif", "sub/ä.png"]
SECONDS = 120  # a command that takes longer is broken


def picture(path, seed=0):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.random.default_rng(seed).integers(0, 256, (30, 36, 3), np.uint8)).save(path)


@pytest.fixture
def source(tmp_path):
    """Four pictures, one of them with two endings, a text called .jpg, and files that are none of our business."""
    folder = tmp_path / "pictures"
    for seed, name in enumerate(GOOD):
        picture(folder / name, seed)
    (folder / "text.jpg").write_text("no picture")
    (folder / "notes.txt").write_text("about the pictures")
    picture(folder / ".hidden.png")
    return folder


@pytest.fixture
def run(source, tmp_path):
    """Run the command in this process on `source` with the digits network. Returns the exit code."""

    def run(*arguments):
        where = ["explain", str(source), "--out", str(tmp_path / "maps")]
        return command.main([*where, "--network", "digits", *arguments])

    return run


def rows(folder, name="scores.csv"):
    return list(csv.DictReader(io.StringIO((folder / name).read_text("utf-8"))))


def test_each_picture_has_its_numbers_its_map_and_its_row(run, source, tmp_path, capsys):
    assert run() == 1  # one was skipped
    network, maps = load("digits"), tmp_path / "maps"
    for name, row in zip(GOOD, rows(maps), strict=True):
        image = network.fit(cnnviz.InputImage.open(source / name))
        wanted = compute(cnnviz.GradCAM(), network, image)
        target = wanted.request.target
        assert np.array_equal(np.load(maps / f"{name}.npy"), wanted.array)
        assert Image.open(maps / f"{name}.png").size == (224, 224)
        assert (row["file"], row["target"], int(row["index"])) == (name, network.describe(target), target.index)
        assert np.float32(row["score"]) == np.float32(network.scores(image, target))
        assert np.float32(row["probability"]) == np.float32(network.probability(image, target))
        assert [np.float32(row[end]) for end in ("min", "max")] == [wanted.array.min(), wanted.array.max()]
        assert (row["unit"], row["notes"]) == (wanted.unit, " ".join(map(str, wanted.notes)))
    said = capsys.readouterr().out
    assert "Skipped text.jpg: This is not a picture that can be opened." in said
    assert said.endswith("4 maps in " + str(maps) + "; 1 picture skipped, see skipped.csv; 1 other file left alone.\n")
    assert [row["file"] for row in rows(maps, "skipped.csv")] == ["text.jpg"]


def test_a_map_lies_over_its_picture_in_the_colours_of_the_live_view(run, source, tmp_path):
    run("--method", "Occlusion", "--set", "window=28", "--set", "stride=28")  # one window: one number
    pixels = np.asarray(Image.open(tmp_path / "maps" / "a.png.png"), float)
    grey = load("digits").fit(cnnviz.InputImage.open(source / "a.png")).rgb().repeat(8, 0).repeat(8, 1)
    colour = (pixels - 0.4 * grey) / 0.6
    assert np.ptp(colour, axis=(0, 1)).max() < 2  # the same everywhere
    (drop,) = np.unique(np.load(tmp_path / "maps" / "a.png.npy"))
    red, _, blue = colour.mean(axis=(0, 1))
    assert (red > blue) == (drop > 0)


def test_what_is_complete_is_not_computed_again(run, source, tmp_path, monkeypatch):
    run()
    picture(source / "e.png")
    kept = []
    monkeypatch.setattr(MapFolder, "keep", lambda output, name, *_: kept.append(name))
    run()
    assert kept == ["e.png"]


@pytest.mark.parametrize("lost", ["npy", "png", "row", "half a row"])
def test_what_is_not_complete_is(run, source, tmp_path, lost):
    run()
    maps = tmp_path / "maps"
    whole = (maps / "scores.csv").read_text("utf-8")
    if lost in ("npy", "png"):
        (maps / f"sub/d.gif.{lost}").unlink()
    elif lost == "row":
        (maps / "scores.csv").write_text("".join(whole.splitlines(keepends=True)[:-1]), "utf-8")
    else:
        (maps / "scores.csv").write_text(whole[:-5], "utf-8")
    run()
    assert (maps / "scores.csv").read_text("utf-8") == whole
    assert np.load(maps / "sub/d.gif.npy").size


def test_a_picture_that_is_newer_than_its_map_is_computed_again(run, source, tmp_path):
    run()
    before = rows(tmp_path / "maps")
    for name in ("a.png", "b c.jpg"):
        picture(source / name, seed=99)
    os.utime(source / "a.png", (2**31, 2**31))
    os.utime(source / "b c.jpg", (0, 0))  # as far as one can see it has not changed
    run()
    assert [one == other for one, other in zip(before, rows(tmp_path / "maps"), strict=True)] == [
        False,
        True,
        True,
        True,
    ]


@pytest.mark.slow
def test_a_row_comes_after_its_files(run, tmp_path, monkeypatch, capsys):
    def full(result):
        raise OSError("No space left")

    monkeypatch.setattr("cnnviz_widgets.batch.folder.picture_of", full)
    with pytest.raises(SystemExit):
        run()
    assert "No space left" in capsys.readouterr().err
    assert rows(tmp_path / "maps") == []
    monkeypatch.undo()
    assert run() == 1
    assert [row["file"] for row in rows(tmp_path / "maps")] == GOOD


def test_a_run_that_was_interrupted_ends_with_the_same_table(run, source, tmp_path):
    run()
    maps = tmp_path / "maps"
    whole = (maps / "scores.csv").read_text("utf-8")
    (maps / "scores.csv").write_text("".join(whole.splitlines(keepends=True)[i] for i in (0, 4)), "utf-8")
    run()
    assert (maps / "scores.csv").read_text("utf-8") == whole


def test_other_settings_are_refused_until_they_may_overwrite(run, tmp_path, capsys):
    run()
    with pytest.raises(SystemExit) as stopped:
        run("--target", "7")
    assert stopped.value.code == 2
    assert re.search(r"made with other settings.*Received: target '7', there None\.\n", capsys.readouterr().err)
    run("--target", "7", "--overwrite")
    assert {row["target"] for row in rows(tmp_path / "maps")} == {"7"}
    assert json.loads((tmp_path / "maps/settings.json").read_text())["target"] == "7"


def own_model(path):
    """A model file for pixels from 0 to 1 that says nothing of it, and the model."""
    image = keras.Input((8, 8, 3))
    maps = keras.layers.Conv2D(4, 3, activation="relu")(image)
    scores = keras.layers.Dense(2, activation="softmax")(keras.layers.GlobalAveragePooling2D()(maps))
    model = keras.Model(image, scores)
    random = np.random.default_rng(0)
    model.set_weights([random.normal(size=weight.shape) for weight in model.get_weights()])
    model.save(path)
    return model


def test_one_says_what_the_network_takes_and_what_its_classes_are(run, source, tmp_path, capsys):
    model = own_model(tmp_path / "own.keras")
    (tmp_path / "names.txt").write_text("cat\ndog\n", "utf-8")
    own = ["--network", str(tmp_path / "own.keras")]
    said = ["--range", "0,1", "--preprocess", "torch", "--classes", str(tmp_path / "names.txt"), "--target", "dog"]
    run(*own, *said)
    found = rows(tmp_path / "maps")
    assert {(row["target"], row["index"]) for row in found} == {("dog", "1")}
    assert not any("assumed" in row["notes"] for row in found)
    for name, row in zip(GOOD, found, strict=True):
        pixels = cnnviz.InputImage.open(source / name).fitted(8, 8, 3).array
        given = keras.applications.densenet.preprocess_input(np.array(pixels))
        assert float(row["probability"]) == pytest.approx(model(given[np.newaxis]).numpy()[0, 1], abs=1e-5)
    run(*own, *said)  # goes on with the same settings
    capsys.readouterr()
    with pytest.raises(SystemExit):
        run(*own, "--range", "-1,1", *said[2:])
    assert "Received: range [-1.0, 1.0], there [0.0, 1.0]." in capsys.readouterr().err


def test_where_nobody_says_it_the_table_does(run, tmp_path):
    own_model(tmp_path / "own.keras")
    run("--network", str(tmp_path / "own.keras"))
    assert all("Pixels from 0 to 255 are assumed" in row["notes"] for row in rows(tmp_path / "maps"))


def test_a_wrong_number_of_names_is_one_sentence_and_exit_code_2(run, tmp_path, capsys):
    (tmp_path / "names.txt").write_text("cat\ndog\n", "utf-8")
    with pytest.raises(SystemExit) as stopped:
        run("--classes", str(tmp_path / "names.txt"))
    said = capsys.readouterr().err
    assert stopped.value.code == 2
    assert "class_names must name every class of the output, 10 of them. Received: 2 names." in said


def test_one_says_what_the_output_of_the_network_is(run, source, tmp_path, capsys):
    run("--output-is", "logits", "--target", "3")
    outputs = [load("digits").probabilities(cnnviz.InputImage.open(source / name)) for name in GOOD]
    expected = [np.exp(output[3]) / np.exp(output).sum() for output in outputs]
    found = [float(row["probability"]) for row in rows(tmp_path / "maps")]
    assert found == pytest.approx(expected, abs=1e-6)
    with pytest.raises(SystemExit):  # other maps than without it
        run("--target", "3")
    assert "Received: output is None, there 'logits'." in capsys.readouterr().err


def test_settings_that_led_to_no_map_bind_nobody(run, tmp_path):
    with pytest.raises(SystemExit):
        run("--layer", "conv9")
    assert run("--layer", "conv2") == 1
    assert len(rows(tmp_path / "maps")) == 4


def test_the_maps_may_lie_inside_the_folder_of_the_pictures(source):
    arguments = ["explain", str(source), "--out", str(source / "maps"), "--network", "digits"]
    command.main(arguments)
    command.main(arguments)
    assert [row["file"] for row in rows(source / "maps")] == GOOD


def test_two_commands_do_not_write_into_one_folder(run, tmp_path, capsys):
    other = MapFolder(tmp_path / "maps", {})
    with pytest.raises(SystemExit):
        run()
    assert "Only one command at a time may write into a folder" in capsys.readouterr().err
    other.close()
    assert run() == 1


def test_where_every_picture_is_refused_alike_it_stops(run, source, capsys):
    for number in range(30):
        picture(source / f"n{number:02}.png", number)
    (source / "text.jpg").unlink()
    with pytest.raises(SystemExit):
        run("--method", "CAM")
    assert re.search(
        r"needs global average pooling.* So it was for each of the first 10 pictures\.", capsys.readouterr().err
    )


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL])
def test_after_an_interruption_the_same_command_goes_on(source, tmp_path, number):
    others = [f"n{more:03}.png" for more in range(300)]  # enough to be at work still when the signal comes
    for more, name in enumerate(others):
        picture(source / name, more)
    maps = tmp_path / "maps"
    arguments = ["explain", str(source), "--out", str(maps), "--network", "digits", "--method", "ScoreCAM"]
    environment = {**os.environ, "PYTHONPATH": str(CHECKOUT)}
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    # What a shell runs in the background ignores Ctrl-C, and so would what is started from there.
    pipes["preexec_fn"] = lambda: signal.signal(signal.SIGINT, signal.SIG_DFL)
    running = subprocess.Popen(
        [sys.executable, "-m", "cnnviz_widgets", *arguments], env=environment, cwd=tmp_path, **pipes
    )
    until = time.monotonic() + SECONDS
    while not (maps / "scores.csv").exists() or len(rows(maps)) < 5:
        assert running.poll() is None, running.stderr.read()
        assert time.monotonic() < until
        time.sleep(0.01)
    running.send_signal(number)
    said, wrong = running.communicate(timeout=SECONDS)
    before = {path: path.read_bytes() for row in rows(maps) for path in maps.glob(f"{row['file']}.*")}
    assert 10 <= len(before) < 2 * (len(GOOD) + len(others))
    if number == signal.SIGINT:
        assert (running.returncode, said) == (130, "Stopped. The same command goes on from here.\n")
        assert "Traceback" not in wrong
    assert command.main(arguments) == 1
    assert sorted(row["file"] for row in rows(maps)) == sorted([*GOOD, *others])
    assert {path: path.read_bytes() for path in before} == before
    assert list(maps.rglob("*.part")) == []


@pytest.mark.slow
def test_over_a_cluster_the_files_are_the_same(run, source, tmp_path, capsys):
    distributed = pytest.importorskip("distributed")
    run()
    elsewhere = ["explain", str(source), "--out", str(tmp_path / "dask"), "--network", "digits"]
    with distributed.LocalCluster(n_workers=1, host="127.0.0.1", dashboard_address=None) as cluster:
        assert command.main([*elsewhere, "--dask", cluster.scheduler_address]) == 1
    files = [path for path in (tmp_path / "maps").rglob("*.*") if path.is_file()]
    assert len(files) == 4 * 2 + 4  # numbers, maps; two tables, settings, lock
    for path in files:
        assert path.read_bytes() == (tmp_path / "dask" / path.relative_to(tmp_path / "maps")).read_bytes()


# ---- Refusals


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--method", "GradCam"], r"--method must be one of GradCAM, .*Did you mean GradCAM\? Received: 'GradCam'\."),
        (["--method", "Filters"], r"--method must be one of"),
        (
            ["--set", "relo=guided"],
            r"GradCAM has the parameters relu, final_relu\. Did you mean relu\? Received: 'relo=g",
        ),
        (["--set", "relu"], r"--set must be NAME=VALUE"),
        (["--set", "relu=guide"], r"relu must be one of 'standard', .*Received: relu='guide'\."),
        (["--set", "final_relu=maybe"], r"final_relu must be True or False\. Received: final_relu='maybe'\."),
        (["--method", "Occlusion", "--set", "window=x"], r"window must be a whole number.*Received: window='x'\."),
        (["--network", "digit"], r"Did you mean digits\? Received: 'digit'"),
        (["--layer", "conv9"], r"No layer named 'conv9'\. Near to it: conv"),
        (["--target", "12"], r"Received: "),
        (["--target", "seven"], r"No class named 'seven' among the 10 of digits\."),
        (["--dask", "tcp://127.0.0.1:1"], r"must be the address of a running Dask scheduler.*Received: 'tcp://127"),
        (["--dask", "here"], r"must be the address of a running Dask scheduler.*Received: 'here'\."),
    ],
)
def test_what_is_wrong_is_one_line_and_exit_code_2(arguments, sentence, run, capsys):
    with pytest.raises(SystemExit) as stopped:
        run(*arguments)
    said = capsys.readouterr().err
    assert stopped.value.code == 2
    assert re.match(r"cnnviz explain: .*" + sentence, said)
    assert said.count("\n") == 1


@pytest.mark.parametrize(
    ("folder", "out", "sentence"),
    [
        ("missing", "maps", r"FOLDER must be a folder of pictures\. Received: 'missing'\."),
        ("empty", "maps", r"FOLDER must hold pictures\. Received: 'empty', which holds 1 other files\."),
        ("pictures", "empty/file.txt", r"--out must be a folder.*Received: 'empty/file\.txt', a file\."),
        ("pictures", "pictures", r"--out must be another folder than that of the pictures\."),
    ],
)
def test_folders_that_are_none_are_refused(folder, out, sentence, source, tmp_path, monkeypatch, capsys):
    (tmp_path / "empty").mkdir()
    (tmp_path / "empty/file.txt").write_text("text")
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit) as stopped:
        command.main(["explain", folder, "--out", out])
    assert stopped.value.code == 2
    assert re.match(r"cnnviz explain: " + sentence, capsys.readouterr().err)


def test_without_dask_it_says_how_to_get_it(run, monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "distributed", None)
    with pytest.raises(SystemExit):
        run("--dask", "tcp://127.0.0.1:8786")
    assert 'pip install "cnnviz-widgets[dask]"' in capsys.readouterr().err


def test_a_scheduler_that_is_lost_leaves_what_is_there(run, tmp_path, monkeypatch, capsys):
    def lost(*_):
        raise RuntimeError("The Dask scheduler must run until the last image is done.")
        yield

    monkeypatch.setattr(explain, "answered_items", lost)
    assert run() == 1
    assert "must run until the last image is done. The same command goes on from here." in capsys.readouterr().out


def test_help_names_every_option_and_exit_code(capsys):
    with pytest.raises(SystemExit) as stopped:
        command.main(["explain", "--help"])
    shown = capsys.readouterr().out
    assert stopped.value.code == 0
    for piece in ("--out", "--method", "--set", "--network", "--target", "--layer", "--dask", "--overwrite", "130"):
        assert piece in shown


# ---- Parts


class Terminal(io.StringIO):
    def isatty(self):
        return True


def test_progress_tells_how_fast_and_how_long_still():
    now = iter([100, 104, 110])
    progress = Progress(7, Terminal(), lambda: next(now))
    progress.step()
    assert progress.words() == "1/7"
    progress.step(skipped=True)
    assert progress.words() == "2/7 · 0.1 images/s · 50 s left · 1 skipped"


def test_progress_is_a_line_on_a_terminal_and_nothing_elsewhere():
    for stream, shown in ((Terminal(), True), (io.StringIO(), False)):
        with Progress(2, stream) as progress:
            progress.step()
        assert bool(stream.getvalue()) == shown
        assert "\n" not in stream.getvalue()


def test_a_table_gives_back_what_it_was_given_and_leaves_out_a_torn_row(tmp_path):
    table = Table(tmp_path / "table.csv", ("file", "note"))
    names = ["a, b", 'quo"te', "two\nlines", "ä", os.fsdecode(b"\xff.png")]
    assert table.rows() == []
    table.rewrite([])
    for name in names:
        table.append({"file": name, "note": "x"})
    assert [row["file"] for row in table.rows()] == names
    for cut in range(1, 5):
        table.path.write_bytes(table.path.read_bytes()[:-1])
        assert [row["file"] for row in table.rows()] == names[:-1], cut
