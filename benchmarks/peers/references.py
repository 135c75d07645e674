"""Compare every method with its references, and write `docs/against_references.md`.

The references run in the torch environment, in double precision, on the same weights and image; see `cases.py`. Ours
is asked twice, as it is and in double precision, which tells rounding from another formula. A case is alike up to
`ALIKE` in double precision, or says why not; a sentence for a difference that is not there is an error as well, so that
the page cannot keep one that has become untrue.
"""

import json
import os
import subprocess
import tempfile
from dataclasses import dataclass, fields
from importlib.metadata import version
from itertools import groupby
from pathlib import Path

import numpy as np

import cnnviz_widgets as cnnviz

from .cases import NETWORKS, Case, cases
from .places import HERE, folder, python_in
from .process import OURS
from .small_transformer import NAME, small_transformer

PAGE = HERE.parents[1] / "docs" / "against_references.md"
SCRIPT = HERE / "scripts" / "references_in_torch.py"
ALIKE = 2e-5  # of the reference's largest number
# Grey levels by which the digit's pixels are moved at random, so that no two numbers in a window are equal.
GRAIN = 4.0
REDUCED = {"max_abs": lambda array: np.abs(array).max(axis=-1), "sum": lambda array: array.sum(axis=-1)}
LIBRARIES = {
    "captum": "captum",
    "pytorch_grad_cam": "pytorch-grad-cam",
    "zennit": "zennit",
    "formula": "formula in double precision",
}
ROUNDED = (
    "One formula, and rounding that is seen: a unit within rounding of a kink of its ReLU or max pool is on one side "
    "in single precision and on the other in double, or a number is the small remainder of large ones. The reference "
    "is the more exact one."
)


@dataclass(frozen=True)
class Compared:
    """A case with its result: the largest difference, relative to the reference's largest number, and correlation.

    `in_double` is the difference where our side is in double precision as well.
    """

    network: str
    case: Case
    difference: float
    in_double: float
    correlation: float

    @property
    def alike(self):
        """True where it is the same formula: whatever differs is gone in double precision."""
        return self.in_double <= ALIKE

    @property
    def rounded(self):
        """True where it is the same formula and single precision is seen all the same."""
        return self.alike and self.difference > ALIKE


def write():
    """Compare, and write the page. Raises FileNotFoundError without the torch environment."""
    python = python_in(folder() / "torch")
    if not python.exists():
        raise FileNotFoundError(
            f"References live in the torch environment, which `python -m benchmarks.peers build` makes. "
            f"Received: {python}."
        )
    rows, versions = [], {}
    for name in NETWORKS:
        print(f"{name} …", flush=True)
        found, versions = compared(name, python)
        rows += found
    PAGE.write_text(page(rows, versions), encoding="utf-8")
    check(rows)


def check(rows):
    """Raise ValueError where a row differs without a reason, or has a reason and does not differ."""
    if unexplained := [row for row in rows if row.alike == bool(row.case.why)]:
        raise ValueError(
            "A case must be alike, or differ and say why. Received: "
            + "; ".join(f"{told(row)}: {row.in_double:.1e}" for row in unexplained)
        )


def compared(name, python):
    """Return ([Compared], {package: version}) of a network."""
    network, listed = network_of(name), list(cases(name))
    image = network.fit(picture(name))
    target = int(network.target(None, image).index)
    with tempfile.TemporaryDirectory() as place:
        made = hand_over(Path(place), network, image, target, listed)
        environment = {key: value for key, value in os.environ.items() if key not in OURS}
        with open(Path(place) / "log", "w") as log:
            command = [str(python), str(SCRIPT), place]
            process = subprocess.Popen(command, env=environment, stdout=log, stderr=subprocess.STDOUT)
            single, double = (
                [answer(each, image, target, case, made) for case in listed] for each in (network, doubled(network))
            )
            if process.wait():
                raise RuntimeError(f"The references must end well. Received: {Path(log.name).read_text()[-500:]}")
        theirs = [loaded(Path(place), number, case) for number, case in enumerate(listed)]
        versions = json.loads((Path(place) / "versions.json").read_text())
    return [
        Compared(name, case, apart(*pair), apart(*signed(case, more, other)), correlation(*pair))
        for case, own, more, other in zip(listed, single, double, theirs, strict=True)
        for pair in [signed(case, own, other)]
    ], versions


def network_of(name):
    """Return the network that is looked at under a name."""
    return small_transformer() if name == NAME else cnnviz.load(NETWORKS[name].network)


def doubled(network):
    """Return the same network with layers and weights in double precision."""
    model = network.model
    plan = json.loads(json.dumps(model.get_config()).replace('"float32"', '"float64"'))
    twin = type(model).from_config(plan)
    twin.set_weights([weights.astype(np.float64) for weights in model.get_weights()])
    facts = {"class_names": network.class_names, "samples": network.samples, "value_range": network.value_range}
    return cnnviz.Network(twin, name=network.name, **facts)


def picture(name):
    """Return the first sample image, the digit with a grain unless the network is looked at as it is."""
    sample = cnnviz.samples("digits" if name == NAME else NETWORKS[name].network)[0]
    if not NETWORKS[name].grain:
        return sample
    array = np.asarray(sample.array, np.float32)
    moved = np.random.default_rng(0).uniform(0, GRAIN, array.shape).astype(np.float32)
    return cnnviz.InputImage(np.where(array > 255 - GRAIN, array - moved, array + moved), f"{sample.name} with a grain")


def hand_over(place, network, image, target, listed):
    """Write what the references need into the folder `place`; return the picture of maximal activation."""
    named = [(layer.name, each) for layer in network.model.layers for each in layer.weights]
    # In an attention, "kernel" is the name of four weights; the path tells them apart.
    weights = {f"{name}/{each.path.rpartition(f'{name}/')[-1]}": each.numpy() for name, each in named}
    np.savez(place / "weights.npz", **weights)
    np.save(place / "image.npy", image.array)
    picture = cnnviz.compute(cnnviz.MaximalActivation(steps=24), network, image, target=target).array
    np.save(place / "picture.npy", picture)
    settings = {"network": network.name, "target": target, "range": [float(end) for end in network.value_range]}
    (place / "settings.json").write_text(json.dumps(settings))
    (place / "wanted.json").write_text(json.dumps([[case.reference, case.options] for case in listed]))
    return picture


def answer(network, image, target, case, picture):
    """Return our array; of a picture made by ascent, its score, since one rounding makes it another picture."""
    if case.reference == "formula_score_of_picture":
        return np.array([float(network.scores(picture, target))])
    where = {"layer": case.layer} if case.layer else {}
    return cnnviz.compute(case.method, network, image, target=target, **where).array


def loaded(place, number, case):
    """Return the reference's array, reduced as the case says. Raises RuntimeError with its own sentence."""
    if (sentence := place / f"{number}.txt").exists():
        raise RuntimeError(f"A reference must answer. Received: {case.reference}, {sentence.read_text()}")
    return REDUCED.get(case.reduce, np.asarray)(np.load(place / f"{number}.npy"))


def signed(case, ours, theirs):
    """Return (ours, theirs), with the reference's sign turned where it is arbitrary and the other one."""
    return ours, -theirs if case.reduce == "sign" and (ours * theirs).sum() < 0 else theirs


def apart(ours, theirs):
    """Return the largest difference of any number, relative to the largest of `theirs`.

    Raises ValueError for other shapes, and for a reference of zeros, beside which nothing is measured.
    """
    if ours.shape != theirs.shape or not theirs.any():
        raise ValueError(
            "Arrays must have one shape, and the reference more than zeros. "
            f"Received: {ours.shape} and {theirs.shape}, largest {np.abs(theirs).max(initial=0):g}."
        )
    return float(np.abs(ours - theirs).max() / np.abs(theirs).max())


def correlation(ours, theirs):
    """Return Pearson's correlation of all numbers, 1 for a single one."""
    return float(np.corrcoef(np.ravel(ours), np.ravel(theirs))[0, 1]) if ours.size > 1 else 1.0


HEAD = """# Every method beside its references

Written by `python -m benchmarks.peers references`; do not edit. On both sides are the same weights and the same image.
The references run in PyTorch and in double precision: captum, pytorch-grad-cam and zennit as they are, and the papers'
formulas written once more in NumPy (`benchmarks/peers/scripts/formulas.py`), which have no code of ours in them and
tell who is right where a library differs. A difference is the largest of any number, as a share of the reference's
largest number. Ours is given twice: as it is, in single precision, and with the layers in double precision. What is
gone there, to {alike:g}, is rounding; what is left is another formula, and its reason stands beneath.

The first sample image of each bundled network, and the class that it sees there. The digit has a grain: each pixel is
moved by up to {grain:g} of 255, for its even background gives max pools windows of equal numbers, where a gradient has
more than one right answer. The digit as it is stands in lines of its own, "digits, even". Methods about attention look
at the digit by a small vision transformer with random weights, `benchmarks/peers/small_transformer.py`.

Some things are not what a library does out of the box. SmoothGrad gets our noise, for its own is drawn anew each time;
noisy copies and distances from a baseline are rounded to single precision on both sides. Maps of pytorch-grad-cam are
taken before they are stretched to 0..1. An epsilon of LRP is ours, a share of the root mean square, handed to zennit as
a function. Maximal activation ends at no number that another library shares: only the score of its picture is compared.
"""


def page(rows, versions):
    """Return the page, Markdown."""
    used = {"cnnviz-widgets": version("cnnviz-widgets"), "tensorflow": version("tensorflow"), **versions}
    named = ", ".join(f"{package} {number}" for package, number in used.items())
    alike, rounded = [row for row in rows if row.alike], [row for row in rows if row.rounded]
    summary = (
        f"{len(rows)} comparisons. {len(alike)} are of one formula: in double precision at most "
        f"{max(row.in_double for row in alike):.0e} apart; in single precision {len(alike) - len(rounded)} of them are "
        f"within {ALIKE:g}. {len(rows) - len(alike)} are of two formulas."
    )
    blocks = [HEAD.format(alike=ALIKE, grain=GRAIN), f"Versions: {named}.\n", f"{summary}\n", differing(rows)]
    for title, found in groupby(sorted(rows, key=lambda row: row.case.method.title), lambda row: row.case.method.title):
        blocks.append(f"## {title}\n\n{table(list(found))}")
    return "\n".join(blocks)


def differing(rows):
    """Return the section about differences: each reason, the rows that have it, and their size."""
    lines = ["## Where they differ, and who is right\n"]
    apart = sorted((row for row in rows if not row.alike), key=lambda row: row.case.why)
    for why, found in groupby(apart, lambda row: row.case.why):
        lines.append(f"{why or 'No reason is known.'}\n")
        lines += [f"- {told(row)}: {row.difference:.1e}, correlation {row.correlation:.3f}" for row in found]
        lines.append("")
    if rounded := [row for row in rows if row.rounded]:
        lines.append(f"{ROUNDED}\n")
        lines += [f"- {told(row)}: {row.difference:.1e}, in double precision {row.in_double:.0e}" for row in rounded]
        lines.append("")
    return "\n".join(lines)


def table(rows):
    """Return the rows of a method."""
    head = "| Setting | Network | Reference | Difference | In double precision |\n| --- | --- | --- | --- | --- |\n"
    return head + "".join(
        f"| {setting(row.case.method)} | {place(row)} | {reference(row.case)} | "
        f"{row.difference:.0e} | {row.in_double:.0e}{'' if row.alike else ' (see above)'} |\n"
        for row in rows
    )


def told(row):
    """Return a row in words."""
    return f"{row.case.method.title} ({setting(row.case.method)}), {place(row)}, beside {reference(row.case)}"


def setting(method):
    """Return the parameters that are not the default ones."""
    changed = [
        f"{each.name}={getattr(method, each.name)!r}"
        for each in fields(method)
        if getattr(method, each.name) != getattr(type(method)(), each.name)
    ]
    return ", ".join(changed) or "as it is"


def place(row):
    """Return the network and the layer."""
    return row.network + (f", {row.case.layer}" if row.case.layer else "")


def reference(case):
    """Return the library and what it was asked."""
    library = next(name for name in LIBRARIES if case.reference.startswith(name))
    what = case.options.get("kind") or case.reference.removeprefix(library).strip("_").replace("_", " ")
    return LIBRARIES[library] + ("" if library == "formula" else f" {what}")
