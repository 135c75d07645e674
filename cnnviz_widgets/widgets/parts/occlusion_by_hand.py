"""Covering a part of the image by hand, or by pointing at a map, while the probabilities follow."""

from dataclasses import dataclass

import numpy as np

from cnnviz_widgets.core.image import InputImage
from cnnviz_widgets.core.parameters import parameters_of
from cnnviz_widgets.maps.masking import FILLS, cover
from cnnviz_widgets.methods.occlusion import Occlusion
from cnnviz_widgets.session import sentence_of
from cnnviz_widgets.widgets.front.occluder import Occluder
from cnnviz_widgets.words import number, percent

from .bound import Bound

TOP = 5  # classes of the uncovered image whose bars are shown


@dataclass(frozen=True)
class Place:
    """What covers the image: `rectangle` and the `window` in its middle, [top, left, height, width] or []."""

    fill: str
    rectangle: tuple = ()
    window: tuple = ()


class OcclusionByHand(Bound):
    """Answers the rectangle that a person drags, and those that `point_at` puts on the image meanwhile.

    It has a worker of its own, for a map that is being computed must not keep the hand waiting.
    """

    def __init__(self, session, fill="grey"):
        super().__init__(session)
        options = parameters_of(Occlusion)["fill"].options
        self.widget = Occluder(fills=options, fill=fill)
        self._runner = session.runner.beside()
        self._kept = self._shown = Place(fill)
        self._drawn = self._asked = None
        self._covering = None  # (height, width, channels): the fill all over the image
        self.follow(self._follow_settings, "settings")
        self.act(self.widget, "asked", lambda _: self._dragged())
        self.act(self.widget, "fill", lambda _: self._dragged())

    def point_at(self, method, row, column, keep=False):
        """Cover what an Occlusion covers at a pixel; with `keep` until the person does something else."""
        window, covered = method.place(self.session.fitted.shape, row, column)
        place = Place(method.fill, _numbers(covered), _numbers(window))
        if keep:
            self._kept = place
        self._show(place)

    def point_away(self):
        """Back to what covered the image before somebody pointed."""
        self._show(self._kept)

    def close(self):
        """Follow no more, and end the worker."""
        super().close()
        self._runner.close()

    # ---- What is covered

    def _dragged(self):
        self._kept = Place(self.widget.fill, tuple(self.widget.rectangle))
        self._show(self._kept)

    def _show(self, place):
        self._shown = place
        with self.following(), self.widget.hold_sync():
            self.widget.fill = place.fill
            self._draw()
            self.widget.rectangle, self.widget.window = list(place.rectangle), list(place.window)
        self._ask()

    def _follow_settings(self):
        settings = self.session.settings
        asked = (settings.network, settings.image, settings.target)
        if settings.network is not None and settings.image is not None and asked != self._asked:
            self._asked = asked
            self._draw()
            self._kept = self._shown = Place(self.widget.fill, tuple(self.widget.rectangle))
            self._ask()

    def _draw(self):
        """The image and its fill, where they are others than those that are drawn."""
        image, network = self.session.fitted, self.session.network
        drawn = (image, self.widget.fill)
        if image is None or network is None or drawn == self._drawn:
            return
        self._drawn = drawn
        self._covering = FILLS[self.widget.fill](image.array, network.value_range)
        covering = InputImage(self._covering).rgb(network.value_range)
        self.widget.show_image(image.rgb(network.value_range), covering)

    # ---- What the network says

    def _ask(self):
        settings, number = self.session.settings, self.widget.asked
        if settings.network is None or settings.image is None:
            self.widget.answered = number
            return
        place, covering = self._shown, self._covering
        self._runner.submit(lambda: self._answering(settings, place, covering, number), lambda deliver: deliver())

    def _answering(self, settings, place, covering, number):
        """The job: yields what is to be done to the widget."""
        try:
            network = settings.network
            with network.frozen_weights():
                image = network.fit(settings.image)
                target = network.target(settings.target, image)
                answer = cover(network, image, covering, _slices(place.rectangle), target)
            bars, caption = bars_of(answer, target, network), caption_of(answer, target, network, place, image)
            quantities = not network.classifies
            yield lambda: self._say(number, caption, bars=bars, quantities=quantities)
        except Exception as error:
            sentence = sentence_of(error)
            yield lambda: self._say(number, sentence, failed=True)

    def _say(self, number, caption, failed=False, **shown):
        with self.widget.hold_sync():
            self.widget.set_trait("caption", caption)
            self.widget.failed = failed
            for name, value in shown.items():
                self.widget.set_trait(name, value)
            self.widget.answered = number


def bars_of(answer, target, network):
    """The target's classes, the top ones of the uncovered image, and the one that wins now, in this order.

    Of a regression network the first quantities, of which none wins.
    """
    own = _classes_of(target, network)
    if not network.classifies:  # the largest quantity has won nothing
        top, winner = list(range(min(TOP, len(answer.clean)))), None
    else:
        top, winner = np.argsort(-answer.clean, kind="stable")[:TOP].tolist(), int(answer.now.argmax())
    shown = dict.fromkeys([*own, *top, *([] if winner is None else [winner])])
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


def _classes_of(target, network):
    """The numbers of the classes that a target speaks of."""
    numbers = [network.class_of(part) for part in (target, *(part for _, part in target.parts))]
    return numbers[:1] if numbers[0] is not None else [number for number in numbers if number is not None]


def caption_of(answer, target, network, place, image):
    """ "Window at row 96, column 112. Egyptian cat: 38.5 % → 8.0 %, logit drop 2.31"."""
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
    """The number of the class whose probability is the target's; None for what has none, or none of its own."""
    return network.class_of(target) if network.classifies else None


def _numbers(slices):
    rows, columns = slices
    return (rows.start, columns.start, rows.stop - rows.start, columns.stop - columns.start)


def _slices(rectangle):
    if not rectangle:
        return None
    top, left, height, width = rectangle
    return slice(top, top + height), slice(left, left + width)
