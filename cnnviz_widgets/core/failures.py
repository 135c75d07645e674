"""What stands in the place of a Result where one of several could not be answered, and what to tell a person of it."""

import logging
from dataclasses import dataclass

log = logging.getLogger(__name__)

# What we raise with a sentence for a person; others raise them as well.
OURS = (ValueError, TypeError, OSError, RuntimeError, MemoryError)


@dataclass(frozen=True)
class Refusal:
    """What was `asked`, the settings of a session or an image as it was given, and the `sentence` that says why not."""

    asked: object
    sentence: str


def sentence_of(error):
    """What to tell a person about an exception: our own refusals as they are, of others only their kind."""
    ours = isinstance(error, OURS) and getattr(error, "errno", None) is None
    lines = str(error).strip().split("\n") if ours else [""]
    if len(lines) == 1 and lines[0]:
        return lines[0]
    log.error("Could not do this", exc_info=error)
    return f"Something went wrong inside ({type(error).__name__}); the log has the details."
