"""Groups of the layers of a large network, so that a diagram of it can be read.

A nested model is a group. In a flat one, the structure defines groups: a fork, with everything up to the merge of its
branches, is a block. So do names: "block3_expand_conv" and "block3_project_bn" belong to "block3". Of the layers left
in a line, a convolution with its normalisation and activation is one step.
"""

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import groupby, takewhile

# A level with no more members than this can be read as it is.
READABLE = 22
# The most members of a level that consists of groups mainly; beyond it there are groups inside groups.
MOST = 40
# The number of words of a name that are compared.
MOST_WORDS = 8
# Layers that may follow one with weights and form one step with it.
FOLLOWERS = {"BatchNormalization", "GroupNormalization", "LayerNormalization", "Activation", "Dropout", "ELU"}
FOLLOWERS |= {"LeakyReLU", "PReLU", "ReLU", "Softmax", "SpatialDropout2D"}


@dataclass(frozen=True)
class Group:
    """Layers that open and close together: a nested model, or a block of a flat one.

    `path` is that of the nested model. A block's path ends in "*", which that of a layer never does.
    """

    path: str
    title: str
    members: "tuple[str | Group, ...]"  # paths of layers, and Groups, in order of execution

    @property
    def layers(self) -> tuple[str, ...]:
        """The paths of all layers inside, at any depth, in order of execution but for branches."""
        return tuple(layers_in(self.members))


def layers_in(members: Iterable[str | Group]) -> Iterator[str]:
    """The paths of all layers in a tree of paths and Groups."""
    for member in members:
        if isinstance(member, Group):
            yield from layers_in(member.members)
        else:
            yield member


def grouped(
    members: Iterable[str | Group], feeds: Mapping[str, Sequence[str]], kinds: Mapping[str, str]
) -> tuple[str | Group, ...]:
    """A tree of paths and Groups, with more Groups wherever a level has too many members to be read.

    `feeds` is {path of a layer: paths of the layers it takes}, `kinds` {path: Keras's class name}, of Groups too.
    """
    return _Grouping(feeds, kinds).level(members)


class _Grouping:
    def __init__(self, feeds, kinds):
        self._feeds, self._kinds = feeds, kinds
        self._takers = Counter(path for inputs in feeds.values() for path in inputs)
        self._paths = set()

    def level(self, members, depth=1):
        """The members of one level, and of all inside it. Names are compared by their first `depth` words."""
        members = [replace(one, members=self.level(one.members)) if isinstance(one, Group) else one for one in members]
        if len(members) <= READABLE:
            return tuple(members)
        blocks = self._blocks(members)
        depth = next((n for n in range(depth, MOST_WORDS) if len(self._named(blocks, n)) > 1), depth)
        runs = self._named(blocks, depth)
        finer = [
            fine
            for key, run in runs
            for fine in (self._named(run, depth + 1) if sum(map(len, run)) > READABLE else [(key, run)])
        ]
        if len(finer) <= MOST:
            runs = finer
        if len(runs) > 1:
            members = [
                self._group(key, [member for block in blocks for member in block], depth + 1) for key, blocks in runs
            ]
        return tuple(self._steps(members) if len(members) > READABLE else members)

    def _blocks(self, members):
        """The members in lists: what lies between a fork and its merge, with the merge, or one member alone."""
        place = {path: n for n, member in enumerate(members) for path in layers_in([member])}
        furthest = [n + 1 for n in range(len(members))]  # the last that takes an output of the member
        outside = 0  # the last that takes an output from outside
        for path, n in place.items():
            for source in self._feeds[path]:
                if source in place:
                    furthest[place[source]] = max(furthest[place[source]], n)
                else:
                    outside = max(outside, n)
        blocks, begun, reach = [], 0, outside
        for n in range(len(members)):
            if reach <= n:  # nothing leads past this member
                block = members[begun : n + 1]
                blocks += [block] if len(block) <= MOST else [[member] for member in block]
                begun = n + 1
            reach = max(reach, furthest[n])
        return blocks + [[member] for member in members[begun:]]

    def _named(self, blocks, depth):
        """[(key, blocks)]: neighbouring blocks whose names begin alike are put together."""
        keyed = [(self._key(block, depth), block) for block in blocks]
        runs = []
        for key, run in groupby(keyed, key=lambda pair: pair[0]):
            run = [block for _, block in run]
            runs += [(key, run)] if key else [(None, [block]) for block in run]
        return runs

    def _key(self, block, depth):
        """The words with which at least half of a block's names begin, or None."""
        keys = Counter("_".join(name.split("_")[:depth]) for name in map(self._given_name, block) if name)
        key, count = keys.most_common(1)[0] if keys else (None, 0)
        return key if 2 * count >= len(block) else None

    def _given_name(self, member):
        """The name that a person gave to a layer; None for one that Keras made from its class, "conv2d_7"."""
        path = _path(member)
        name = _name(path)
        made = re.sub(r"(_\d+)?$", "", name, count=1).replace("_", "")
        return None if made == self._kinds.get(path, "").lower() else name

    def _group(self, key, members, depth):
        if len(members) == 1:
            return members[0]
        title = self._title(key, members) if key else _name(_path(members[-1]))  # a block has the name of its merge
        return self._new(title, members, self.level(members, depth))

    def _title(self, key, members):
        """The common beginning of all names that begin with the key: "Conv_1" rather than "Conv"."""
        names = [name for name in map(self._given_name, members) if name and f"{name}_".startswith(f"{key}_")]
        words = zip(*(name.split("_") for name in names), strict=False)
        return "_".join(same[0] for same in takewhile(lambda same: len(set(same)) == 1, words))

    def _steps(self, members):
        """Yield the members; a layer with weights forms a group with the normalisation and activation behind it."""
        alone = {member for member in members if isinstance(member, str)}
        after = {}
        for path in alone:
            inputs = self._feeds[path]
            follows = self._kinds[path] in FOLLOWERS and len(inputs) == 1 and inputs[0] in alone
            if follows and self._takers[inputs[0]] == 1:
                after[inputs[0]] = path
        taken = set()
        for member in members:
            if member in taken:
                continue
            step = [member]
            while step[-1] in after and re.search("Conv|Dense", self._kinds[member]):
                step.append(after[step[-1]])
            taken.update(step)
            yield member if len(step) == 1 else self._new(_name(member), step, tuple(step))

    def _new(self, title, members, inside):
        within, slash, _ = next(layers_in(members)).rpartition("/")
        path = f"{within}{slash}{title}*"
        while path in self._paths:
            path += "*"
        self._paths.add(path)
        return Group(path, title, inside)


def _path(member):
    return member.path if isinstance(member, Group) else member


def _name(path):
    """The layer's own name: "base/conv@2" is a use of "conv"."""
    return path.rpartition("/")[2].partition("@")[0]
