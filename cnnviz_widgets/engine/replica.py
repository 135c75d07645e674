"""The same network for a thread or a device of its own: nothing is traced again, and no model is copied."""

import copy
import threading

from cnnviz_widgets.core.cache import ByteBoundedCache


def replica(network, replacing=None):
    """The network with a store of answers of its own, so that many images leave nothing behind in that of `network`.

    `replacing` {id of a variable's handle: variable} are variables to read in the place of the network's, such as
    copies of them on another device.
    """
    from cnnviz_widgets.network import CACHE_BYTES

    twin = copy.copy(network)
    twin.cache = ByteBoundedCache(CACHE_BYTES)
    twin._steady = threading.local()
    twin._opened = opened = network._open()
    if replacing:
        from .weight_randomization import with_other_variables

        twin._opened = with_other_variables(opened, replacing)
    return twin


def variables_of(network):
    """{id of a variable's handle: variable} that the network reads, where it is randomised the shuffled ones."""
    opened = network._open()
    replaced = opened.questions.replacing
    captured = [(id(variable.handle), variable) for variable in opened.traced.graph.variables]
    return {handle: replaced.get(handle, variable) for handle, variable in captured}
