"""What a network says of one image with each of many rectangles covered, a batch of rectangles at a time."""

import copy
from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np

from cnnviz_widgets.engine.batch_norm_folding import folded
from cnnviz_widgets.engine.compiled import Questions

from .plan import batches, cheapest, pastes
from .rectangles import answers, clean_tensors
from .steps import Program, program

# Routes that are kept, for as many kinds of windows: they do not depend on the image's pixels, nor on the class.
KEPT = 32
# Sets of tensors that are wanted, a graph each, and compiled answers to each of them.
GRAPHS, ANSWERS = 6, 8


@dataclass(frozen=True, eq=False)
class Prepared:
    """What is known of a few tensors before any window is: for images of one size."""

    program: Program
    frontiers: dict
    questions: Questions  # to a graph of their own


class Follower:
    """Follows covered windows through one traced model, and keeps what it finds out about it."""

    def __init__(self, traced, memory=None):
        self._traced, self._memory = traced, memory
        self.questions = lru_cache(GRAPHS)(self._questions)
        self.prepared = lru_cache(GRAPHS)(self._prepared)  # each holds its questions
        self.route = lru_cache(KEPT)(self._route)

    def asking(self, other):
        """One that follows the same routes and asks `other(questions)` in the place of the model's own questions."""
        twin = copy.copy(self)

        def prepared(*asked):
            own = self.prepared(*asked)
            return replace(own, questions=other(own.questions))

        twin.prepared = lru_cache(KEPT)(prepared)
        return twin

    def _questions(self, wanted):
        """The questions about the tensors `wanted`, for images of every size."""
        traced = replace(self._traced, graph=folded(self._traced.graph, wanted))
        return Questions(traced, memory=self._memory, most=ANSWERS)

    def _prepared(self, sides, wanted):
        """What is `Prepared` for the tensors `wanted` and images of `sides` (height, width)."""
        questions = self.questions(wanted)
        made = program(questions.graph, sides, wanted)
        return Prepared(made, made.frontiers(questions.graph), questions)

    def _route(self, sides, wanted, corners):
        """The `Route` for windows (top, bottom, left, right) over an image of `sides`."""
        prepared = self.prepared(sides, wanted)
        rectangles = [(slice(top, bottom), slice(left, right)) for top, bottom, left, right in corners]
        return cheapest(prepared.program, prepared.frontiers, rectangles)


class Covering:
    """The answers for an image with one of `rectangles` covered, pairs of slices, for each of them.

    `batches` are arrays of their indices, in the order in which they are best asked for, and `clean` is the answer for
    the image as it is. An answer is a `Watched`. `words` tell in a sentence how it is computed.
    """

    def __init__(self, follower, wanted, array, fill, rectangles, ranks, clean, read):
        """For the image `array`, where `fill` shows in a rectangle.

        `clean(questions, names)` gives the values of tensors for the image as it is; `read` makes an answer of the
        values of the tensors `wanted`.
        """
        self._array, self._fill, self._rectangles = array, fill, rectangles
        self._values_of_clean, self._read = clean, read
        corners = tuple((rows.start, rows.stop, columns.start, columns.stop) for rows, columns in rectangles)
        self._prepared = follower.prepared(array.shape[:2], wanted)
        self.route = follower.route(array.shape[:2], wanted, corners)
        self.batches = batches(self.route, np.asarray(ranks))

    @property
    def words(self):
        """How it is computed, in a sentence."""
        program, cut = self._prepared.program, self.route.cut
        if cut == 0:
            return "Every covered image runs through the whole network."
        done = len({step.name for step in program.steps[:cut]})
        return f"Of {len(program.works)} operations the first {done} compute only what a window changes."

    @property
    def clean(self):
        """The answer for the image as it is."""
        wanted = self._clean_values()[-len(self._prepared.program.wanted) :]
        return self._read(*wanted).first()

    def outputs(self, batch):
        """The answer for a batch of rectangles."""
        program, questions = self._prepared.program, self._prepared.questions
        if self.route.cut == 0:
            whole = self._parts(batch, np.zeros((len(batch), 2), int), self._array.shape[:2])
            return self._read(*questions.values(*program.wanted)(whole))
        answer = questions.keep(
            ("covered", tuple(step.output for step in program.steps[: self.route.cut]), self.route.frontier),
            lambda: answers(questions.graph, program, self.route.cut, self.route.frontier, questions.spec),
        )
        clean = list(self._clean_values()[: -len(program.wanted)])
        way = ((program.image,), program.wanted, "forward")  # as if it were followed nowhere

        def ask(batch):
            changed = self.route.changed[program.image].chosen(batch)
            parts = self._parts(batch, changed.first, changed.size)
            return answer(parts, clean, pastes(program, self.route, batch))

        return self._read(*questions.pieces.ask(way, batch, ask, one=self._array))

    def _clean_values(self):
        """For the image as it is: the maps that rectangles are pasted into, then the tensors that are wanted."""
        program = self._prepared.program
        maps = clean_tensors(program, self.route.cut, self.route.frontier) if self.route.cut else ()
        return self._values_of_clean(self._prepared.questions, maps + program.wanted)

    def _parts(self, batch, first, size):
        """(n, rows, columns, channels): the part of each covered image that begins at `first`."""
        parts = np.empty((len(batch), *size, self._array.shape[-1]), self._array.dtype)
        for part, (row, column), index in zip(parts, first, batch, strict=True):
            rows, columns = self._rectangles[index]
            part[:] = self._array[row : row + size[0], column : column + size[1]]
            inside = slice(rows.start - row, rows.stop - row), slice(columns.start - column, columns.stop - column)
            part[inside] = self._fill[rows, columns]
        return parts
