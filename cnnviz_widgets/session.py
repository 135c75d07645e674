"""`Session`: the one object that changes. Controls write it, views read it.

Two views on one session show the same; two sessions side by side are a comparison.
"""

import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from functools import partial
from typing import Any, Generic, Self, TypeVar, cast, overload

import numpy as np
import traitlets
from traitlets import Enum, Float, HasTraits, Instance, TraitType, Tuple, Unicode

from cnnviz_widgets.core.failures import Refusal, reporting
from cnnviz_widgets.core.image import ImageLike, InputImage
from cnnviz_widgets.core.method import Method
from cnnviz_widgets.core.result import Result
from cnnviz_widgets.core.suited import suited
from cnnviz_widgets.core.target import Target, TargetLike

from .answering import answers_to, results_among
from .history import UndoHistory
from .methods import all_methods
from .network import Network
from .networks import load
from .runner import Inline, LatestWins
from .settings import Settings, samples_of

Held = TypeVar("Held")
Given = TypeVar("Given")
Trait = TraitType[Held, Held]


class _Setting(Generic[Held, Given]):
    """A field of the settings, as an attribute of the session; setting it asks for a new result."""

    def __set_name__(self, owner: type, name: str) -> None:
        self._name = name

    @overload
    def __get__(self, session: None, owner: type) -> Self: ...

    @overload
    def __get__(self, session: "Session", owner: type) -> Held: ...

    def __get__(self, session: "Session | None", owner: type) -> Self | Held:
        return self if session is None else getattr(session.settings, self._name)

    def __set__(self, session: "Session", value: Given) -> None:
        session.update(**{self._name: value})


class Session(HasTraits):
    """The choices of a person and the answers to them.

    `settings` are the choices; `session.method = ...` and the like change them and ask for a new result. The answers:
    `result`, the last good one; `probabilities` of the image's classes, or of a regression network the `values`;
    `status`; `message`, a sentence for the person; `progress` and `seconds_left`.

    `method` may be a method class: its parameters then suit the network and the image.

    `variants` makes several questions out of what was chosen: a function from Settings to a tuple of Settings, which
    are answered in this order, each about its own network, image, target and layer. `results` are the answers so far,
    each a Result or, where this one of several could not be answered, a Refusal; the job has failed where all are
    refused. `result` is the first Result among them. `probabilities` and `values` belong to the session's own image.

    `network` may be given as anything that `cnnviz.load` takes: it is then opened by the runner, and the session can be
    shown before TensorFlow is loaded.

    While a person drags a slider, the first rough result of each question that was begun is shown, also if she is
    further by then: `is_behind` says whether the result is of other settings than the present ones.
    """

    settings: Trait[Settings] = Instance(Settings)

    result: Trait[Result | None] = Instance[Result | None](Result, allow_none=True)
    results: Trait[tuple[Result | Refusal, ...]] = Tuple()
    probabilities: Trait[np.ndarray | None] = traitlets.Any(None)  # (classes,) of the image
    values: Trait[np.ndarray | None] = traitlets.Any(None)  # (outputs,) that a regression network gives for the image
    status: Enum[str] = Enum(("empty", "loading", "running", "done", "stopped", "failed"), "empty")
    message: Unicode[str, str | bytes] = Unicode()
    progress: Float[float, float] = Float()
    # traitlets declares a Float that may be None as an integer.
    seconds_left: Trait[float | None] = Float(allow_none=True)  # pyright: ignore[reportAssignmentType]

    network: _Setting[Network | None, Network | None] = _Setting()
    image: _Setting[InputImage | None, ImageLike | None] = _Setting()
    method: _Setting[Method, Method] = _Setting()
    target: _Setting[Target | str | None, TargetLike] = _Setting()
    layer: _Setting[str | tuple[str, ...] | None, str | tuple[str, ...] | None] = _Setting()

    def __init__(
        self,
        network: Any = None,
        image: ImageLike | None = None,
        *,
        method: Method | type[Method] | None = None,
        target: TargetLike = None,
        layer: str | tuple[str, ...] | None = None,
        runner: Inline | LatestWins | None = None,
        variants: Callable[[Settings], tuple[Settings, ...]] = lambda settings: (settings,),
    ) -> None:
        self._given_method = isinstance(method, Method)
        method = method or all_methods()[0]
        method = method if isinstance(method, Method) else method()
        super().__init__(settings=Settings(None, cast(Any, image), method, cast(Any, target), layer))
        self._variants = variants
        self.runner: Inline | LatestWins = runner or LatestWins()
        self._history = UndoHistory[Settings]()
        self._asked: Settings | None = None  # of the newest job; None where nothing of an earlier one may be shown
        self._answered: Settings | None = None  # whose answer `result` is
        self.opening: str | None = None  # the name of the network that is being opened, for pickers
        if network is not None:
            self.open(network)

    # ---- For controls

    def open(self, source: Any, **said: Any) -> None:
        """Open a network, by the runner: a Network, a Keras model, a path, or a name that `cnnviz.load` knows.

        `said` are the options of `cnnviz.load`, such as `output_is`.
        """
        if isinstance(source, Network) and not said:
            with self.runner.lock:
                self._use(source)
            return
        if isinstance(source, str) and self.image is None:
            self.image = next(iter(samples_of(source)), None)  # something to see while TensorFlow loads
        self.opening = _name(source)
        self.runner.stop()  # else the job before this one might still say that it is done
        self.update_status("loading", f"Loading TensorFlow and {self.opening} …")
        self.runner.submit(reporting(partial(self._loading, source, said), self._fail))

    def update(self, **settings: Any) -> None:
        """Change settings, several at once if need be, and ask for one new result."""
        with self.runner.lock:  # a notebook runs callbacks on several threads, and the worker is one more
            changed = replace(self.settings, **settings).with_signs_for(self.settings)
            if changed != self.settings:
                self.settings = changed
                self._ask()

    def choose_method(self, method_class: type[Method]) -> None:
        """Change to a method with its default parameters, keeping the layer where the method can use it."""
        method = suited(method_class, self.network, self.image, self.settings.target)
        usable = self.network is not None and self.layer in {info.path for info in method.layers(self.network)}
        self.update(method=method, layer=self.layer if usable else None)

    def again(self) -> None:
        """Ask once more for the settings as they are, because `variants` now makes other questions of them."""
        with self.runner.lock:
            self._asked = None  # what is on its way answers the questions from before
            self._ask()

    def stop(self) -> None:
        """Stop computing; the results so far stay."""
        if self.status == "running":
            self.runner.stop()
            self.update_status("stopped", "Stopped: the picture is unfinished.")

    def undo(self) -> bool:
        """Go back to the complete picture before this one; return False where there is none."""
        with self.runner.lock:
            before = self._history.before(self.settings)
            if before is None:
                return False
            self.settings = before
            self._ask()
            return True

    @property
    def can_undo(self) -> bool:
        """True if there is a picture to go back to."""
        return self._history.has_others(self.settings)

    def close(self) -> None:
        """End the worker."""
        self.runner.close()

    # ---- For views

    @property
    def fitted(self) -> InputImage | None:
        """The image as the network takes it; as it is while there is no network, None while there is no image.

        Raises ValueError for an image that this network cannot take.
        """
        if self.network is None or self.image is None:
            return self.image
        return self.network.fit(self.image)

    @property
    def is_behind(self) -> bool:
        """True while `result` is of other settings than the present ones."""
        return self.result is not None and self._answered != self.settings

    # ---- Inside

    def _use(self, network: Network) -> None:
        """Take a network that has been opened."""
        if network is not self.network:
            self._show_readings(None, None)
        keep_method, self._given_method = self._given_method, False
        self.settings = self.settings.moved_to(network, keep_method)
        self.status = "empty"
        self._ask()

    def _loading(self, source: Any, said: Mapping[str, Any]) -> Iterator[Callable[[], None]]:
        """Open a network, as a job: yield the function that puts it into the session."""
        network = load(source, **said)
        network.layers  # noqa: B018  tracing it is part of opening it
        yield lambda: self._use(network)

    def _ask(self):
        """Ask for the result of the settings as they are now."""
        if self.status == "loading" or self.network is None:
            return  # asked again when the network is there
        if self.image is None and "image" in self.method.uses:
            self.runner.stop()
            self.update_status("empty", "Choose an image to begin.")
            return
        before, self._asked = self._asked, self.settings
        self.progress, self.seconds_left = 0.0, None
        self.update_status("running", "")
        job = reporting(partial(self._computing, self.settings), partial(self._fail_of, self.settings))
        self.runner.submit(job, patient=before is not None and self.settings.continues(before))

    def _computing(self, settings: Settings) -> Iterator[Callable[[], None]]:
        """Answer settings, as a job: yield for every result the function that shows it."""
        network, image = settings.network, settings.image
        assert network is not None  # without one nothing is asked
        variants = self._variants(settings)
        if not variants:  # nothing is asked: nothing is computed
            yield partial(self._show_state, settings, "done")
            return
        with network.frozen_weights():
            readings = None if image is None else network.readings(image)
            weights = {network: network.weights_version()}
        shown = self.values if self.probabilities is None else self.probabilities
        if not _same(readings, shown):  # the first thing to be made known of a dragged slider is a picture
            yield partial(self._show_readings, network, readings)
        pace = Pace()
        for results, progress in answers_to(variants, weights):
            yield partial(
                self._show_results, settings, results, progress, pace.seconds_left(progress, time.monotonic())
            )

    def _show_readings(self, network, readings):
        regression = network is not None and not network.classifies
        with self.hold_trait_notifications():
            self.probabilities, self.values = (None, readings) if regression else (readings, None)

    def _show_results(self, settings, results, progress, seconds_left):
        """Show the answers to `settings`; what they say of the job holds only while these are the present ones."""
        if settings == self.settings:
            self.progress, self.seconds_left = progress, seconds_left
        self._answered = settings
        try:
            with self.hold_trait_notifications():
                self.results, self.result = results, results_among(results)[0]
        finally:  # also when a view of the result fails
            self._show_state(settings, "done" if progress >= 1 else "running")
        if progress >= 1 and settings == self.settings:
            self._history.add(settings)

    def _show_state(self, settings, status):
        if settings == self.settings:
            self.status = status

    def _fail_of(self, settings, sentence):
        if settings == self.settings:
            self._fail(sentence)

    def _fail(self, sentence):
        self.update_status("failed", sentence)

    def update_status(self, status: str, message: str) -> None:
        """Set status and message together."""
        self.message, self.status = message, status


class Pace:
    """The pace of a job, by its steps after the first one, which also traces and compiles."""

    def __init__(self) -> None:
        self._first: tuple[float, float] | None = None  # (progress, seconds)

    def seconds_left(self, progress: float, now: float) -> float | None:
        """Return how long the rest will take, in seconds; None until two steps are done. `now` is a clock's time."""
        begun, at = self._first = self._first or (progress, now)
        return (now - at) * (1 - progress) / (progress - begun) if progress > begun else None


def _same(first, second):
    """True if two arrays, either of which may be None, hold the same numbers."""
    return first is second or (first is not None and second is not None and np.array_equal(first, second))


def _name(source):
    return source if isinstance(source, str) else getattr(source, "name", type(source).__name__)
