"""The parts of the page that run in the browser: a Python class, its JavaScript and its style sheet each."""
