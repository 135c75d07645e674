"""Refusals and failures: the stand-in for a Result that could not be computed, and the sentence for an exception."""

import logging
from collections.abc import Callable, Iterable
from dataclasses import dataclass

log: logging.Logger = logging.getLogger(__name__)

# What a runner does: each item makes something known when it is called.
Job = Callable[[], Iterable[Callable[[], object]]]

# The exceptions that we raise with a sentence for a person; others raise them as well.
OURS = (ValueError, TypeError, OSError, RuntimeError, MemoryError)


@dataclass(frozen=True)
class Refusal:
    """A request that has no result: `asked`, a session's settings or an image as given, and the `sentence` why."""

    asked: object
    sentence: str


def sentence_of(error: BaseException) -> str:
    """Return the sentence to show for an exception: our own refusals word for word, of others only the kind."""
    ours = isinstance(error, OURS) and getattr(error, "errno", None) is None
    lines = str(error).strip().split("\n") if ours else [""]
    if len(lines) == 1 and lines[0]:
        return lines[0]
    log.error("Could not do this", exc_info=error)
    return f"Something went wrong inside ({type(error).__name__}); the log has the details."


def reporting(job: Job, failed: Callable[[str], object]) -> Job:
    """Return the job that ends, where `job` raises an exception, by calling `failed` with a sentence about it."""

    def steps():
        try:
            yield from job()
        except Exception as error:
            sentence = sentence_of(error)
            yield lambda: failed(sentence)

    return steps
