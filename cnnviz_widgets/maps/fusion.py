"""One map out of the class activation maps of several layers. NumPy only."""

import numpy as np

from cnnviz_widgets.core.display import resize_map
from cnnviz_widgets.core.notes import Note
from cnnviz_widgets.core.result import Result


def fused(results, paths, grid, progress):
    """The mean of `results`, each divided by its largest absolute value, as a Result on a `grid` (rows, columns).

    Coarser maps are resized bilinearly before they are divided. Maps of different layers differ in size by orders of
    magnitude, so without dividing one layer would be all that is seen; a map that is zero stays zero. `paths` are the
    layers of the results, in order; there may be more of them, of which nothing is known yet.
    """
    maps = [resize_map(result.array, *grid) for result in results]
    largest = [float(np.abs(each).max()) for each in maps]
    mean = sum(each / (size or 1) for each, size in zip(maps, largest, strict=True)) / len(maps)
    sizes = dict(zip(paths, largest, strict=False))
    return Result(
        mean.astype(np.float32),
        signed=any(result.signed for result in results),
        unit="of the largest value",
        progress=progress,
        notes=(fused_layers(sizes), *_notes(results, paths)),
    )


def fused_layers(sizes):
    """A note: what this map is made of; `sizes` maps each layer to the value by which its map was divided."""
    names = ", ".join(sizes)
    sentence = f"The mean over these layers, the map of each divided by its largest absolute value: {names}."
    return Note("fused_layers", sentence, sizes)


def _notes(results, paths):
    """What is said of every map once, what is said of some with the layer's name."""
    said = [result.notes for result in results]
    for note in dict.fromkeys(note for notes in said for note in notes):
        layers = [path for path, notes in zip(paths, said, strict=False) if note in notes]
        everywhere = len(layers) == len(said)
        yield note if everywhere else Note(note.kind, f"{', '.join(layers)}: {note.text}", note.numbers)
