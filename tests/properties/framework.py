"""What must hold of the package, as a table: each property with the bugs that it is known to catch.

A property is a sentence, a tolerance and a check. A bug is an edit of one function of the product: this text becomes
that text. To plant it, the edited function is compiled and put in the place of the real one, for as long as a block
runs. If a function was rewritten so that the text is not there any more, planting fails, and the table must follow.
"""

import ast
import inspect
import textwrap
from collections.abc import Callable
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import CodeType

import numpy as np

import cnnviz_widgets

PACKAGE = Path(cnnviz_widgets.__file__).parent
PROPERTIES = {}


@dataclass(frozen=True)
class Bug:
    """In `function`, `old` becomes `new`; then the property raises `caught_by`."""

    sentence: str
    function: Callable
    old: str
    new: str
    caught_by: type | tuple = AssertionError

    @property
    def where(self):
        """The function as a reader would look for it: "engine/graph.py: ForwardGraph._part"."""
        file = Path(inspect.getsourcefile(inspect.unwrap(self.function)))
        return f"{file.relative_to(PACKAGE).as_posix()}: {self.function.__qualname__}"

    @contextmanager
    def planted(self):
        """For as long as the block runs the product has this bug."""
        function = inspect.unwrap(self.function)
        sound = function.__code__
        function.__code__ = edited(function, self.old, self.new)
        try:
            yield
        finally:
            function.__code__ = sound


def edited(function, old, new):
    """The code of `function` with `old` replaced by `new`: a function has many names, but only one code."""
    source = textwrap.dedent(inspect.getsource(function))
    assert old in source, f"{function.__qualname__} does not say {old!r} any more: the bug must be planted elsewhere"
    tree = ast.parse(source.replace(old, new))
    tree.body[0].decorator_list.clear()
    compiled = compile(tree, f"<{function.__qualname__} with a bug>", "exec")
    (code,) = [constant for constant in compiled.co_consts if isinstance(constant, CodeType)]
    assert code.co_freevars == function.__code__.co_freevars
    return code


@dataclass(frozen=True)
class Property:
    number: int
    sentence: str
    tolerance: float  # 0: exactly
    source: str
    check: Callable = field(repr=False)
    bugs: tuple

    def holds(self):
        """Raise AssertionError unless it does."""
        self.check(self.tolerance)


def holds(number, sentence, tolerance, source, bugs):
    """Function decorator: the check, a function of the tolerance, becomes property `number` of the table."""

    def keep(check):
        assert number not in PROPERTIES, number
        PROPERTIES[number] = Property(number, sentence, tolerance, source, check, tuple(bugs))
        return check

    return keep


# ---- Words for checks


def assert_close(found, expected, tolerance):
    """Same shape, finite, and nowhere further apart than `tolerance` times the largest expected number."""
    found, expected = np.asarray(found, np.float64), np.asarray(expected, np.float64)
    assert found.shape == expected.shape, f"{found.shape} is not {expected.shape}"
    assert np.isfinite(found).all(), "not finite"
    largest = np.abs(expected).max()
    assert largest > 0, "nothing to compare with: all zero"
    apart = np.abs(found - expected).max() / largest
    assert apart <= tolerance, f"{apart:.3g} apart, allowed {tolerance:g}"


def assert_refused(ask, *words):
    """`ask()` raises a ValueError or TypeError of one line that has these words and says what was received."""
    try:
        answer = ask()
    except (TypeError, ValueError) as error:
        said = str(error)
    except Exception as error:
        raise AssertionError(f"TensorFlow had to refuse it: {error}") from error
    else:
        raise AssertionError(f"not refused: {answer!r}")
    for word in (*words, "Received: "):
        assert word in said, f"{word!r} is missing in {said!r}"
    assert "\n" not in said


def kinds_of(result):
    """The kinds of a result's notes."""
    return {note.kind for note in result.notes}
