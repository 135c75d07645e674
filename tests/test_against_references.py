"""The page that sets every method beside its references is of the cases that are there; the figures are measured.

The references themselves live in an environment of their own, see `benchmarks/peers`; nothing here needs it.
"""

import ast

import numpy as np
import pytest

import cnnviz_widgets as cnnviz
from benchmarks.peers import references
from benchmarks.peers.cases import NETWORKS, Case, cases
from benchmarks.peers.places import FOLDER
from benchmarks.peers.references import ALIKE, Compared

CASES = [(name, case) for name in NETWORKS for case in cases(name)]
PAGE = references.PAGE.read_text(encoding="utf-8")
BESIDE = Case(cnnviz.GradCAM(), "captum_layer_grad_cam", {}, "conv3")


def asked():
    """{name: its arguments} of every reference, read without importing torch."""
    tree = ast.parse(references.SCRIPT.read_text(encoding="utf-8"))
    body = next(node.body for node in tree.body if getattr(node, "name", "") == "References")
    return {
        node.name: node.args for node in body if isinstance(node, ast.FunctionDef) and not node.name.startswith("_")
    }


def row(case=BESIDE, difference=1e-7, in_double=1e-9):
    return Compared("digits", case, difference, in_double, 1.0)


@pytest.mark.parametrize("method", cnnviz.all_methods(), ids=lambda method: method.__name__)
def test_every_method_is_beside_a_reference(method):
    assert any(type(case.method) is method for _, case in CASES)
    assert f"\n## {method.title}\n" in PAGE


def test_every_case_names_a_reference_and_its_arguments():
    known = asked()
    for _, case in CASES:
        arguments = known[case.reference]
        names = {each.arg for each in arguments.args}
        wanted = names - {"self"} - {each.arg for each in arguments.args[len(names) - len(arguments.defaults) :]}
        assert wanted <= set(case.options)
        assert arguments.kwarg or set(case.options) <= names


def test_the_page_has_a_line_for_every_case_and_no_other():
    lines = [
        line for line in PAGE.splitlines() if line.startswith("| ") and not line.startswith(("| Setting", "| ---"))
    ]
    said = [line.split(" | ")[:3] for line in lines]
    expected = [
        [
            f"| {references.setting(case.method)}",
            references.place(Compared(name, case, 0, 0, 1)),
            references.reference(case),
        ]
        for name, case in CASES
    ]
    assert sorted(said) == sorted(expected)


def test_a_case_differs_on_the_page_where_it_says_why():
    assert PAGE.count("(see above)") == sum(bool(case.why) for _, case in CASES)
    for _, case in CASES:
        assert case.why in PAGE


def test_a_formula_or_an_open_question_stands_behind_every_reason():
    """A library is called different only where something else has ours: the same method, network and layer."""
    for name, case in CASES:
        if case.why:
            others = [
                other
                for there, other in CASES
                if type(other.method) is type(case.method) and other.layer == case.layer and not other.why
                if there.split(",")[0] == name.split(",")[0]
            ]
            assert others, f"{name}: {references.setting(case.method)}"


def test_a_difference_is_relative_to_the_largest_number_of_the_reference():
    assert references.apart(np.array([1.0, -3.0]), np.array([1.0, -4.0])) == 0.25


@pytest.mark.parametrize("theirs", [np.zeros(2), np.ones((2, 1))], ids=["zeros", "another shape"])
def test_nothing_is_measured_beside_zeros_or_another_shape(theirs):
    with pytest.raises(ValueError, match="one shape, and the reference more than zeros"):
        references.apart(np.ones(2), theirs)


def test_a_sign_is_turned_only_where_it_is_arbitrary():
    ours, theirs = np.array([1.0, 2.0]), np.array([-1.0, -2.0])
    free = Case(cnnviz.EigenCAM(), "pytorch_grad_cam_map", {"kind": "EigenCAM"}, "conv3", "sign")
    assert references.signed(free, ours, theirs)[1].tolist() == [1, 2]
    assert references.signed(BESIDE, ours, theirs)[1].tolist() == [-1, -2]


def test_a_difference_without_a_reason_is_an_error_and_so_is_a_reason_without_a_difference():
    why = Case(BESIDE.method, BESIDE.reference, {}, "conv3", why="Because.")
    references.check([row(), row(why, 0.1, 0.1)])
    for bad in (row(in_double=2 * ALIKE), row(why)):
        with pytest.raises(ValueError, match="alike, or differ and say why"):
            references.check([bad])


def test_rounding_is_told_from_another_formula():
    why = Case(BESIDE.method, BESIDE.reference, {}, "conv3", why="Because.")
    told = references.differing([row(), row(difference=1e-3), row(why, 0.2, 0.2)])
    assert told.count("\n- ") == 2
    assert "Because.\n\n- Grad-CAM" in told
    assert "1.0e-03, in double precision 1e-09" in told


def test_a_network_in_double_precision_has_the_same_weights_and_answers():
    network = cnnviz.load("digits")
    twin, image = references.doubled(network), references.picture("digits")
    assert twin.gradient(image, 0).dtype == np.float64
    assert twin.logits(image) == pytest.approx(network.logits(image), abs=1e-4)


def test_without_the_environment_it_says_how_to_get_it(tmp_path, monkeypatch):
    monkeypatch.setenv(FOLDER, str(tmp_path))
    with pytest.raises(FileNotFoundError, match="benchmarks.peers build"):
        references.write()
