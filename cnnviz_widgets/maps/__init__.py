"""The arithmetic that methods share, NumPy only: class activation maps, masks, channels, comparisons of maps."""
