"""Make the pictures of `docs/maximal_activation.md`: those of the presets, and the failures.

    python tools/make_maximal_activation_pictures.py

Takes about ten minutes on two cores.
"""

import argparse
from dataclasses import replace
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw

import cnnviz_widgets as cnnviz
from cnnviz_widgets.methods.maximal_activation import MaximalActivation

DOCS = Path(__file__).parents[1] / "docs"
CLASSES = (
    *("espresso", "daisy", "tabby", "chain mail", "strawberry", "stupa"),
    *("zebra", "honeycomb", "monarch", "jellyfish", "pineapple", "school bus"),
)
STILL = {"jitter": 0, "rotate": 0.0, "zoom": 0.0, "pad": 0}
CAPTION = 14  # px under each picture


def failures(clear):
    """Return the settings that failed, by caption: those of "clear" with one thing changed."""
    return {
        "clear": clear,
        "pixels, no movement": replace(clear, parameterisation="pixel", **STILL, total_variation=0.0),
        "no movement": replace(clear, **STILL),
        "colours not decorrelated": replace(clear, decorrelate=False),
        "decay 0.5": replace(clear, decay=0.5),
        "decay 1.8": replace(clear, decay=1.8),
    }


def sheet(pictures, columns, side):
    """Return one image of captioned ones, {caption: (height, width, channels) array from 0 to 255}."""
    rows = -(-len(pictures) // columns)
    whole = Image.new("RGB", (columns * side, rows * (side + CAPTION)), "white")
    draw = ImageDraw.Draw(whole)
    for number, (caption, array) in enumerate(pictures.items()):
        left, top = side * (number % columns), (side + CAPTION) * (number // columns)
        pixels = np.repeat(array, 3, axis=-1) if array.shape[-1] == 1 else array
        small = Image.fromarray(pixels.clip(0, 255).astype(np.uint8))
        whole.paste(small.resize((side, side), Image.Resampling.NEAREST), (left, top))
        draw.text((left + side / 2, top + side + CAPTION / 2), caption, "black", anchor="mm")
    return whole


def made(network, method, target):
    """Return the picture of a target, and print the network's answer to it."""
    result = cnnviz.compute(method, network, target=target)
    print(f"{target}: {' '.join(map(str, result.notes))}", flush=True)
    return result.array


def main():
    """Write the sheets and print their sizes."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--folder", type=Path, default=DOCS)
    folder = parser.parse_args().folder
    digits, imagenet = cnnviz.load("digits"), cnnviz.load("efficientnet_lite0")
    clear, ink = (MaximalActivation.presets(network)["clear"] for network in (imagenet, digits))
    article = MaximalActivation.presets(digits)["article"]
    sheets = {
        "digits": sheet({name: made(digits, ink, name) for name in digits.class_names}, 10, 84),
        "digits_article": sheet({name: made(digits, article, name) for name in digits.class_names}, 10, 84),
        "imagenet": sheet({name: made(imagenet, clear, name) for name in CLASSES}, 6, 224),
        "failures": sheet({how: made(imagenet, method, "daisy") for how, method in failures(clear).items()}, 6, 224),
    }
    for name, whole in sheets.items():
        target = folder / f"maximal_activation_{name}.webp"
        whole.save(target, quality=72, method=6)
        print(f"{target.stat().st_size / 1e3:.0f} kB: {target}")


if __name__ == "__main__":
    main()
