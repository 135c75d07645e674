"""Make `docs/methods.webp`: every method that explains an image, on the cat, with its default settings.

    python tools/make_methods_picture.py

Takes about two minutes on two cores. A new method appears by itself.
"""

import argparse
from pathlib import Path

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import numpy as np

import cnnviz_widgets as cnnviz
from cnnviz_widgets.core.result import MAP

TARGET = Path(__file__).parents[1] / "docs" / "methods.webp"
COLUMNS = 6


def limits(result, values):
    """Return (low, high) of the colours: symmetric about zero for signed values, a percent of the values beyond."""
    high = np.percentile(np.abs(values), 99) or 1
    return (-high, high) if result.signed else (0, high)


def main():
    """Draw all maps, each on a scale of its own, and print the size of the file."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--file", type=Path, default=TARGET)
    file = parser.parse_args().file
    network = cnnviz.load("efficientnet_lite0")
    cat = cnnviz.samples("efficientnet_lite0")[0]
    pictures = []
    for method in (each for each in cnnviz.all_methods() if each.family != "attention"):  # the network has none
        if (
            "image" in method.uses
            and (result := cnnviz.compute(method(), network, cat, target="Egyptian cat")).axes == MAP
        ):
            pictures.append((method.title, result, result.on_image()))
            print(method.title, flush=True)
    rows = -(-(len(pictures) + 1) // COLUMNS)
    _, axes = plt.subplots(rows, COLUMNS, figsize=(1.9 * COLUMNS, 2.1 * rows), layout="constrained")
    axes = axes.ravel()
    for place in axes:
        place.set_axis_off()
    axes[0].imshow(cat.array / 255)
    axes[0].set_title("chelsea", fontsize=9)
    for place, (title, result, values) in zip(axes[1:], pictures, strict=False):
        low, high = limits(result, values)
        place.imshow(cat.array.mean(axis=-1), cmap="gray")
        place.imshow(values, cmap="RdBu_r" if result.signed else "viridis", vmin=low, vmax=high, alpha=0.75)
        place.set_title(title, fontsize=9)
    plt.savefig(file, dpi=90, pil_kwargs={"quality": 80, "method": 6})
    print(f"{file.stat().st_size / 1e3:.0f} kB: {file}")


if __name__ == "__main__":
    main()
