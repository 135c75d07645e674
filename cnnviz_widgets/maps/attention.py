"""The common part of methods about attention: which matrices there are, whose rows count, and rows as maps."""

from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

from cnnviz_widgets.core.image import InputImage
from cnnviz_widgets.core.layer import AttentionInfo
from cnnviz_widgets.core.notes import Note, mirrored_layer
from cnnviz_widgets.core.target import Target
from cnnviz_widgets.words import percent

if TYPE_CHECKING:
    from cnnviz_widgets.network import Network

# Fusions of the matrices (heads, queries, keys) of all heads into one.
FUSED_HEADS = {"mean": np.mean, "max": np.max, "min": np.min}
NO_ATTENTION = "in which no softmax weighs tokens of the image by one another"


def attentions_behind(network: "Network", title: str, target: Target | None) -> tuple[AttentionInfo, ...]:
    """Return the attentions on the way to a target's score, for a method `title` that multiplies them all.

    Raises ValueError unless there are some, all among the same tokens of the whole image, one behind the other.
    """
    infos = tuple(info for info in network.attentions if network.is_behind(info.path, target))
    if obstacle := _obstacle(network, infos):
        raise ValueError(
            f"{title} needs self-attention among the same tokens in all layers, those of one grid over the whole image "
            f"with or without class and register tokens. Received: {network.name}, {obstacle}."
        )
    return infos


def _obstacle(network, infos):
    if not infos:
        return NO_ATTENTION
    for info in infos:
        if not info.over_image:
            return f"where {info.path} ({info.size}) is within windows, or over something else than the image's tokens"
        if not info.among_tokens:
            return f"where the queries of {info.path} ({info.size}) are others than its keys"
    if not infos[0].alone:
        return "where tokens are also multiplied by one another elsewhere than in attention with a softmax of its own"
    for first, second in pairwise(infos):
        if not same_tokens(first, second):
            return f"whose tokens change from {first.path} ({first.size}) to {second.path} ({second.size})"
        if not network.is_behind(first.path, Target(second.path, 0)):
            return f"where {first.path} and {second.path} stand side by side"
    return ""


def same_tokens(first: AttentionInfo, second: AttentionInfo) -> bool:
    """Return True where the queries and keys of two attentions are tokens of one layout."""
    alike = (first.cells, first.before, first.output_shape[1:]) == (
        second.cells,
        second.before,
        second.output_shape[1:],
    )
    return alike and first.among_tokens and second.among_tokens


def tokens_of_score(network: "Network", image: InputImage, target: Target | None, last: AttentionInfo) -> np.ndarray:
    """Return the numbers of the tokens from which the score is read, behind the `last` attention.

    This is the class token alone, or all tokens over which a mean is taken: the queries in whose rows of the last
    attention the score has a gradient. All of them, where it has none anywhere.
    """
    _, gradient = network.attention_gradient(image, target, last.path)
    rows = np.flatnonzero(gradient.any(axis=(0, 2)))
    return rows if rows.size else np.arange(gradient.shape[1])


def on_cells(tokens: np.ndarray, info: AttentionInfo) -> np.ndarray:
    """Return the numbers of the image's tokens as a map (rows, columns), of `tokens` (keys,)."""
    assert info.cells is not None  # methods look first
    rows, columns = info.cells
    return tokens[info.before : info.before + rows * columns].reshape(rows, columns).astype(np.float32)


def about_tokens(info: AttentionInfo, rows: np.ndarray, shares: np.ndarray | None = None) -> tuple[Note, ...]:
    """Return notes: of which tokens a map is, and how much it leaves out.

    `rows` are the numbers of these tokens. `shares` (keys,), of which the map is a part, sum to 1; None where a sum of
    them has no meaning.
    """
    who = f"token {rows[0]}{_place(info, rows[0])}" if len(rows) == 1 else f"{len(rows)} tokens, as their mean"
    text, numbers = f"This is about the attention of {who}.", {"tokens": float(len(rows))}
    if shares is not None and len(shares) > on_cells(shares, info).size:
        outside = max(float(1 - on_cells(shares, info).sum()), 0.0)
        text += f" Of it, {percent(outside)} goes to tokens that have no place in the image, and is not in the map."
        numbers["outside"] = outside
    return (Note("attention_of", text, numbers),)


def about_all_layers(last: AttentionInfo) -> tuple[Note, ...]:
    """Return the notes on a map for which nobody has chosen a layer; of a chosen one the request tells."""
    return (mirrored_layer(last.path),) if last.mirrored else ()


def _place(info, row):
    """Words for a token that has no place in the image; none for one that has."""
    if not info.among_tokens:
        return ""
    rows, columns = info.cells
    return "" if info.before <= row < info.before + rows * columns else ", which has no place in the image"
