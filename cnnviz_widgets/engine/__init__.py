"""The engine: a Keras model as a traced graph, and the functions compiled from it; the only room with TensorFlow."""
