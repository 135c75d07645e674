"""A Keras model as a traced graph that answers questions; the only room with TensorFlow."""
