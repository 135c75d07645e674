"""Note: a sentence that has to be read beside a picture or a map."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from cnnviz_widgets.words import number, percent

if TYPE_CHECKING:
    from cnnviz_widgets.maps.masking import Windows
    from cnnviz_widgets.network import Network
    from cnnviz_widgets.request import Request

    from .image import InputImage
    from .result import Result

# The page that explains every kind of note.
PAGE = Path(__file__).with_name("notes.md")


@dataclass(frozen=True)
class Note:
    """One sentence for the reader, with the numbers it mentions.

    ``kind`` is a short name that code can look for ("outside_value_range"), ``text`` is the
    sentence, ``numbers`` maps names to the values in the text.
    """

    kind: str
    text: str
    # A mapping has no hash; kind and text are enough to tell notes apart quickly.
    numbers: Mapping[str, float] = field(default_factory=dict, hash=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "numbers", dict(self.numbers))

    @property
    def link(self) -> str:
        """The section that explains it: "notes.md#cropped"."""
        return f"{PAGE.name}#{self.kind}"

    def __str__(self) -> str:
        return self.text


# Below this probability a person explains a class that the network does not see.
UNLIKELY = 0.01
# A map needs more samples where chance makes more than this share of its variance.
MOSTLY_CHANCE = 0.5
# Above this probability of its top class the network is so sure that probabilities hardly move.
CERTAIN = 0.999


def on_request(request: "Request") -> tuple[Note, ...]:
    """Return notes about the image and the target of a request."""
    notes = list(request.image.notes) if request.image else []
    if request.image is not None and request.image.from_photo and request.network.range_is_assumed:
        notes.append(assumed_range(request.network, request.image))
    if request.image is not None and (layer := request.network.overflow(request.image)):
        notes.append(overflow(layer))
    if request.image is not None and (chance := request.network.chance(request.image, request.target)):
        notes.append(random_network(*chance))
    elif request.target is not None and request.network.is_random:  # a picture is made for the target
        notes.append(random_network(1, float("nan")))
    if request.method.needs_slope != "none" and request.network.slope == "behind":
        notes.append(behind_preprocess())
    if isinstance(request.layer, str) and request.network.layer(request.layer).mirrored:
        notes.append(mirrored_layer(request.layer))
    if request.target is not None and request.target.layer is None:
        notes += (*_unseen(request), *_too_sure(request)) if request.image is not None else ()
        notes += (*_about_the_score(request.network), *first_of_several_outputs(request.network))
    return tuple(notes)


def _unseen(request):
    """Return a note for each class in the target, where the network sees none of them in the image."""
    network, image, target = request.network, request.image, request.target
    whole = network.probability(image, target)
    classes = [target] if whole is not None else [part for _, part in target.parts]
    shares = [network.probability(image, part) for part in classes]
    if all(share is not None and share < UNLIKELY for share in shares):
        return [unlikely(network.describe(part), share) for part, share in zip(classes, shares, strict=True)]
    return []


def _too_sure(request):
    """Return a note where the top probability is so close to 1 that it can hardly change."""
    network = request.network
    if not network.classifies:
        return []
    probabilities = network.probabilities(request.image)
    top = int(probabilities.argmax())
    return [saturated(network.class_names[top], float(probabilities[top]))] if probabilities[top] > CERTAIN else []


def _about_the_score(network):
    if network.head in ("hidden", "hidden_log"):
        return [hidden_head(network.options.output_is is not None, network.head == "hidden_log")]
    # Two class names, for no and for yes, say as clearly as the task that the number is a logit.
    unsaid = network.task is None and network.head == "none" and len(network.classes) == 1
    return [taken_as_logit()] if unsaid else []


def on_result(result: "Result") -> tuple[Note, ...]:
    """Return notes about the numbers of a result: not finite, or the same everywhere."""
    values = result.array
    wrong = int(values.size - np.isfinite(values).sum())
    if wrong:
        return (not_finite(wrong, values.size),)
    if values.size > 1 and result.axes == ("height", "width") and values.min() == values.max():
        return (constant_map(float(values.flat[0])),)
    return ()


def unlikely(name: str, probability: float) -> Note:
    """Return the note that the network does not see this class in this image."""
    return Note(
        "unlikely_target",
        f"The network gives {name} only {percent(probability, 2)} here: the map explains a class that it does not see.",
        {"probability": probability},
    )


def saturated(name: str, probability: float) -> Note:
    """Return the note that the network is as sure as it can be."""
    return Note(
        "saturated",
        f"The network is sure of {name}, by more than {percent(CERTAIN)}: "
        "probabilities hardly move here, logits still do.",
        {"probability": probability},
    )


def assumed_range(network: "Network", image: "InputImage") -> Note:
    """Return the note that the range of a photograph's pixels is a guess, with the answer under each convention."""
    found = network.readings_by_convention(image)
    (assumed, answer), (first, other), *more = [(each.words, network.output.in_words(found[each])) for each in found]
    text = f"Pixels {assumed} are assumed, as nobody said: {answer}. {first.capitalize()} it would be {other}"
    text = "; ".join([text, *(f"{words}: {answer}" for words, answer in more)])
    return Note("assumed_range", f"{text}.", {each.name: float(values.max()) for each, values in found.items()})


def overflow(layer: str) -> Note:
    """Return the note that half precision was too small for the network's numbers."""
    return Note(
        "overflow",
        f"Activations of {layer} are infinite, or not a number, in half precision, which ends at 65504: "
        "what is made of them cannot be trusted.",
    )


def random_network(draws: int, spread: float) -> Note:
    """Return the note that the network draws random numbers, with the spread of its score from draw to draw."""
    begin = "The network draws random numbers for every answer, as in training"
    if draws == 1:
        return Note("random_network", f"{begin}: this is of one draw, and another draw may give something else.")
    error = spread / np.sqrt(draws)
    return Note(
        "random_network",
        f"{begin}: numbers are means over {draws} draws. The score spreads by {number(spread, 2)} from draw to draw, "
        f"so that its mean has a standard error of {number(error, 2)}.",
        {"draws": draws, "spread": spread, "standard_error": float(error)},
    )


def coverage(rows: "Windows", columns: "Windows") -> Note:
    """Return the note that gives the number of windows that a pixel of an occlusion map averages."""
    along = [windows.holds.sum(axis=0) for windows in (rows, columns)]
    least, most = (int(np.prod([end(times) for times in along])) for end in (np.min, np.max))
    between = str(least) if least == most else f"between {least} and {most}"
    return Note(
        "coverage",
        f"Every pixel is covered by {between} window{'s' if most > 1 else ''}, whose drops are averaged.",
        {"least": least, "most": most},
    )


def hidden_head(said: bool = False, logarithms: bool = False) -> Note:
    """Return the note that logits are out of reach; `said` is True where a person said what the output is.

    `logarithms` is True for an output of logarithms of probabilities.
    """
    what = "logarithms of probabilities" if logarithms else "probabilities"
    score = f"the score is {'one of them' if logarithms else 'their logarithm'}, not a logit"
    if said:
        return Note("hidden_head", f"The output is {what}: {score}.")
    return Note(
        "hidden_head",
        f"The output is taken as {what}, without a softmax or sigmoid at its end: {score}. "
        "Network(..., output_is=...) confirms it, or says what it is.",
    )


def taken_as_logit() -> Note:
    """Return the note that a single number without an activation may be a quantity."""
    return Note(
        "taken_as_logit",
        "The network ends in a single number without an activation: it is taken as the logit of a yes. If it is a "
        "quantity, open it by Network(..., task='regression'); task='classification' confirms that it is a logit.",
    )


def first_of_several_outputs(network: "Network") -> tuple[Note, ...]:
    """Return a note where nobody chose among several outputs; () where somebody did or there is only one."""
    names = network.output_names
    if network.options.output is not None or len(names) < 2:
        return ()
    others = ", ".join(names[1:])
    text = f"The model has {len(names)} outputs, and this explains the first, {names[0]}; there is also {others}."
    return (Note("first_of_several_outputs", text, {"outputs": len(names)}),)


def not_finite(count: int, size: int) -> Note:
    """Return the note that some of the values are infinite or not a number."""
    return Note(
        "not_finite",
        f"{count} of {size} values are infinite or not a number; they are left out of the picture.",
        {"count": count, "size": size},
    )


def constant_map(value: float) -> Note:
    """Return the note that the map has the same value at all places."""
    return Note("constant", f"The map is {number(value)} everywhere: it prefers no place.", {"value": value})


def rewritten(relus: int, others: Mapping[str, int]) -> Note:
    """Return the note about a ReLU rule that tells how many ReLUs it changed."""
    kept = ", ".join(f"{count} {kind}" for kind, count in sorted(others.items()))
    return Note(
        "relus_rewritten",
        f"{relus} ReLU{'s were' if relus != 1 else ' was'} rewritten"
        + (f"; {kept} kept their own gradient." if kept else "."),
        {"relus": relus, **others},
    )


def barely_about_weights() -> Note:
    """Return the note that maps of guided gradients at the pixels depend little on the weights."""
    return Note(
        "barely_about_weights",
        "Maps of this kind stay nearly the same when the network's weights are randomised (Adebayo et al. 2018): "
        "they show the image's edges more than the network's reasons.",
    )


def of_rewritten_gradient(relus: int, others: Mapping[str, int]) -> tuple[Note, Note]:
    """Return both notes about a ReLU rule where the gradient goes back to the pixels."""
    return rewritten(relus, others), barely_about_weights()


def nothing_positive() -> Note:
    """Return the note that the final ReLU made a class activation map black."""
    return Note(
        "nothing_positive",
        "Nothing in this layer speaks for the target: all of the map is negative, and the final ReLU made it zero.",
    )


def behind_preprocess() -> Note:
    """Return the note that gradients end behind a network's preprocess."""
    return Note(
        "behind_preprocess",
        "preprocess is NumPy code, which has no gradient: this is taken at what it makes of the image, in its units.",
    )


def mirrored_layer(layer: str) -> Note:
    """Return the note that a layer's grid does not lie over the image as it came."""
    sentence = f"{layer} has the image mirrored or turned: a cell is not over the place it is about."
    return Note("mirrored_layer", sentence)


def single_cell(layer: str) -> Note:
    """Return the note that a layer has only one place."""
    return Note("single_cell", f"{layer} has a grid of one cell, so the map cannot tell places apart.")


def standard_error(error: float, spread: float, samples: str) -> Note:
    """Return the note that gives the share of chance in a map made of random samples; `samples` is their name."""
    share = min((error / spread) ** 2, 1.0) if spread else 0.0
    advice = f": take more {samples}." if share > MOSTLY_CHANCE else "."
    return Note(
        "standard_error",
        f"The map spreads by {number(spread, 2)}, with a standard error of {number(error, 2)}; "
        f"chance makes about {percent(share, 0)} of its variance{advice}",
        {"standard_error": error, "spread": spread, "share": share},
    )
