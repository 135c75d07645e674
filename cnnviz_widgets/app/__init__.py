"""The app: the Explorer in a notebook of its own, which `python -m cnnviz_widgets` shows as a page in the browser."""

from .options import Options, options

__all__ = ["Options", "explorer", "options"]


def explorer():
    """The Explorer of the network and image that the app was started with."""
    from cnnviz_widgets.widgets.explorers.explorer import Explorer

    chosen = options()
    for remark in chosen.remarks:
        print(remark)
    return Explorer(chosen.network, chosen.image)
