"""Long tables of tests that need not run in full each time: `pytest --third=NUMBER` runs every third group of them.

A group is what shares something costly, as a network that is traced: the methods on one kind of model, the bugs of one
property. Three numbers that follow each other run all of them, and so does pytest without the option.
"""

import pytest

THIRDS = 3


def in_thirds(group):
    """Marks for a test of the group with this number."""
    return pytest.mark.slow, pytest.mark.full(group)


def left_out(item, number):
    """Tell if a test belongs to another third than that of the number."""
    mark = item.get_closest_marker("full")
    return mark is not None and (mark.args[0] - number) % THIRDS != 0
