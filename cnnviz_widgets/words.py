"""Words that every room shares: percentages, numbers, nearly right names, texts on one line.

``widgets/front/numbers.js`` writes percentages and numbers alike; ``tests/front/number_formats.json`` tests both.
"""

import difflib
import math
from decimal import ROUND_HALF_UP, Context, Decimal

SUPERSCRIPTS = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")


def percent(share, digits=1):
    """A share in words, "38.5 %"; "0 %" and "100 %" are exactly that, "< 0.1 %" and "> 99.9 %" nearly."""
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


def number(value, digits=3):
    """A number in a few digits, the way one would write it: "0", "−0.125", "12300", "1.5 × 10⁻⁷"."""
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


def nearest(name, known, at_most=3):
    """Those of the known names that are spelled most like a name, whatever the case, the nearest first."""
    spellings = {each.lower(): each for each in known}
    return [spellings[each] for each in difflib.get_close_matches(str(name).lower(), spellings, at_most)]


def did_you_mean(name, known):
    """ "Did you mean GradCAM? ", with a space behind it, or "" where no known name is near."""
    return "".join(f"Did you mean {near}? " for near in nearest(name, known, 1))


def one_line(text, longest=60):
    """The text on one line, without control characters, at most ``longest`` characters long."""
    printable = "".join(c if c.isprintable() else " " for c in str(text))
    line = " ".join(printable.split())
    return line if len(line) <= longest else line[: longest - 3].rstrip() + "..."
