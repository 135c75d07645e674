"""Numbers only: networks, images, methods and results, with no widgets anywhere."""
