"""Taking times so that they can be compared: alternating, medians, spread."""

import time
from dataclasses import asdict, dataclass

import numpy as np


@dataclass(frozen=True)
class Row:
    """A line of the table: times in seconds of ours and, where there is one, of the bare equivalent."""

    name: str
    ours: tuple
    bare: tuple = ()
    goal: float | None = None  # a ratio where there is a bare equivalent, otherwise seconds
    remark: str = ""

    @property
    def figure(self):
        """What the goal is about: the ratio of the medians, or the median in seconds."""
        ours = float(np.median(self.ours))
        return ours / float(np.median(self.bare)) if self.bare else ours

    @property
    def met(self):
        """Whether the goal is met; None where there is none."""
        return None if self.goal is None else self.figure <= self.goal

    def as_dict(self):
        """For JSON."""
        return {**asdict(self), "figure": self.figure, "met": self.met}


def alternate(*contenders, rounds=15, warm_up=2, before=lambda: None):
    """Call the contenders in turn; the seconds that each took, a tuple a contender. `before` each is not timed."""
    times = [[] for _ in contenders]
    for turn in range(warm_up + rounds):
        for place in range(len(contenders)):
            which = (place + turn) % len(contenders)  # nobody always goes first
            before()
            begun = time.perf_counter()
            contenders[which]()
            if turn >= warm_up:
                times[which].append(time.perf_counter() - begun)
    return tuple(map(tuple, times))


def table(rows):
    """The rows as text: median [quartiles] in ms of both, ratio, goal."""
    lines = [f"{'':44}{'ours, ms':>24}{'bare, ms':>24}{'ratio':>8}  goal"]
    for row in rows:
        ratio = f"{row.figure:.2f}" if row.bare else ""
        lines.append(f"{row.name:44}{_spread(row.ours):>24}{_spread(row.bare):>24}{ratio:>8}  {_goal(row)}")
        if row.remark:
            lines.append(f"    {row.remark}")
    return "\n".join(lines)


def _spread(times):
    if not times:
        return ""
    low, middle, high = np.percentile(np.array(times) * 1000, (25, 50, 75))
    return f"{middle:.4g} [{low:.4g} .. {high:.4g}]"


def _goal(row):
    if row.goal is None:
        return ""
    wanted = f"<= {row.goal:g}x" if row.bare else f"<= {row.goal * 1000:g} ms"
    return f"{wanted}: {'met' if row.met else 'NOT met'}"
