"""Times that can be compared: alternating calls, medians, spread, and goals."""

import time
from dataclasses import asdict, dataclass, field, fields

import numpy as np

# The most repeats in a run that only checks that everything works, see `few`.
FEW = 2
_limit = None


def few():
    """Do everything only `FEW` times from now on: soon done, but with unreliable times."""
    global _limit
    _limit = FEW


def at_most(wanted):
    """Return the number of repeats of something that is best done `wanted` times."""
    return wanted if _limit is None else min(wanted, _limit)


class Seconds(float):
    """A time in seconds by a clock of its own: a contender in another process returns this."""


@dataclass(frozen=True)
class Fact:
    """A sentence about the measuring of a part: versions, agreement, missing peers."""

    text: str


@dataclass(frozen=True)
class Row:
    """A line of the table: the times of ours, of the bare work beside it, and of the peers for the same.

    Numbers are seconds for the unit "ms", and megabytes for "MB". `goal` is the largest ratio of `ours` to `bare`, or
    where there is no `bare` the largest median; `faster` is the smallest number of times that `ours` is to be as fast
    as `bare`; `wanted` the same {peer: times} for peers.
    """

    name: str
    ours: tuple
    bare: tuple = ()
    goal: float | None = None
    remark: str = ""
    beside: str = ""  # what `bare` is
    faster: float | None = None
    peers: dict = field(default_factory=dict)
    wanted: dict = field(default_factory=dict)
    unit: str = "ms"

    @property
    def median(self):
        """The median of ours."""
        return float(np.median(self.ours))

    @property
    def figure(self):
        """The figure that the goal bounds: the ratio of the medians, or the median."""
        return self.median / float(np.median(self.bare)) if self.bare else self.median

    def over(self, peer):
        """Return the factor by which ours is faster than a peer (or, in MB, smaller)."""
        return float(np.median(self.peers[peer])) / self.median

    @property
    def goals(self):
        """(the wish in words, true where it is met) for each goal."""
        found = []
        if self.goal is not None:
            wanted = f"≤ {self.goal:g}×" if self.bare else f"≤ {self.goal * self.scale:g} {self.unit}"
            found.append((wanted, self.figure <= self.goal))
        if self.faster is not None:
            found.append((f"≥ {self.faster:g}× as fast", 1 / self.figure >= self.faster))
        for peer, factor in self.wanted.items():
            if peer in self.peers:
                found.append((f"≥ {factor:g}× as fast as {peer}", self.over(peer) >= factor))
        return found

    @property
    def met(self):
        """True where all goals are met; None where there is none."""
        return all(met for _, met in self.goals) if self.goals else None

    @property
    def scale(self):
        """The factor from the kept unit to the printed one."""
        return 1000 if self.unit == "ms" else 1

    def as_dict(self):
        """Return the row as a dict for JSON."""
        return {**asdict(self), "figure": self.figure, "goals": self.goals, "met": self.met}

    @classmethod
    def of_dict(cls, kept):
        """Return the Row of a dict from `as_dict`."""
        return cls(**{each.name: kept[each.name] for each in fields(cls)})


def alternate(*contenders, rounds=15, warm_up=2, before=lambda: None):
    """Call the contenders in turn, and return the seconds of each, a tuple a contender. `before` each is not timed.

    What a contender in another process says of its own time counts instead, see `Seconds`.
    """
    taken = [[] for _ in contenders]
    warm_up = at_most(warm_up)
    for turn in range(warm_up + at_most(rounds)):
        for place in range(len(contenders)):
            which = (place + turn) % len(contenders)  # nobody always goes first
            before()
            begun = time.perf_counter()
            answer = contenders[which]()
            seconds = time.perf_counter() - begun
            if turn >= warm_up:
                taken[which].append(float(answer) if isinstance(answer, Seconds) else seconds)
    return tuple(map(tuple, taken))


def shared(taken, count):
    """Return the times for one of `count` that were done together."""
    return tuple(each / count for each in taken)


def spread(numbers, scale=1000):
    """Return median and quartiles as text: "12.3 [12 .. 12.9]"; of one or two times only the median."""
    if not numbers:
        return ""
    low, middle, high = map(short, np.percentile(np.array(numbers) * scale, (25, 50, 75)))
    return middle if len(numbers) < 3 else f"{middle} [{low} .. {high}]"


def short(number):
    """Return a number with three figures, or all in front of the point."""
    return f"{number:.0f}" if abs(number) >= 100 else f"{number:.3g}"


def verdict(row):
    """Return the goals of a row as text, each marked as met or missed."""
    return "; ".join(f"{wanted}: {'met' if met else 'NOT met'}" for wanted, met in row.goals)


def table(rows):
    """Return the rows as text: median [quartiles] of ours and of the bare work, their ratio, goals; peers below."""
    width = max((len(row.name) for row in rows), default=0)
    lines = [f"{'':{width}}{'ours':>26}{'beside it':>26}{'ratio':>8}  goal"]
    for row in rows:
        ratio = f"{row.figure:.2f}" if row.bare else ""
        ours, bare = f"{spread(row.ours, row.scale)} {row.unit}", spread(row.bare, row.scale)
        lines.append(f"{row.name:{width}}{ours:>26}{bare:>26}{ratio:>8}  {verdict(row)}".rstrip())
        for peer, numbers in row.peers.items():
            theirs = f"{spread(numbers, row.scale)} {row.unit}"
            lines.append(f"    {peer:{width - 4}}{theirs:>26}{row.over(peer):>34.2f} times ours")
        if row.beside:
            lines.append(f"    beside it: {row.beside}")
        if row.remark:
            lines.append(f"    {row.remark}")
    return "\n".join(lines)
