"""Words that every room shares: percentages, numbers, nearly right names, texts on one line.

``widgets/front/numbers.js`` writes percentages and numbers alike; ``tests/front/number_formats.json`` tests both.
"""

import difflib
import math
from collections.abc import Iterable
from decimal import ROUND_HALF_UP, Context, Decimal

SUPERSCRIPTS: dict[int, int] = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")


def percent(share: float, digits: int = 1) -> str:
    """Return a share in words, "38.5 %"; "0 %" and "100 %" are exactly that, "< 0.1 %" and "> 99.9 %" nearly."""
    share = float(share)
    if not math.isfinite(share):
        return "not finite"
    if share in (0, 1):
        return f"{100 * share:.0f} %"
    step = Decimal(1).scaleb(-digits)
    rounded = Decimal(100 * share).quantize(step, ROUND_HALF_UP)
    if share > 0 and not rounded:
        return f"< {step} %"
    if share < 1 and rounded == 100:
        return f"> {100 - step} %"
    return f"{rounded} %".replace("-", "−")


def number(value: float, digits: int = 3) -> str:
    """Return a number in a few digits, as one would write it: "0", "−0.125", "12300", "1.5 × 10⁻⁷"."""
    value = float(value)
    if not math.isfinite(value):
        return "not finite"
    if value == 0:
        return "0"
    # Halves are rounded away from zero, as JavaScript does; Python's own formats round them to even digits.
    rounded = Context(prec=digits, rounding=ROUND_HALF_UP).create_decimal(Decimal(value)).normalize()
    exponent, power = rounded.adjusted(), ""
    if not -3 <= exponent <= 4:
        rounded, power = rounded.scaleb(-exponent), f" × 10{str(exponent).translate(SUPERSCRIPTS)}"
    return f"{rounded:f}".replace("-", "−") + power


def nearest(name: object, known: Iterable[str], at_most: int = 3) -> list[str]:
    """Return those of the known names that are spelled most like a name, whatever the case, the nearest first."""
    spellings = {each.lower(): each for each in known}
    return [spellings[each] for each in difflib.get_close_matches(str(name).lower(), spellings, at_most)]


def did_you_mean(name: object, known: Iterable[str]) -> str:
    """Return "Did you mean GradCAM? ", with a space behind it, or "" where no known name is near."""
    return "".join(f"Did you mean {near}? " for near in nearest(name, known, 1))


def one_line(text: object, longest: int = 60) -> str:
    """Return the text on one line, without control characters, at most ``longest`` characters long."""
    printable = "".join(c if c.isprintable() else " " for c in str(text))
    line = " ".join(printable.split())
    return line if len(line) <= longest else line[: longest - 3].rstrip() + "..."
