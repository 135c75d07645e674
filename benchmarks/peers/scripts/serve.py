"""A peer at work: it takes tasks as lines of JSON, does them, and reports the seconds. Only the standard library.

{"do": "gradient"} is answered by {"seconds": 0.04}; with "keep" the array is saved there, for NumPy. With
{"memory": true} the answer is {"megabytes": 12.5} instead. {"error": ...} says what went wrong. The first line that a
peer writes is {"versions": {...}, "tasks": [...]}.
"""

import json
import os
import sys
import time

import peak


def serve(prepare):
    """Answer until the input ends. `prepare(folder)` gives (versions, {name: a function without arguments})."""
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # whatever a library prints is no answer

    def say(reply):
        answers.write(json.dumps(reply) + "\n")
        answers.flush()

    versions, tasks = prepare(sys.argv[1])
    say({"versions": versions, "tasks": sorted(tasks)})
    for line in sys.stdin:
        try:
            say(_answer(tasks, json.loads(line)))
        except Exception as error:
            say({"error": f"{type(error).__name__}: {error}"})


def _answer(tasks, asked):
    work = tasks[asked["do"]]
    if asked.get("memory"):
        return {"megabytes": peak.growth(work)}
    begun = time.perf_counter()
    array = work()
    seconds = time.perf_counter() - begun
    if "keep" in asked:
        import numpy as np

        np.save(asked["keep"], array)
    return {"seconds": seconds}


def settings(folder):
    """Return the settings, the image's file and the numbers of each method, as `exchange.py` wrote them."""
    with open(os.path.join(folder, "settings.json")) as file:
        return json.load(file)
