"""The app: the Explorer in a notebook of its own, which `python -m cnnviz_widgets` shows as a page in the browser."""

from typing import TYPE_CHECKING

from .options import Options, options

if TYPE_CHECKING:
    from cnnviz_widgets.widgets.explorers.explorer import Explorer

__all__ = ["Options", "explorer", "options"]


def explorer() -> "Explorer":
    """Return the Explorer of the network and image with which the app was started."""
    from cnnviz_widgets.session import Session
    from cnnviz_widgets.widgets.explorers.explorer import Explorer

    chosen = options()
    for remark in chosen.remarks:
        print(remark)
    session = Session(image=chosen.image)
    session.open(chosen.network, output_is=chosen.output_is, **chosen.said)
    return Explorer(session=session)
