"""The digits network in PyTorch, filled with the weights of the Keras model, for torch's libraries."""

import numpy as np
import torch
from torch import nn


class Body(nn.Module):
    """Images (n, 1, 28, 28) in 0..1 -> logits (n, 10). Each ReLU is a module of its own, as libraries ask for."""

    def __init__(self, arrays):
        super().__init__()
        for name in ("conv1", "conv2", "conv3"):
            setattr(self, name, _convolution(arrays, name))
            setattr(self, f"{name}_relu", nn.ReLU())
        self.pool1, self.pool2 = nn.MaxPool2d(2), nn.MaxPool2d(2)
        kernel, channels = arrays["dense/kernel"], self.conv3.out_channels
        side = int((len(kernel) // channels) ** 0.5)
        # Keras flattens (rows, columns, channels), torch (channels, rows, columns).
        kernel = kernel.reshape(side, side, channels, -1).transpose(2, 0, 1, 3).reshape(len(kernel), -1)
        self.dense, self.dense_relu = _dense(kernel, arrays["dense/bias"]), nn.ReLU()
        self.logits = _dense(arrays["probabilities/kernel"], arrays["probabilities/bias"])

    def forward(self, x):
        """Return the logits."""
        x = self.pool1(self.conv2_relu(self.conv2(self.conv1_relu(self.conv1(x)))))
        x = self.pool2(self.conv3_relu(self.conv3(x)))
        return self.logits(self.dense_relu(self.dense(x.flatten(1))))


class Digits(nn.Module):
    """Images (n, 1, 28, 28) in 0..255 -> logits (n, 10)."""

    def __init__(self, arrays):
        super().__init__()
        self.body = Body(arrays)
        self.eval()

    def forward(self, images):
        """Return the logits."""
        return self.body(images / 255)


def _convolution(arrays, name):
    kernel = arrays[f"{name}/kernel"].transpose(3, 2, 0, 1)
    made = nn.Conv2d(kernel.shape[1], kernel.shape[0], kernel.shape[2:])
    made.weight.data = torch.from_numpy(np.ascontiguousarray(kernel))
    made.bias.data = torch.from_numpy(arrays[f"{name}/bias"])
    return made


def _dense(kernel, bias):
    made = nn.Linear(*kernel.shape)
    made.weight.data, made.bias.data = torch.from_numpy(kernel.T.copy()), torch.from_numpy(bias)
    return made
