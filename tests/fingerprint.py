"""Everything about a model that looking inside could disturb."""

import hashlib
import json

import numpy as np

from cnnviz_widgets.engine.layer_paths import layer_paths


def fingerprint(model, kind, images):
    """A dictionary of values that compare; `kind` is the model's Kind, `images` a batch that it takes."""
    every_layer = [model, *(layer for layer, _ in layer_paths(model))]
    weights = hashlib.sha256()
    for weight in model.weights:
        weights.update(np.asarray(weight).tobytes())
    try:
        configuration = json.dumps(model.get_config(), default=repr, sort_keys=True)
    except NotImplementedError:
        configuration = None
    return {
        "weights": weights.hexdigest(),
        "configuration": configuration,
        "nodes": [(len(layer._inbound_nodes), len(layer._outbound_nodes)) for layer in every_layer],
        "attributes": [sorted(vars(layer)) for layer in every_layer],
        "calls": [layer.call for layer in every_layer],
        "activations": [getattr(layer, "activation", None) for layer in every_layer],
        "training switches": [layer.trainable for layer in every_layer],
        "variables": [id(variable) for variable in model.variables],
        "output": np.asarray(kind.called(model, images)).tobytes(),
    }
