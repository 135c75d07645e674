"""The results of `compute` for many images, on every device of this machine or over a Dask cluster."""

from cnnviz_widgets.core.failures import Refusal

from .devices import answers_of_devices
from .feeding import fed, paired
from .work import Question

__all__ = ["answers", "compute_many"]


def compute_many(method, network, images, targets=None, layer=None, client=None):
    """Yield a Result for each of many images, in their order, each as `compute` gives it: the same numbers.

    `images` are paths, InputImages or arrays, from any iterable. It is read a few images ahead, so that files are
    opened while others are computed, and no further. `targets` is one target for all, as for `compute` (None: each
    image's own top class), or an iterable with one for each image. `client` is a `distributed.Client`: the images are
    then computed by the workers of its Dask cluster, each of which opens the network once.

    In the place of an image that cannot be opened or answered stands a Refusal, of which `asked` is the image as it was
    given and `sentence` says why: one bad file of ten thousand does not lose the others.

    What concerns all of them raises TypeError or ValueError at once, in a sentence: a method that looks at no image, a
    layer or a target that there is not, as many targets as images there are not. With the first result comes what is
    wrong with a cluster: TypeError for a network that cannot travel, RuntimeError for workers that cannot open it or a
    scheduler that is gone. The network must not be trained before the last image is done: that is a RuntimeError too.
    """
    question = Question.of(method, network, layer, targets)
    pairs = paired(images, targets)

    def results():
        for item, answer in answers(question, network, pairs, client):
            yield Refusal(item.given, answer) if isinstance(answer, str) else answer.result_for(question, item, network)

    return results()


def answers(question, network, pairs, client=None):
    """Yield (Item, Answer or the sentence why there is none) for pairs of an image and a target, in their order."""
    items = fed(pairs, network)
    if client is None:
        yield from answers_of_devices(question, network, items)
        return
    from .cluster import answers_of_cluster

    yield from answers_of_cluster(question, network, items, client)
