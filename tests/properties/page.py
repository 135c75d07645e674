"""The table of properties as a page for readers: `docs/properties.md`, written by `tools/write_properties.py`."""

INTRODUCTION = """# Properties that must hold, and bugs that would break them

Every line is a test that runs on the package as it is, and once more for every bug in the last column, planted in the
function named there, where the test must fail. So these tests are known to be able to fail. The tolerance is relative
to the largest number that is compared; 0 means bit for bit, and where nothing is compared it is the bound that the
sentence names.

This page is written by `python tools/write_properties.py`, from the table in `tests/properties`.

| # | Property | Tolerance | As in | Fails when |
| --- | --- | --- | --- | --- |
"""


def page(table):
    """The Markdown page for a sequence of Property objects."""
    return INTRODUCTION + "".join(map(row, table))


def row(each):
    """One line of the table."""
    bugs = "; ".join(f"{cell(bug.sentence)} (`{bug.where}`)" for bug in each.bugs)
    return f"| {each.number} | {cell(each.sentence)} | {each.tolerance:g} | {cell(each.source)} | {bugs} |\n"


def cell(text):
    """Text that may stand in a cell of a table."""
    return text.replace("|", "\\|")
