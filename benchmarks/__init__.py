"""The speed of the package, beside a bare `tf.function` that does the same work: `python -m benchmarks`."""
