"""`Session`: the one object that changes. Controls write it, views read it.

Two views on one session show the same; two sessions side by side are a comparison.
"""

import time
from dataclasses import dataclass, replace

from traitlets import Any, Enum, Float, HasTraits, Instance, Tuple, Unicode

from cnnviz_widgets.core.failures import Refusal, sentence_of
from cnnviz_widgets.core.image import InputImage
from cnnviz_widgets.core.method import Method
from cnnviz_widgets.core.result import Result
from cnnviz_widgets.core.target import Target

from .methods import all_methods
from .network import Network
from .networks import load, samples
from .request import Request
from .runner import LatestWins

# Steps that one can go back.
REMEMBERED = 50
# What a question raises that cannot be answered.
REFUSALS = (ValueError, TypeError, MemoryError)


@dataclass(frozen=True)
class Settings:
    """What a person has chosen. One value, so that it changes in one step, whatever changes together."""

    network: Network | None = None
    image: InputImage | None = None
    method: Method | None = None
    target: Target | str | None = None  # None is the top class
    layer: str | None = None  # None is the method's own choice

    def __post_init__(self):
        if self.image is not None and not isinstance(self.image, InputImage):
            object.__setattr__(self, "image", InputImage(self.image))
        if self.target is not None and not isinstance(self.target, (Target, str)):
            object.__setattr__(self, "target", Target(self.target))  # so that equal targets are equal settings


def _setting(name):
    return property(
        lambda session: getattr(session.settings, name),
        lambda session, value: session.update(**{name: value}),
        doc=f"The `{name}` of the settings; setting it asks for a new result.",
    )


class Session(HasTraits):
    """What is looked at, and what is seen.

    `settings` is what the person has chosen; `session.method = ...` and the like change it and ask for a new result.
    What comes of it: `result`, the last good one; `probabilities` of the image's classes, or of a regression network
    the `values`; `status`; `message`, a sentence for the person; `progress` and `seconds_left`.

    `method` may be a method class: its parameters then suit the network and the image.

    `variants` makes several questions out of what was chosen: a function from Settings to a tuple of Settings, which
    are answered in this order, each about its own network. `results` are the answers so far, each a Result or, where
    this one of several could not be answered, a Refusal; the job has failed where all are refused. `result` is the
    first Result among them.

    `network` may be given as anything that `cnnviz.load` takes: it is then opened by the runner, and the session can be
    shown before TensorFlow is loaded.
    """

    settings = Instance(Settings)

    result = Instance(Result, allow_none=True)
    results = Tuple()
    probabilities = Any(None)  # (classes,) of the image, an array, or None
    values = Any(None)  # (outputs,) that a regression network gives for the image, an array, or None
    status = Enum(("empty", "loading", "running", "done", "stopped", "failed"), "empty")
    message = Unicode()
    progress = Float()
    seconds_left = Float(allow_none=True)

    network, image, method, target, layer = map(_setting, ("network", "image", "method", "target", "layer"))

    def __init__(
        self,
        network=None,
        image=None,
        method=None,
        target=None,
        layer=None,
        runner=None,
        variants=lambda settings: (settings,),
    ):
        self._given_method = isinstance(method, Method)
        method = method or all_methods()[0]
        super().__init__(settings=Settings(None, image, method if self._given_method else method(), target, layer))
        self._variants = variants
        self.runner = runner or LatestWins()
        self._shown = []  # the settings of complete pictures, for going back
        self.opening = None  # the name of the network that is being opened, for pickers
        if network is not None:
            self.open(network)

    # ---- What controls call

    def open(self, source):
        """Open a network, by the runner: a Network, a Keras model, a path, or a name that `cnnviz.load` knows."""
        if isinstance(source, Network):
            self._use(source)
            return
        if isinstance(source, str) and self.image is None:
            self.image = next(iter(_samples(source)), None)  # something to see while TensorFlow loads
        self.opening = _name(source)
        self.runner.stop()  # else the job before this one might still say that it is done
        self.update_status("loading", f"Loading TensorFlow and {self.opening} …")
        self.runner.submit(lambda: self._loading(source), lambda deliver: deliver())

    def update(self, **settings):
        """Change settings, several at once if need be, and ask for one new result."""
        with self.runner.lock:  # a notebook runs callbacks on several threads, and the worker is one more
            changed = replace(self.settings, **settings)
            if changed != self.settings:
                self.settings = changed
                self._ask()

    def choose_method(self, method_class):
        """Change to a method with its default parameters, keeping the layer where the method can use it."""
        method = suited(method_class, self.network, self.image)
        usable = self.network is not None and self.layer in {info.path for info in method.layers(self.network)}
        self.update(method=method, layer=self.layer if usable else None)

    def again(self):
        """Ask once more for the settings as they are: what `variants` makes of them is another now."""
        with self.runner.lock:
            self._ask()

    def stop(self):
        """Stop computing; what has been shown so far stays."""
        if self.status == "running":
            self.runner.stop()
            self.update_status("stopped", "Stopped: the picture is unfinished.")

    def undo(self):
        """Go back to the complete picture before this one. False where there is none."""
        while self._shown and self._shown[-1] == self.settings:
            self._shown.pop()
        if not self._shown:
            return False
        self.settings = self._shown[-1]
        self._ask()
        return True

    def close(self):
        """End the worker."""
        self.runner.close()

    # ---- What views read

    @property
    def fitted(self):
        """The image as the network takes it; as it is while there is no network, None while there is no image.

        Raises ValueError for an image that this network cannot take.
        """
        if self.network is None or self.image is None:
            return self.image
        return self.network.fit(self.image)

    # ---- Inside

    def _use(self, network):
        """Take a network that has been opened, with an image that it can show and parameters that suit the image."""
        image, own = self.image, _samples(network.name)
        from_the_other = self.network is not None and image in _samples(self.network.name)
        if (from_the_other and own) or not _takes(network, image):
            image = next(iter(own), None)
        changed = replace(self.settings, network=network, image=image)
        if self.network is not None:
            changed = replace(changed, target=None, layer=None)  # they named parts of the other network
        if not self._given_method:
            changed = replace(changed, method=suited(type(self.method), network, image))
        self._given_method = False
        self.settings = changed
        self.status = "empty"
        self._ask()

    def _loading(self, source):
        """The job that opens a network: yields what is to be done in the session."""
        try:
            network = load(source)
            network.layers  # noqa: B018  tracing it is part of opening it
            yield lambda: self._use(network)
        except Exception as error:
            yield self._failed(error)

    def _ask(self):
        """Ask for the result of the settings as they are now."""
        if self.status == "loading" or self.network is None:
            return  # asked again when the network is there
        if self.image is None and "image" in self.method.uses:
            self.runner.stop()
            self.update_status("empty", "Choose an image to begin.")
            return
        self.runner.stop()  # else the job before this one might still say that it is done
        self.progress, self.seconds_left = 0.0, None
        self.update_status("running", "")
        self.runner.submit(self._computing, lambda deliver: deliver())

    def _computing(self):
        """The job that answers the settings as they are when it begins: yields, for every result, how to show it."""
        settings = self.settings
        try:
            begun = time.monotonic()
            network, image = settings.network, settings.image
            variants, before = self._variants(settings), ()
            if not variants:  # nothing is asked: nothing is computed
                yield lambda: self.update_status("done", "")
                return
            with network.frozen_weights():
                readings = None if image is None else network.readings(image)
                stamp = network.weights_version()
            yield lambda: self._show_readings(network, readings)
            for variant in variants:
                for answer in self._answers(variant, network, image, stamp):
                    results = (*before, answer)
                    progress = (len(before) + getattr(answer, "progress", 1)) / len(variants)
                    if any(isinstance(known, Result) for known in results):
                        yield self._showing(results, progress, time.monotonic() - begun, settings)
                before = results
            if not any(isinstance(known, Result) for known in before):
                yield self._failed(ValueError(before[0].sentence))
        except Exception as error:
            yield self._failed(error)

    def _show_readings(self, network, readings):
        regression = not network.classifies
        with self.hold_trait_notifications():
            self.probabilities, self.values = (None, readings) if regression else (readings, None)

    def _answers(self, variant, network, image, stamp):
        """Yield the results of one variant, or a Refusal in its place."""
        try:
            with network.frozen_weights(stamp):
                request = Request.of(variant.method, variant.network, image, variant.target, variant.layer)
            yield from request.steps()
        except REFUSALS as error:
            yield Refusal(variant, sentence_of(error))

    def _showing(self, results, progress, seconds, settings):
        complete = progress >= 1

        def show():
            left = seconds * (1 - progress) / progress if progress else None
            self.progress, self.seconds_left = progress, left
            try:
                with self.hold_trait_notifications():
                    self.results = results
                    self.result = next(known for known in results if isinstance(known, Result))
            finally:  # also when a view of the result fails
                self.status = "done" if complete else "running"
            if complete and (not self._shown or self._shown[-1] != settings):
                self._shown = [*self._shown[1 - REMEMBERED :], settings]

        return show

    def _failed(self, error):
        sentence = sentence_of(error)
        return lambda: self.update_status("failed", sentence)

    def update_status(self, status, message):
        """Set status and message together."""
        self.message, self.status = message, status


def suited(method_class, network, image):
    """The method with parameters that suit the network and the size of the image, as far as these are known."""
    if network is not None and (presets := method_class.presets(network)):
        return next(iter(presets.values()))
    if network is None or image is None:
        return method_class()
    return method_class.suited_to(min(network.fit(image).shape[:2]))


def _takes(network, image):
    try:
        return image is not None and network.fit(image) is not None
    except ValueError:
        return False


def _samples(name):
    try:
        return samples(name)
    except ValueError:
        return ()


def _name(source):
    return source if isinstance(source, str) else getattr(source, "name", type(source).__name__)
