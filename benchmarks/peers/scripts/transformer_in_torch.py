"""The small vision transformer in PyTorch, filled with the weights of the Keras model; it keeps its attention."""

import numpy as np
import torch
from torch import nn
from torch.nn import functional


class SmallTransformer(nn.Module):
    """Images (n, 1, 28, 28) in 0..255 -> logits (n, 10); `seen` are the attention matrices of the last pass."""

    def __init__(self, arrays):
        super().__init__()
        self._arrays, self.seen = nn.ParameterDict(), []
        for name, values in arrays.items():
            self._arrays[name.replace("/", "_")] = nn.Parameter(torch.from_numpy(np.array(values)))
        self._blocks = sorted({name.split("_")[0] for name in arrays if name.startswith("block")})
        self.eval()

    def forward(self, images):
        """Return the logits."""
        self.seen = []
        x = functional.conv2d(images / 255, self._of("patches/kernel").permute(3, 2, 0, 1), self._of("patches/bias"), 4)
        x = x.flatten(2).transpose(1, 2)
        x = torch.cat([self._of("tokens/token").expand(len(x), -1, -1), x], dim=1) + self._of("tokens/places")
        for block in self._blocks:
            x = x + self._attended(self._normal(x, f"{block}_norm1"), f"{block}_attention")
            hidden = functional.gelu(self._dense(self._normal(x, f"{block}_norm2"), f"{block}_hidden"))
            x = x + self._dense(hidden, f"{block}_out")
        return self._dense(self._normal(x, "norm")[:, 0], "logits")

    def _of(self, name):
        return self._arrays[name.replace("/", "_")]

    def _dense(self, x, name):
        return x @ self._of(f"{name}/kernel") + self._of(f"{name}/bias")

    def _normal(self, x, name):
        return functional.layer_norm(x, x.shape[-1:], self._of(f"{name}/gamma"), self._of(f"{name}/beta"), 1e-6)

    def _attended(self, x, name):
        """Vaswani et al. 2017, equation 1; kernels are (channels, heads, channels of a head)."""
        query, key, value = (
            torch.einsum("ntc,chd->nhtd", x, self._of(f"{name}/{part}/kernel"))
            + self._of(f"{name}/{part}/bias")[None, :, None]
            for part in ("query", "key", "value")
        )
        weights = (query @ key.transpose(-1, -2) / query.shape[-1] ** 0.5).softmax(-1)
        self.seen.append(weights)
        mixed = torch.einsum("nhtd,hdc->ntc", weights @ value, self._of(f"{name}/attention_output/kernel"))
        return mixed + self._of(f"{name}/attention_output/bias")
