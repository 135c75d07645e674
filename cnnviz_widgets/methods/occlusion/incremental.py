"""The answers for an image with each of many rectangles covered, computed only from what each rectangle changes."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from cnnviz_widgets.core.image import InputImage
from cnnviz_widgets.core.model_output import Watched
from cnnviz_widgets.core.target import Target
from cnnviz_widgets.engine.batch_norm_folding import folded
from cnnviz_widgets.engine.batching import Batching
from cnnviz_widgets.engine.compiled import CompiledFunctions
from cnnviz_widgets.engine.memory import Memory
from cnnviz_widgets.engine.tensorflow_engine import TensorFlowEngine, as_float
from cnnviz_widgets.engine.tracing import TracedModel
from cnnviz_widgets.maps.masking import Rectangle

from .plan import Plan, batches, cheapest, pastes
from .rectangles import answers, clean_tensors
from .steps import Program, program

if TYPE_CHECKING:
    from cnnviz_widgets.network import Network

# Number of plans that are kept, one for each kind of windows; they depend on neither the image's pixels nor the class.
KEPT = 32
# Number of sets of wanted tensors that are kept, with a graph each, and of compiled functions for each of them.
GRAPHS, FUNCTIONS = 6, 8


@dataclass(frozen=True, eq=False)
class Prepared:
    """The preparation for a few wanted tensors and images of one size, before any window is known."""

    program: Program
    frontiers: dict[int, tuple[str, ...]]
    functions: CompiledFunctions  # on a graph of their own


class Plans:
    """The plans for one traced model, whatever its weights; `engine.shared` keeps them."""

    functions: Callable[..., CompiledFunctions]
    prepared: Callable[..., Prepared]
    plan: Callable[..., Plan]

    def __init__(self, traced: TracedModel, memory: Memory | None = None, like: Batching | None = None):
        self._traced, self._memory, self._like = traced, memory, like
        self._one_by_one = like is not None and like.one_by_one
        self.functions = lru_cache(GRAPHS)(self._functions)
        self.prepared = lru_cache(GRAPHS)(self._prepared)  # each holds its functions
        self.plan = lru_cache(KEPT)(self._plan)

    @classmethod
    def of(cls, engine: TensorFlowEngine) -> "Plans":
        """Return the plans for an engine's model."""
        return engine.shared("occlusion", lambda: cls(engine.traced, engine.memory, engine.functions.batching))

    def _functions(self, wanted):
        """Return the functions for the tensors `wanted`, for images of every size."""
        traced = replace(self._traced, graph=folded(self._traced.graph, wanted))
        functions = CompiledFunctions(traced, memory=self._memory, most=FUNCTIONS)
        if self._like is not None:
            functions.batching.take_after(self._like)
        return functions

    def _prepared(self, sides, wanted):
        """Return the `Prepared` for the tensors `wanted` and images of `sides` (height, width)."""
        functions = self.functions(wanted)
        made = program(functions.graph, sides, wanted)
        frontiers = made.frontiers(functions.graph)
        # Images that must be alone run as they are: a whole image at a time.
        return Prepared(made, {0: frontiers[0]} if self._one_by_one else frontiers, functions)

    def _plan(self, sides, wanted, corners):
        """Return the `Plan` for windows (top, bottom, left, right) over an image of `sides`."""
        prepared = self.prepared(sides, wanted)
        rectangles = [(slice(top, bottom), slice(left, right)) for top, bottom, left, right in corners]
        return cheapest(prepared.program, prepared.frontiers, rectangles)


class IncrementalOcclusion:
    """The answers for an image with one of `rectangles` covered, pairs of slices, for each of them.

    `batches` are arrays of their indices, in the best order to ask for them, and `clean` is the answer for the
    uncovered image. An answer is a `Watched`. `words` is a sentence on the way of computing.
    """

    plan: Plan
    batches: list[np.ndarray]

    def __init__(
        self,
        network: "Network",
        image: InputImage,
        fill: np.ndarray,
        rectangles: Sequence[Rectangle],
        target: Target,
        of: str = "logit",
        ranks: npt.ArrayLike | None = None,
    ):
        """Make a plan; `fill` (height, width, channels) shows in a rectangle, lower `ranks` (n,) come first.

        Raises ValueError for a score `of` that the network does not have.
        """
        self._batch = network.batch(image)
        self._engine: Any = network.traced_engine
        self._target, self._of = network.target(target, image), of
        self._output: Any = network.output
        self._array, self._fill, self._rectangles = self._batch.array[0], fill, rectangles
        traced = self._engine.traced
        wanted = (traced.logits, traced.output)
        if self._target.layer is None:
            network.output.check_watched(of)
        else:
            wanted += (self._engine.objective_tensor(self._target.layer),)
        corners = tuple((rows.start, rows.stop, columns.start, columns.stop) for rows, columns in rectangles)
        plans, sides = Plans.of(self._engine), self._array.shape[:2]
        self._prepared, self.plan = plans.prepared(sides, wanted), plans.plan(sides, wanted, corners)
        self._functions = self._engine.reading_too(self._prepared.functions)
        self.batches = batches(self.plan, np.zeros(len(rectangles), int) if ranks is None else np.asarray(ranks))

    @property
    def words(self) -> str:
        """A sentence on the way of computing."""
        program, cut = self._prepared.program, self.plan.cut
        if cut == 0:
            return "Every covered image runs through the whole network."
        done = len({step.name for step in program.steps[:cut]})
        return f"The first {done} of {len(program.works)} operations compute only what a window changes."

    @property
    def clean(self) -> Watched:
        """The answer for the uncovered image."""
        wanted = self._clean_values()[-len(self._prepared.program.wanted) :]
        return self._read(*wanted).first()

    def outputs(self, batch: np.ndarray) -> Watched:
        """Return the answer for a batch of rectangles, given by their indices (n,)."""
        program, functions = self._prepared.program, self._functions
        if self.plan.cut == 0:
            whole = self._parts(batch, np.zeros((len(batch), 2), int), self._array.shape[:2])
            return self._read(*functions.values(*program.wanted)(whole))
        answer = functions.compiled(
            ("covered", tuple(step.output for step in program.steps[: self.plan.cut]), self.plan.frontier),
            lambda: answers(functions.graph, program, self.plan.cut, self.plan.frontier, functions.spec),
        )
        clean = list(self._clean_values()[: -len(program.wanted)])
        way = ((program.image,), program.wanted, "forward")  # the memory of a pass in which nothing is followed

        def ask(batch):
            changed = self.plan.changed[program.image].chosen(batch)
            parts = self._parts(batch, changed.first, changed.size)
            return answer(parts, clean, pastes(program, self.plan, batch))

        return self._read(*functions.batching.ask(way, batch, ask, one=self._array))

    def _read(self, logits, output, activations=None):
        """Return the `Watched` of the wanted tensors."""
        scores = self._output.answers(as_float(logits), as_float(output))
        values = scores[0 if self._of == "logit" else 1] if activations is None else as_float(activations)
        return self._output.watched(self._target.of(values), *scores)

    def _clean_values(self):
        """Return the uncovered image's maps that rectangles are pasted into, then its wanted tensors."""
        program = self._prepared.program
        maps = clean_tensors(program, self.plan.cut, self.plan.frontier) if self.plan.cut else ()
        return self._engine.kept_values(self._batch.array, maps + program.wanted, self._batch.key, self._functions)

    def _parts(self, batch, first, size):
        """Return the part of each covered image that begins at `first` (n, 2): (n, rows, columns, channels)."""
        parts = np.empty((len(batch), *size, self._array.shape[-1]), self._array.dtype)
        for part, (row, column), index in zip(parts, first, batch, strict=True):
            rows, columns = self._rectangles[index]
            part[:] = self._array[row : row + size[0], column : column + size[1]]
            inside = slice(rows.start - row, rows.stop - row), slice(columns.start - column, columns.stop - column)
            part[inside] = self._fill[rows, columns]
        return parts
