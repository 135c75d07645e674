"""Maximal activation: an image made to raise one score, the picture of its kind that a class or a channel holds.

Erhan, Bengio, Courville, Vincent, "Visualizing Higher-Layer Features of a Deep Network", 2009, section 3. Waves instead
of pixels, decorrelated colours and small movements: Olah, Mordvintsev, Schubert, "Feature Visualization", Distill 2017
(doi:10.23915/distill.00007).

We differ in one point: the score's gradient is scaled to a mean size of 1 per pixel before that of the penalties is
subtracted. So penalties weigh the same for a class, a channel and a unit: a norm of 0.1 with power 1 pulls a pixel back
to the background if it moves the score less than a tenth as much as the average pixel.

The preset "article" follows keras-vis: pixels, 200 steps, an L-p norm (p = 6) and a total variation. Their weights
there are 10 on raw scores; for the digits network 0.2 is about equivalent. It differs in the optimiser (Adam instead of
RMSProp), in the picture, which always stays inside the value range and is not stretched into it at the end, and in the
choice of the result (the best score, not the best score after penalties).
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, ClassVar, Self

import numpy as np

from cnnviz_widgets.core.layer import LayerInfo
from cnnviz_widgets.core.method import REFERENCE_SIDE, Method, register
from cnnviz_widgets.core.notes import Note
from cnnviz_widgets.core.parameters import Slider, choice, default_of, parameters_of, slider, switch
from cnnviz_widgets.core.result import PICTURE, Result
from cnnviz_widgets.core.target import Target
from cnnviz_widgets.words import number, percent

if TYPE_CHECKING:
    from cnnviz_widgets.network import Network

    from .optimizer import OptimizerState

# Steps from one picture to the next that is shown, and of which the best is kept.
EVERY = 8
# The shorter side, in px, up to which a network sees strokes rather than textures.
SMALL = 64
# Parameters in px that shrink with the picture, down to 0.
IN_PIXELS = ("pad", "jitter")


@register
@dataclass(frozen=True)
class MaximalActivation(Method):
    """An image that raises the target's score, made from noise.

    (height, width, colour) in the network's shape and value range; pixel values. Every eighth picture along the way is
    scored without any movement, and the result is the one with the highest score. With more steps the ascent continues
    where it stopped.
    """

    title = "Maximal activation"
    family = "what the network holds"
    summary = "An image made to excite a class, a channel or a single unit as much as possible."
    paper = "Erhan et al. 2009; Olah et al. 2017, doi:10.23915/distill.00007"
    uses: ClassVar[tuple[str, ...]] = ("target",)
    needs_slope = "exact"
    makes_map = False

    steps: int = slider(256, 1, 512, help="Number of small changes to the image.", repeats=True)
    parameterisation: str = choice(
        "fourier",
        {
            "fourier": "The waves that make up the image, so that large shapes come as easily as fine ones.",
            "pixel": "Every pixel by itself.",
        },
        help="Numbers that a step changes.",
    )
    decay: float = slider(
        1.1, 0, 2, step=0.1, help="Attenuation of short waves relative to long ones; more is smoother."
    )
    decorrelate: bool = switch(True, help="Change colours as they vary in photographs, not red, green and blue alone.")
    jitter: int = slider(16, 0, 48, unit="px", help="Largest random shift of the image before each step.")
    rotate: float = slider(10.0, 0, 45, step=1.0, unit="°", help="Largest random rotation before each step.")
    zoom: float = slider(0.2, 0, 0.5, step=0.05, unit="of size", help="Largest random change of size before each step.")
    pad: int = slider(16, 0, 48, unit="px", help="Margin of the image on each side, beyond what the network sees.")
    learning_rate: float = slider(0.07, 0.01, 0.5, step=0.01, help="Size of a step.")
    norm: float = slider(0.0, 0, 2, step=0.05, help="Weight of a penalty on pixels that differ from the background.")
    power: float = slider(
        1.0, 1, 6, step=1.0, help="Power of that norm: 1 favours few pixels, 6 suppresses bright ones."
    )
    total_variation: float = slider(0.02, 0, 2, step=0.01, help="Weight of a penalty on neighbours that differ.")
    background: float = slider(
        0.5, 0, 1, step=0.05, unit="of range", help="Grey level at the start and around the image."
    )
    seed: int = slider(0, 0, 99, help="Seed of the noise at the start; another one gives another picture.")

    def run(self, network: "Network", target: Target) -> Iterator[Result]:
        """Yield the best picture so far, (height, width, colour) in pixel values, every few steps.

        Raises ValueError for a score that does not depend on the image.
        """
        from .optimizer import Ascent  # which imports TensorFlow

        ascent = Ascent(network, target, self.parameterisation, self.decorrelate, **self.knobs)
        key = ("ascent", replace(self, steps=1), target, network.weights_version())
        kept = network.cache.get(key)
        history = kept if kept is not None and kept.number < self.steps else History(ascent.begin())
        while history.number < self.steps:
            number = min(_next_look(history.number), self.steps)
            state = ascent.advanced(history.state, number)
            picture = ascent.picture(state)
            history = history.seen(state, picture, float(network.scores(picture, target)))
            if number % EVERY == 0 and (kept is None or kept.number < number):
                network.cache.put(key, history)
            if number < self.steps:
                yield self._result(history, progress=number / self.steps)
        yield self._result(history, notes=tuple(_remarks(network, target, history)))

    @property
    def knobs(self) -> dict[str, Any]:
        """The numbers that may vary without tracing again, {name: value}: all sliders except the steps."""
        sliders = {name for name, known in parameters_of(self).items() if isinstance(known, Slider)}
        return {name: getattr(self, name) for name in sliders - {"steps"}}

    def _result(self, history: "History", **more: Any) -> Result:
        return Result(history.picture, signed=False, unit="pixel value", axes=PICTURE, course=history.course, **more)

    @classmethod
    def suited_to(cls, side: int) -> Self:
        """Return the method for pictures whose shorter side is `side` px.

        Jitter and margin shrink with the picture; a small picture moves more for its size and needs fewer steps.
        """
        scaled = {name: round(default_of(cls, name) * side / REFERENCE_SIDE) for name in IN_PIXELS}
        if side > SMALL:
            return cls(**scaled)
        scaled["jitter"] = round(0.11 * side)
        steps = min(default_of(cls, "steps"), max(1, side * side // 3))
        return cls(**scaled, steps=steps, decay=1.4, rotate=15.0, learning_rate=0.05, total_variation=0.0)

    @classmethod
    def slider_ends(cls, name: str, side: int, layer: LayerInfo | None = None) -> tuple[float, float, float]:
        """Return (lowest, highest, step); the ends of sliders in px shrink with the picture."""
        low, high, step = super().slider_ends(name, side, layer)
        return (low, max(1, round(high * side / REFERENCE_SIDE)), step) if name in IN_PIXELS else (low, high, step)

    @classmethod
    def presets(cls, network: "Network") -> Mapping[str, Method]:
        """Return two presets: "clear" looks good, "article" follows keras-vis."""
        clear = cls.suited_to(min(side or REFERENCE_SIDE for side in network.input_shape[:2]))
        paper = background_of(network)
        if paper is not None:  # ink on paper: only as much ink as the class needs
            clear = replace(clear, background=paper, norm=0.1, power=1.0)
        article = cls(
            steps=200,
            parameterisation="pixel",
            decorrelate=False,
            jitter=0,
            rotate=0.0,
            zoom=0.0,
            pad=0,
            norm=0.2,
            power=6.0,
            total_variation=0.2,
        )
        return {"clear": clear, "article": article}


@dataclass(frozen=True, eq=False)
class History:
    """The state of an ascent, and the best picture so far."""

    state: "OptimizerState"
    picture: np.ndarray = None  # pyright: ignore[reportAssignmentType]  # None only before the first picture
    score: float = -np.inf
    course: tuple[tuple[int, float], ...] = ()  # (step, score) of every picture

    @property
    def number(self) -> int:
        """The number of steps so far."""
        return self.state.number

    @property
    def nbytes(self) -> int:
        """Bytes of memory that keeping it takes."""
        return self.state.nbytes + self.picture.nbytes

    def seen(self, state: "OptimizerState", picture: np.ndarray, score: float) -> "History":
        """Return the history with one more picture (height, width, colour) and its score."""
        course = (*self.course, (state.number, score))
        if self.picture is not None and not score > self.score:
            return replace(self, state=state, course=course)
        return History(state, picture, score, course)


def _next_look(number: int) -> int:
    """Return the step of the next picture: the first one, then every eighth."""
    return 1 if number == 0 else number - number % EVERY + EVERY


def background_of(network: "Network") -> float | None:
    """Return the paper's level, from 0 to 1, where more than half of all sample pixels are paper; otherwise None."""
    key = ("background",)
    if (kept := network.cache.get(key)) is None:
        low, high = network.value_range
        middles = [float(np.median(network.fit(image).array)) for image in network.samples]
        kept = ((middles[0] - low) / (high - low),) if middles and min(middles) == max(middles) else ()
        network.cache.put(key, kept)
    return kept[0] if kept else None


def _remarks(network: "Network", target: Target, history: History) -> Iterator[Note]:
    """Yield the notes on a finished picture."""
    if history.state.relaxed:
        yield relaxed(history.state.relaxed)
    if len({score for _, score in history.course}) == 1 < len(history.course):
        yield unmoved()
    yield reached(history.score, *_best_sample(network, target))
    if target.layer is None and len(network.class_names) > 1 and network.classifies:
        yield _seen(network, target, history.picture)


def _seen(network: "Network", target: Target, picture: Any) -> Note:
    """Return a note on the class that the network sees in a picture made for a target of classes."""
    probabilities, number = network.probabilities(picture), network.class_of(target)
    names, top = network.class_names, int(probabilities.argmax())
    if number is None:
        return taken_for(names[top], float(probabilities[top]))
    if number == top:
        return recognised(names[top], float(probabilities[top]))
    return mistaken(names[number], float(probabilities[number]), names[top], float(probabilities[top]))


def _best_sample(network: "Network", target: Target) -> tuple[Any, ...]:
    """Return (number of samples, index of the one with the highest score, its name, that score); () without samples."""
    if not network.samples:
        return ()
    key = ("best sample", target, network.weights_version())
    if (kept := network.cache.get(key)) is None:
        scores = [float(network.scores(image, target)) for image in network.samples]
        best = int(np.argmax(scores))
        kept = (len(scores), best, network.samples[best].name, scores[best])
        network.cache.put(key, kept)
    return kept


def reached(
    score: float, count: int = 0, sample: int | None = None, name: str | None = None, best: float | None = None
) -> Note:
    """Return a note on the score, beside the `best` one of `count` samples, that of number `sample`."""
    if sample is None or best is None:
        return Note("score_reached", f"The picture scores {number(score)}.", {"score": score})
    return Note(
        "score_reached",
        f"The picture scores {number(score)}; the best of the {count} sample images, {name!r}, scores {number(best)}.",
        {"score": score, "sample": sample, "best": best},
    )


def recognised(name: str, probability: float) -> Note:
    """Return a note that the network takes the picture for its target."""
    return Note(
        "recognised", f"The network takes it for {name} ({percent(probability)}).", {"probability": probability}
    )


def taken_for(name: str, probability: float) -> Note:
    """Return a note on the class that the network sees in a picture made for no single class."""
    return Note("taken_for", f"The network takes it for {name} ({percent(probability)}).", {"top": probability})


def mistaken(name: str, probability: float, other: str, others: float) -> Note:
    """Return a note that the network takes the picture for another class, of probability `others`."""
    return Note(
        "mistaken",
        f"The network does not take it for {name} ({percent(probability)}) but for {other} ({percent(others)}): "
        "raising this score raises another one more.",
        {"probability": probability, "other": others},
    )


def relaxed(count: int) -> Note:
    """Return a note that silent ReLUs passed the gradient in the first `count` steps."""
    return Note(
        "relaxed_relus",
        f"At first no change moved the score: in {count} step{'s' if count != 1 else ''} silent ReLUs let the gradient "
        "pass.",
        {"steps": count},
    )


def unmoved() -> Note:
    """Return a note that the score never moved."""
    return Note("unmoved", "The score never moved: the network is silent. Try another seed or background.")
