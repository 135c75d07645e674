"""How fast the package is, beside a bare `tf.function` that does the same work: `python -m benchmarks`."""
