"""Receptive fields: the pixels on which each cell of a map depends, worked out from the operations of a graph."""
