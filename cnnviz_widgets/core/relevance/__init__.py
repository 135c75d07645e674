"""Layer-wise relevance propagation: a score handed back, operation by operation, to the pixels that made it."""
