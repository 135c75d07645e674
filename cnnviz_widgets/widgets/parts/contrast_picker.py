"""A picker that sets one class against another, by a second list of classes."""

from collections.abc import Callable

import ipywidgets
import numpy as np

from cnnviz_widgets.core.target import Target
from cnnviz_widgets.network import Network
from cnnviz_widgets.session import Session
from cnnviz_widgets.widgets.front.pick_list import NOTHING, PickList
from cnnviz_widgets.widgets.look import FITTED
from cnnviz_widgets.words import number

from .bound import Bound

RATHER_THAN = "rather than …"


class ContrastPicker(Bound):
    """A button that opens a second list of classes: the target becomes the difference to the one picked there.

    `classes()` returns the numbers of the class and of the one that it is set against, None where there is none.
    """

    def __init__(self, session: Session, classes: Callable[[], tuple[int | None, int | None]]):
        super().__init__(session)
        self._classes = classes
        self.button = ipywidgets.ToggleButton(description=RATHER_THAN, layout=FITTED)
        self.list = PickList(label="Rather than", placeholder="search the other class", by_value=True, height=160)
        self.widget = ipywidgets.VBox([self.button])
        self.follow(self._show_classes, "network")
        self.follow(lambda: show_readings(self.list, session), "probabilities", "values")
        self.follow(self._show, "network", "target")
        self.act(self.button, "value", self._press)
        self.act(self.list, "selected", self._choose)

    def _show_classes(self):
        network = self.session.network
        if network is not None:
            self.button.value = False
            self.list.set_items(network.class_names)

    def _show(self):
        network, (first, other) = self.session.network, self._classes()
        possible = network is not None and network.class_count > 1  # two sides of one number say the same
        self.widget.layout.display = None if possible else "none"
        if network is None or not possible:
            return
        class_is_meant = first is not None or self.session.target is None
        self.button.disabled = not class_is_meant
        self.button.value = (self.button.value or other is not None) and class_is_meant
        self.list.none_name = "no other class" if first is None else f"no other: {network.class_names[first]} alone"
        self.list.selected = -1 if other is None else other
        self._show_open(None if other is None else network.class_names[other])

    def _show_open(self, name=None):
        opened = self.button.value
        self.widget.children = (self.button, self.list) if opened else (self.button,)
        self.button.icon = "times" if opened else ""
        self.button.description = RATHER_THAN if name is None else f"rather than {name}"
        self.button.tooltip = (
            "Back to the class alone." if opened else "Ask what speaks for this class and not for another one."
        )

    def _press(self, opened):
        """Open the list; or close it and take the other class away."""
        self._show_open()
        if not opened:
            self._choose(-1)

    def _choose(self, number):
        if number == NOTHING:
            return
        session, network, (first, _) = self.session, self.session.network, self._classes()
        if network is None or (first is None and number < 0):
            return
        first = network.class_of(network.target(None, session.fitted)) if first is None else first
        assert first is not None  # where no target is chosen, it is a class
        session.target = rather_than(network, first, None if number < 0 else number)
        with self.following():
            self._show()  # a class set against itself is that class: then only the list has changed


def rather_than(network: Network, number: int, other: int | None) -> Target:
    """Return the target that is a class, or its difference to another one."""
    classes = network.classes
    return classes[number] if other in (None, number) else classes[number] - classes[other]


def show_readings(pick_list: PickList, session: Session) -> None:
    """Show the reading of each class in a list: a probability with its bar, or the value of a quantity."""
    readings = readings_for(pick_list, session)
    if readings is None:
        return
    if session.values is None:
        pick_list.show_values(readings)
    else:
        pick_list.details = [number(value, 4) for value in readings]


def readings_for(pick_list: PickList, session: Session) -> np.ndarray | None:
    """Return the session's readings (classes,) for a list; None while they are missing or another network's."""
    readings = session.probabilities if session.values is None else session.values
    return readings if readings is not None and len(readings) == len(pick_list.names) else None
