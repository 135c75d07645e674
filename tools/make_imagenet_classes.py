"""Write the names of the 1000 ImageNet classes, from torchvision's wheel.

    python -m pip download --no-deps torchvision
    python tools/make_imagenet_classes.py torchvision-*.whl

torchvision (BSD-3-Clause) carries a short name for each class, in the order of the networks'
outputs. A few are renamed here where a person could not tell two classes apart. Writes one name a
line.
"""

import argparse
import ast
import zipfile
from pathlib import Path

OUTPUT = Path(__file__).parents[1] / "cnnviz_widgets/networks/data/imagenet_classes.txt"
MEMBER = "torchvision/models/_meta.py"
LIST = "_IMAGENET_CATEGORIES"

CLEARER = {
    264: ("Cardigan", "Cardigan Welsh corgi"),  # the garment is class 474
    134: ("crane bird", "crane (bird)"),
    517: ("crane", "crane (machine)"),
    638: ("maillot", "maillot (swimsuit)"),
    639: ("maillot tank suit", "maillot (tank suit)"),
    836: ("sunglass", "sunglass (lens)"),
}


def class_names(wheel):
    """Return the 1000 names. Raises ValueError when they are not those for which ``CLEARER`` was made."""
    with zipfile.ZipFile(wheel) as archive:
        module = ast.parse(archive.read(MEMBER))  # read as data: nothing of it is run
    (value,) = [node.value for node in module.body if isinstance(node, ast.Assign) and node.targets[0].id == LIST]
    names = ast.literal_eval(value)
    for index, (found, clearer) in CLEARER.items():
        if names[index] != found:
            raise ValueError(f"Class {index} must be {found!r}. Received: {names[index]!r}.")
        names[index] = clearer
    different = len({name.casefold() for name in names})
    if not len(names) == different == 1000:
        raise ValueError(f"1000 different names are needed. Received: {different}.")
    return names


def main():
    """Read the command line and write the names."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("wheel", help="torchvision-*.whl")
    parser.add_argument("--output", type=Path, default=OUTPUT)
    arguments = parser.parse_args()
    arguments.output.write_text("\n".join(class_names(arguments.wheel)) + "\n", encoding="utf-8")
    print(arguments.output)


if __name__ == "__main__":
    main()
