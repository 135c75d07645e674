"""Covering a part of the image by hand, or by pointing at a map, while the probabilities follow."""

from dataclasses import dataclass
from functools import partial
from typing import Any, cast

import numpy as np

from cnnviz_widgets.core.failures import reporting
from cnnviz_widgets.core.image import InputImage
from cnnviz_widgets.core.parameters import Choice, parameters_of
from cnnviz_widgets.core.target import Target
from cnnviz_widgets.maps.masking import FILLS, Covered, cover
from cnnviz_widgets.methods.occlusion import Occlusion
from cnnviz_widgets.network import Network
from cnnviz_widgets.session import Session
from cnnviz_widgets.widgets.front.occluder import Occluder
from cnnviz_widgets.words import number, percent

from .bound import Bound

TOP = 5  # classes of the uncovered image whose bars are shown


@dataclass(frozen=True)
class CoveredArea:
    """A covered area: `rectangle` and the `window` in its middle, each (top, left, height, width) or ()."""

    fill: str
    rectangle: tuple[int, ...] = ()
    window: tuple[int, ...] = ()


@dataclass(frozen=True, eq=False)
class Drawn:
    """An image as a network takes it, and `covering`, the fill all over it: (height, width, channels)."""

    network: Network
    image: InputImage
    fill: str
    covering: np.ndarray


class OcclusionByHand(Bound):
    """An image with a rectangle that a person drags, or that `point_at` puts there; each rectangle gets its answer.

    It has a worker of its own, because a map that is being computed must not keep the hand waiting.
    """

    def __init__(self, session: Session, fill: str = "grey"):
        super().__init__(session)
        options = cast(Choice, parameters_of(Occlusion)["fill"]).options
        self.widget = Occluder(fills=options, fill=fill)
        self._runner = session.runner.beside()
        self._kept = self._shown = CoveredArea(fill)
        self._drawn: Drawn | None = None  # None while there is no network or no image
        self.follow(self._follow_settings, "network", "image", "target")
        self.act(self.widget, "asked", lambda _: self._dragged())
        self.act(self.widget, "fill", lambda _: self._dragged())

    def point_at(self, method: Occlusion, row: int, column: int, keep: bool = False) -> None:
        """Cover what an Occlusion covers at a pixel; with `keep` until the person does something else."""
        image = self.session.fitted
        if image is None:
            return
        window, covered = method.place(image.shape, row, column)
        place = CoveredArea(method.fill, _numbers(covered), _numbers(window))
        if keep:
            self._kept = place
        self._show(place)

    def point_away(self) -> None:
        """Cover again what was covered before somebody pointed."""
        self._show(self._kept)

    def close(self) -> None:
        """Stop following the session, and end the worker."""
        super().close()
        self._runner.close()

    # ---- What is covered

    def _dragged(self):
        self._kept = CoveredArea(self.widget.fill, tuple(self.widget.rectangle))
        self._show(self._kept)

    def _show(self, place):
        self._shown = place
        with self.following(), self.widget.hold_sync():
            self.widget.fill = place.fill
            self._draw()
            self.widget.rectangle, self.widget.window = list(place.rectangle), list(place.window)
        self._ask()

    def _follow_settings(self):
        self._draw()
        if self._drawn is not None:
            self._kept = self._shown = CoveredArea(self.widget.fill, tuple(self.widget.rectangle))
            self._ask()

    def _draw(self):
        """Draw the image and its fill, where they have changed."""
        network, image, fill, drawn = self.session.network, self.session.fitted, self.widget.fill, self._drawn
        if image is None or network is None:
            self._drawn = None
        elif drawn is None or (drawn.network, drawn.image, drawn.fill) != (network, image, fill):
            covering = FILLS[fill](image.array, network.value_range)
            self._drawn = Drawn(network, image, fill, covering)
            pixels = [each.rgb(network.value_range) for each in (image, InputImage(covering))]
            self.widget.show_image(*pixels)

    # ---- What the network says

    def _ask(self):
        drawn, target, place, number = self._drawn, self.session.target, self._shown, self.widget.asked
        if drawn is None:
            self.widget.answered = number
            return
        job = partial(self._answering, drawn, target, place, number)
        self._runner.submit(reporting(job, partial(self._say, number, failed=True)))

    def _answering(self, drawn, target, place, number):
        """Answer a rectangle, as a job: yield the function that shows the answer."""
        network, image = drawn.network, drawn.image
        with network.frozen_weights():
            target = network.target(target, image)
            answer = cover(network, image, drawn.covering, _slices(place.rectangle), target)
        bars, caption = bars_of(answer, target, network), caption_of(answer, target, network, place, image)
        quantities = not network.classifies
        yield partial(self._say, number, caption, bars=bars, quantities=quantities)

    def _say(self, number, caption, failed=False, **shown):
        with self.widget.hold_sync():
            self.widget.set_trait("caption", caption)
            self.widget.failed = failed
            for name, value in shown.items():
                self.widget.set_trait(name, value)
            self.widget.answered = number


def bars_of(answer: Covered, target: Target, network: Network) -> list[dict[str, Any]]:
    """Return bars: the target's classes, the top ones of the uncovered image, and the one that wins now.

    For a regression network they are the first quantities, of which none wins.
    """
    own = _classes_of(target, network)
    if not network.classifies:  # the largest quantity has won nothing
        top, winner = list(range(min(TOP, len(answer.clean)))), None
    else:
        top, winner = np.argsort(-answer.clean, kind="stable")[:TOP].tolist(), int(answer.now.argmax())
    shown: list[int] = list(dict.fromkeys([*own, *top, *([] if winner is None else [winner])]))
    return [
        {
            "name": network.class_names[index],
            "clean": float(answer.clean[index]),
            "now": float(answer.now[index]),
            "target": index in own,
            "top": index == winner,
        }
        for index in shown
    ]


def _classes_of(target: Target, network: Network) -> list[int]:
    """Return the numbers of the classes that a target names."""
    numbers = [network.class_of(part) for part in (target, *(part for _, part in target.parts))]
    known = [number for number in numbers if number is not None]
    return known[:1] if numbers[0] is not None else known


def caption_of(answer: Covered, target: Target, network: Network, place: CoveredArea, image: InputImage) -> str:
    """Return the caption: "Window at row 96, column 112. Egyptian cat: 38.5 % → 8.0 %, logit drop 2.31"."""
    name = network.describe(target)
    if not place.rectangle:
        return f"Nothing is covered. {name}: {_clean(answer, target, network)}."
    top, left = (place.window or place.rectangle)[:2]
    share = place.rectangle[2] * place.rectangle[3] / (image.height * image.width)
    where = f"Window at row {top}, column {left}" if place.window else f"{percent(share)} of the image covered"
    index = _share_of(target, network)
    if index is None:
        return f"{where}. {name}: {number(answer.clean_score)} → {number(answer.score)}, drop {number(answer.drop)}."
    change = f"logit {'drop' if answer.drop >= 0 else 'rise'} {number(round(abs(answer.drop), 2))}"
    clean, now = answer.clean[index], answer.now[index]
    return f"{where}. {name}: {percent(clean)} → {percent(now)}, {change}."


def _clean(answer, target, network):
    index = _share_of(target, network)
    return number(answer.clean_score) if index is None else percent(answer.clean[index])


def _share_of(target, network):
    """Return the number of the class whose probability is the target's; None for a target without one."""
    return network.class_of(target) if network.classifies else None


def _numbers(slices):
    rows, columns = slices
    return (rows.start, columns.start, rows.stop - rows.start, columns.stop - columns.start)


def _slices(rectangle):
    if not rectangle:
        return None
    top, left, height, width = rectangle
    return slice(top, top + height), slice(left, left + width)
