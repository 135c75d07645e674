"""The nouns: images, targets, methods, parameters, results and notes; NumPy only."""
