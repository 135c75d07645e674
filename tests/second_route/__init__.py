"""The bundled networks a second time, in NumPy, without TensorFlow and without a line of the package."""
