"""Receptive fields: the pixels on which each cell of a map depends, derived from the operations of a graph."""
