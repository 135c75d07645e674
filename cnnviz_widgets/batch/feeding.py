"""Images for computing: `tf.data` opens files and fits them to the network while others are computed."""

import itertools
import os
from collections.abc import Iterable, Iterator, Sized
from typing import Any

from cnnviz_widgets.core.failures import sentence_of
from cnnviz_widgets.core.image import InputImage
from cnnviz_widgets.network import Network

from .work import BatchItem, several

# Images that are opened at a time, and images that wait, fitted, until somebody takes them.
AT_ONCE = 4
AHEAD = 4

_NOTHING = object()


def paired(images: Iterable[Any], targets: Any) -> Iterator[tuple[Any, Any]]:
    """Return (image, target) pairs, read as they are taken, from images and one target for all or one for each.

    Raises TypeError where there is only one image, ValueError where there are not as many targets as images.
    """
    if isinstance(images, (str, bytes, os.PathLike, InputImage)) or not isinstance(images, Iterable):
        raise TypeError(
            "images must be several, such as a list of paths; for one there is cnnviz.compute. "
            f"Received: {images!r:.80}."
        )
    if not several(targets):
        return ((image, targets) for image in images)
    if isinstance(images, Sized) and isinstance(targets, Sized) and len(images) != len(targets):
        raise _unequal(f"{len(images)} images and {len(targets)} targets")
    return _zipped(images, targets)


def _zipped(images, targets):
    for number, (image, target) in enumerate(itertools.zip_longest(images, targets, fillvalue=_NOTHING)):
        if image is _NOTHING or target is _NOTHING:
            missing = "image" if image is _NOTHING else "target"
            raise _unequal(f"{number} of each, and then no {missing}")
        yield image, target


def _unequal(received):
    return ValueError(f"targets must be one for all images, or one for each of them. Received: {received}.")


def opened_items(pairs: Iterable[tuple[Any, Any]], network: Network) -> Iterator[BatchItem]:
    """Yield a BatchItem for each pair of image and target, in order, opened and fitted in the background.

    The last item is a failure where iterating over `pairs` raises.
    """
    import tensorflow as tf

    # Tensors carry the numbers of the images; the images themselves, with names and notes, wait here.
    given: dict[int, tuple[Any, Any]] = {}
    opened: dict[int, BatchItem] = {}
    failed: list[Exception] = []

    def numbers():
        try:
            for number, pair in enumerate(pairs):
                given[number] = pair
                yield number
        except Exception as error:  # tf.data would turn it into another kind of error
            failed.append(error)

    def open_one(number):
        opened[int(number)] = _item(*given.pop(int(number)), network)
        return number

    turns = (
        tf.data.Dataset.from_generator(numbers, output_signature=tf.TensorSpec((), tf.int64))
        .map(lambda number: tf.numpy_function(open_one, [number], tf.int64), num_parallel_calls=AT_ONCE)
        .prefetch(AHEAD)
    )
    for number in turns.as_numpy_iterator():
        yield opened.pop(int(number))
    if failed:
        yield BatchItem(None, None, failure=failed[0])


def _item(given, target, network):
    try:
        image = InputImage.open(given) if isinstance(given, (str, os.PathLike)) else given
        image = image if isinstance(image, InputImage) else InputImage(image)
        # Not `network.fit`, which keeps what it fits.
        height, width, channels = network.input_shape
        return BatchItem(given, target, image.fitted(height, width, channels, network.value_range))
    except Exception as error:  # a file from anybody
        return BatchItem(given, target, sentence=sentence_of(error))
