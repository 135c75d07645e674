"""EfficientNet-Lite0 in PyTorch, filled with the weights of the Keras model, for torch's libraries.

Written for channels first, as torch has it; padding is TensorFlow's "same", more of it behind than in front; batch
normalisation has Keras' epsilon. `head_activation` is the layer that class activation maps are of.
"""

import numpy as np
import torch
from torch import nn
from torch.nn import functional

# (repeats, stride of the first) of the stages; everything else is in the weights.
STAGES = ((1, 1), (2, 2), (2, 2), (3, 2), (3, 1), (4, 2), (1, 1))


class Same(nn.Conv2d):
    """A convolution with TensorFlow's "same" padding."""

    def forward(self, x):
        """(n, channels, rows, columns)."""
        before_and_behind = []
        for side, kernel, stride in zip(x.shape[:1:-1], self.kernel_size[::-1], self.stride[::-1], strict=True):
            total = max((-(-side // stride) - 1) * stride + kernel - side, 0)
            before_and_behind += [total // 2, total - total // 2]
        return super().forward(functional.pad(x, before_and_behind) if any(before_and_behind) else x)


class Block(nn.Module):
    """Widen, filter each channel on its own, narrow."""

    def __init__(self, arrays, name, stride):
        super().__init__()
        wide = f"{name}_expand_conv/kernel" in arrays
        self.expand = part(arrays, f"{name}_expand") if wide else nn.Identity()
        self.depthwise = part(arrays, f"{name}_depthwise", stride)
        self.project = part(arrays, f"{name}_project", active=False)
        first, last = self.expand[0] if wide else self.depthwise[0], self.project[0]
        self.adds = stride == 1 and first.in_channels == last.out_channels

    def forward(self, x):
        """(n, channels, rows, columns)."""
        made = self.project(self.depthwise(self.expand(x)))
        return x + made if self.adds else made


class Lite0(nn.Module):
    """Images (n, 3, 224, 224) in 0..255 -> logits (n, 1000)."""

    def __init__(self, arrays):
        super().__init__()
        strides = [stride if repeat == 0 else 1 for repeats, stride in STAGES for repeat in range(repeats)]
        self.stem = part(arrays, "stem", 2)
        self.blocks = nn.Sequential(*(Block(arrays, f"block{n}", stride) for n, stride in enumerate(strides)))
        self.head = part(arrays, "head", active=False)
        self.head_activation = nn.ReLU6()
        self.logits = nn.Linear(*arrays["logits/kernel"].shape)
        self.logits.weight.data = torch.from_numpy(arrays["logits/kernel"].T.copy())
        self.logits.bias.data = torch.from_numpy(arrays["logits/bias"])
        self.eval().requires_grad_(False)

    def forward(self, images):
        """Return the logits."""
        x = self.head_activation(self.head(self.blocks(self.stem((images - 127) / 128))))
        return self.logits(x.mean(dim=(2, 3)))


def part(arrays, name, stride=1, active=True):
    """Return a convolution, its normalisation, and ReLU6 where it is `active`."""
    kernel = arrays[f"{name}_conv/kernel"]
    alone = name.endswith("depthwise")
    # (h, w, channels, 1) -> (channels, 1, h, w), or (h, w, in, out) -> (out, in, h, w)
    kernel = kernel.transpose(2, 3, 0, 1) if alone else kernel.transpose(3, 2, 0, 1)
    out, into = kernel.shape[0], kernel.shape[0] if alone else kernel.shape[1]
    convolution = Same(into, out, kernel.shape[2:], stride, groups=into if alone else 1, bias=False)
    convolution.weight.data = torch.from_numpy(np.ascontiguousarray(kernel))
    normal = nn.BatchNorm2d(out, eps=1e-3)
    for own, theirs in {"weight": "gamma", "bias": "beta"}.items():
        getattr(normal, own).data = torch.from_numpy(arrays[f"{name}_bn/{theirs}"])
    normal.running_mean = torch.from_numpy(arrays[f"{name}_bn/moving_mean"])
    normal.running_var = torch.from_numpy(arrays[f"{name}_bn/moving_variance"])
    return nn.Sequential(convolution, normal, *([nn.ReLU6()] if active else []))


def opened(folder):
    """Return (model, image (1, 3, height, width)) from the files in the folder."""
    with np.load(f"{folder}/weights.npz") as file:
        model = Lite0(dict(file))
    image = np.load(f"{folder}/image.npy").transpose(2, 0, 1)[np.newaxis]
    return model, torch.from_numpy(np.ascontiguousarray(image))
