"""The widgets, and the parts that they are made of."""
