"""Make the bundled ImageNet photographs from the originals in three Python packages.

    python -m pip install scikit-image scikit-learn matplotlib
    python tools/make_sample_images.py

Each is the centre square of its original, resized to 224 px (bicubic): what the network sees is
what a person is shown. They are stored as lossless WebP. JPEG was tried and left: even at quality
100 with full colour resolution it moved the probabilities in ``tests/networks`` by up to 0.007, at
quality 95 by up to 0.03, and lossless WebP is a quarter smaller than PNG.
"""

import argparse
from pathlib import Path

import matplotlib
import skimage
import sklearn
from PIL import Image

from cnnviz_widgets.networks.imagenet import PHOTOGRAPHS

SIZE = 224
ORIGINALS = {
    "chelsea": (skimage, "data/chelsea.png"),
    "coffee": (skimage, "data/coffee.png"),
    "rocket": (skimage, "data/rocket.jpg"),
    "astronaut": (skimage, "data/astronaut.png"),
    "grace_hopper": (matplotlib, "mpl-data/sample_data/grace_hopper.jpg"),
    "china": (sklearn, "datasets/images/china.jpg"),
    "flower": (sklearn, "datasets/images/flower.jpg"),
}


def sample(path):
    """Return the centre square of a photograph at SIZE, RGB."""
    with Image.open(path) as original:
        picture = original.convert("RGB")
    side = min(picture.size)
    left, top = (picture.width - side) // 2, (picture.height - side) // 2
    square = picture.crop((left, top, left + side, top + side))
    return square.resize((SIZE, SIZE), Image.Resampling.BICUBIC)


def main():
    """Write every photograph and print its size."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--folder", type=Path, default=PHOTOGRAPHS)
    folder = parser.parse_args().folder
    folder.mkdir(exist_ok=True)
    for name, (package, file) in ORIGINALS.items():
        target = folder / f"{name}.webp"
        # exact keeps pixels as they are, quality and method are effort: nothing is lost.
        sample(Path(package.__file__).parent / file).save(target, lossless=True, quality=100, method=6, exact=True)
        print(f"{target.stat().st_size / 1e3:.0f} kB: {target}")


if __name__ == "__main__":
    main()
