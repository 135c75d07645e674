"""Model files that Keras 2 wrote, translated for Keras 3.

Keras 3 reads the ``.h5`` files of Keras 2, but stumbles over settings that its layers no longer have (a
``DepthwiseConv2D`` of "groups": 1, as in every MobileNet) and over models inside models. Only settings without effect
are left out; a file with others stays as it is, and Keras refuses it.
"""

import inspect
import json
import tempfile
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

# Settings that layers once had, and the values at which leaving them out changes nothing.
EFFECTLESS: dict[str, tuple[object, ...]] = {
    "groups": (1,),
    "implementation": (1, 2),
    "time_major": (False,),
    "renorm": (False,),
}
# Endings of settings that matter only in training: the file holds the weights themselves.
OF_TRAINING = ("_initializer", "_regularizer", "_constraint")
# Settings that Keras 3 accepts although they are no parameters.
UNDERSTOOD = {"name", "trainable", "dtype", "batch_input_shape", "input_shape", "axis"}


@contextmanager
def readable(path: Path) -> Iterator[Path]:
    """Give the path of a model file that Keras 3 can read: `path` itself, or a translated copy of an ``.h5`` file."""
    config = _old_config(path)
    modern = None if config is None else modernised(config)
    if modern == config:
        yield path
        return
    import h5py

    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder) / path.name
        copy.write_bytes(path.read_bytes())
        with h5py.File(copy, "r+") as file:
            file.attrs["model_config"] = json.dumps(modern)
        yield copy


def modernised(config: Any) -> Any:
    """Translate the configuration of a model, layer or wrapper from Keras 2 to Keras 3."""
    if isinstance(config, list):
        return [modernised(part) for part in config]
    if not isinstance(config, dict):
        return config
    if not {"class_name", "config"} <= set(config):
        return {name: modernised(part) for name, part in config.items()}
    layer = _layer_class(config["class_name"])
    if layer is None:
        return config  # for example an initialiser
    # Without a module, a layer inside a model is read like the outermost ones, by the rules for old files.
    kept = {name: part for name, part in config.items() if name not in ("module", "registered_name", "build_config")}
    settings = {
        name: modernised(value) for name, value in config["config"].items() if not _superfluous(layer, name, value)
    }
    return kept | {"config": _rewired(settings) if "output_layers" in settings else settings}


def _rewired(model):
    """Return the settings of a functional model with its connections counted as in Keras 3.

    In Keras 2, a model inside another had been called once before, when it was made, so that the first call here is
    number 1; and a model with one input or output listed it in a list of one.
    """
    nested = {layer["name"] for layer in model["layers"] if "layers" in layer["config"] and "name" in layer}
    ends = {name: model[name] for name in ("input_layers", "output_layers")}
    sources = list(_sources([ends["output_layers"], *(layer.get("inbound_nodes") for layer in model["layers"])]))
    later = nested - {name for name, call, *_ in sources if call == 0}
    for source in sources:
        source[1] -= source[0] in later
    return model | {name: end[0] if len(end) == 1 else end for name, end in ends.items()}


def _sources(nodes):
    """Yield the lists [layer, number of its call, number of its output, ...] in a tree of lists."""
    if isinstance(nodes, dict):
        nodes = list(nodes.values())
    if isinstance(nodes, list) and len(nodes) >= 3 and isinstance(nodes[0], str) and isinstance(nodes[1], int):
        yield nodes
        nodes = nodes[3:]
    for node in nodes if isinstance(nodes, list) else ():
        yield from _sources(node)


def version_of(path: Path) -> str:
    """Return the version of Keras that wrote a file; "" where the file does not say."""
    if path.suffix == ".keras":
        with zipfile.ZipFile(path) as archive:
            if "metadata.json" not in archive.namelist():
                return ""
            return str(json.loads(archive.read("metadata.json")).get("keras_version", ""))
    import h5py

    with h5py.File(path, "r") as file:
        return _text(file.attrs.get("keras_version", ""))


def _old_config(path):
    """Return the configuration in an ``.h5`` file of Keras 2; None for another file, or one that cannot be read."""
    import h5py

    try:
        if path.suffix != ".h5" or not version_of(path).startswith("2."):
            return None
        with h5py.File(path, "r") as file:
            return json.loads(_text(file.attrs["model_config"]))
    except (OSError, KeyError, ValueError):  # Keras will report it
        return None


def _superfluous(layer, name, value):
    if name in UNDERSTOOD or name in _parameters(layer):
        return False
    return name.endswith(OF_TRAINING) or value in EFFECTLESS.get(name, ())


def _parameters(layer):
    """Return the names that a layer's constructor takes, with those that it hands on."""
    return {name for kind in layer.__mro__ for name in inspect.signature(kind.__init__).parameters}


def _layer_class(name):
    import keras

    found = getattr(keras.layers, name, None) or getattr(keras, name, None)
    if name == "Functional":
        return keras.Model
    return found if isinstance(found, type) and issubclass(found, keras.layers.Layer) else None


def _text(value):
    return value.decode() if isinstance(value, bytes) else str(value)
