"""Sentences for what goes wrong, and where the details go."""

import subprocess
import sys
from functools import partial

import pytest

from cnnviz_widgets.core.failures import reporting, sentence_of
from cnnviz_widgets.runner import Inline


def test_a_job_that_ends_well_reports_nothing():
    seen = []
    Inline().submit(reporting(lambda: iter([partial(seen.append, 1)]), seen.append))
    assert seen == [1]


def test_a_job_that_fails_ends_with_its_sentence():
    seen = []

    def job():
        yield partial(seen.append, 1)
        raise ValueError("A job must not fail. Received: this one.")

    Inline().submit(reporting(job, seen.append))
    assert seen == [1, "A job must not fail. Received: this one."]


def test_a_job_that_cannot_even_begin_reports_it():
    seen = []

    def job():
        raise ValueError("A job must begin. Received: none.")

    Inline().submit(reporting(job, seen.append))
    assert seen == ["A job must begin. Received: none."]


def test_a_job_that_is_dropped_reports_nothing_and_is_left():
    seen = []

    def job():
        try:
            yield print
        finally:
            seen.append("left")

    steps = reporting(job, seen.append)()
    next(steps)
    steps.close()
    assert seen == ["left"]


def test_what_is_no_sentence_of_ours_is_told_by_its_kind():
    assert sentence_of(KeyError("secret")) == "Something went wrong inside (KeyError); the log has the details."


FAILING = """
import logging
from cnnviz_widgets.core.failures import sentence_of
{}
try:
    raise KeyError("details")
except KeyError as error:
    print(sentence_of(error))
"""


@pytest.mark.parametrize(("first", "told"), [("", False), ("logging.basicConfig()", True)])
def test_the_details_are_printed_only_where_somebody_asks_for_the_log(first, told):
    code = FAILING.format(first)
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120, check=True)
    assert "KeyError" in done.stdout
    assert ("Traceback" in done.stderr) == told
