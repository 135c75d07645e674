"""The image that excites a channel most, made on request by a session of its own that can be stopped."""

from dataclasses import replace

import ipywidgets

from cnnviz_widgets.core.image import InputImage
from cnnviz_widgets.core.suited import suited
from cnnviz_widgets.core.target import Target
from cnnviz_widgets.methods.maximal_activation import MaximalActivation
from cnnviz_widgets.network import Network
from cnnviz_widgets.session import Session
from cnnviz_widgets.widgets.front.live_image import LiveImage
from cnnviz_widgets.widgets.look import CAPTION, FITTED, PROGRESS_BAR_ABOVE

from .bound import Bound
from .text import paragraph, say, say_notes

MAKE, STOP = "Make the image that excites it", "Stop"


class FilterMaximalActivation(Bound):
    """A button, and the picture that grows when it is pressed. `aim` sets the network and the Target."""

    def __init__(self, session: Session):
        self.outer = session
        # A session of its own, so that another image or another order of the tiles does not end it.
        super().__init__(Session(method=MaximalActivation, runner=session.runner.beside()))
        self._network: Network | None = None
        self._target: Target | None = None
        self.live_image = LiveImage(compact=True)
        self.button = ipywidgets.Button(
            description=MAKE,
            layout=FITTED,
            tooltip="Maximal activation: an image is changed step by step to raise the channel's mean.",
        )
        self._progress = ipywidgets.FloatProgress(min=0, max=1, layout=PROGRESS_BAR_ABOVE)
        self._words = paragraph(css=CAPTION)
        self.widget = ipywidgets.VBox([self.button, self._progress, self.live_image, self._words])
        self.follow(self._show, "status", "message", "progress", "result")
        self.click(self.button, self._press)

    def aim(self, network: Network, target: Target | None) -> None:
        """Offer to make the image for another target; the one made for the target before goes, finished or not."""
        if (network, target) == (self._network, self._target):
            return
        self._network, self._target = network, target
        self.session.stop()
        self._show()

    def close(self) -> None:
        """Stop following, and end the image that is being made."""
        super().close()
        self.session.close()

    def _press(self):
        session = self.session
        if session.status == "running":
            session.stop()
            return
        # The presets' penalty is weighed against the logit of a class; the mean of a channel is a much smaller number.
        method = replace(suited(MaximalActivation, self._network, None), norm=0.0)
        session.update(network=self._network, target=self._target, method=method)

    def _show(self):
        session, result = self.session, self._result
        running = session.status == "running" and session.target == self._target
        self.button.description = STOP if running else MAKE
        self.button.icon = "stop" if running else ""
        self.button.disabled = self._target is None
        self.button.layout.display = None if running or result is None or not result.complete else "none"
        self._progress.value = session.progress if running else 0
        self._progress.layout.visibility = None if running else "hidden"
        self.live_image.layout.display = "none" if result is None else None
        failed = session.status == "failed" and session.target == self._target
        if failed or result is None:
            say(self._words, session.message if failed else "")
            return
        self.live_image.show_image(InputImage(result.array).rgb(result.request.network.value_range))
        self.live_image.alt = result.caption
        if result.complete:
            say_notes(self._words, result.notes)
        else:
            say(self._words, session.message)

    @property
    def _result(self):
        """The picture, if it is of the network and the target that are aimed at."""
        result = self.session.result
        aimed = result is not None and (result.request.network, result.request.target) == (self._network, self._target)
        return result if aimed else None
