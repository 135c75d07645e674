"""The fusion of the class activation maps of several layers into one. NumPy only."""

from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from cnnviz_widgets.core.display import resize_map
from cnnviz_widgets.core.notes import Note
from cnnviz_widgets.core.result import Result


def fused(results: Sequence[Result], paths: Sequence[str], grid: tuple[int, int], progress: float) -> Result:
    """Return the mean of `results`, each divided by its largest absolute value, on a `grid` (rows, columns).

    Coarser maps are resized bilinearly before they are divided. Maps of different layers differ in size by orders of
    magnitude, so that without the division only one layer would show; a map that is zero stays zero. `paths` are the
    layers of the results, in order; further ones, without a result so far, may follow.
    """
    maps = [resize_map(result.array, *grid) for result in results]
    largest = [float(np.abs(each).max()) for each in maps]
    mean = np.asarray(sum(each / (size or 1) for each, size in zip(maps, largest, strict=True))) / len(maps)
    sizes = dict(zip(paths, largest, strict=False))
    return Result(
        mean.astype(np.float32),
        signed=any(result.signed for result in results),
        unit="of the largest value",
        progress=progress,
        notes=(fused_layers(sizes), *_notes(results, paths)),
    )


def fused_layers(sizes: Mapping[str, float]) -> Note:
    """Return the note that names the layers; `sizes` maps each to the value by which its map was divided."""
    names = ", ".join(sizes)
    sentence = f"The mean over these layers, the map of each divided by its largest absolute value: {names}."
    return Note("fused_layers", sentence, sizes)


def _notes(results: Sequence[Result], paths: Sequence[str]) -> Iterator[Note]:
    """Yield the notes that all maps share once, and those of some maps with the names of their layers."""
    said = [result.notes for result in results]
    for note in dict.fromkeys(note for notes in said for note in notes):
        layers = [path for path, notes in zip(paths, said, strict=False) if note in notes]
        everywhere = len(layers) == len(said)
        yield note if everywhere else Note(note.kind, f"{', '.join(layers)}: {note.text}", note.numbers)
