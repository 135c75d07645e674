"""The papers' formulas, written once more in NumPy and torch's autograd; nothing of ours in it."""

import copy

import numpy as np
import torch
from torch import nn
from torch.nn import functional


class Guided(torch.autograd.Function):
    """Springenberg et al. 2014: back where the unit follows its input and the gradient is positive."""

    @staticmethod
    def forward(ctx, x, top):
        """A ReLU, clipped at `top`."""
        ctx.save_for_backward((x > 0) & (x < top))
        return x.clamp(0, top)

    @staticmethod
    def backward(ctx, gradient):
        """Return the gradients of (x, top)."""
        (follows,) = ctx.saved_tensors
        return gradient * follows * (gradient > 0), None


class Deconvnet(torch.autograd.Function):
    """Zeiler and Fergus 2014: back where the gradient is positive."""

    @staticmethod
    def forward(ctx, x, top):
        """A ReLU, clipped at `top`."""
        return x.clamp(0, top)

    @staticmethod
    def backward(ctx, gradient):
        """Return the gradients of (x, top)."""
        return gradient * (gradient > 0), None


class Ruled(nn.Module):
    """A ReLU with another way back."""

    def __init__(self, rule, top):
        super().__init__()
        self.rule, self.top = rule, top

    def forward(self, x):
        """Return an array of the same shape."""
        return self.rule.apply(x, self.top)


RULES = {"guided": Guided, "deconvnet": Deconvnet}


def ruled(model, rule):
    """Return a copy of the model whose ReLUs follow a rule; the model itself for "standard"."""
    if rule == "standard":
        return model
    model = copy.deepcopy(model)
    for module in list(model.modules()):
        for name, child in list(module.named_children()):
            if isinstance(child, nn.ReLU | nn.ReLU6):
                setattr(module, name, Ruled(RULES[rule], 6.0 if isinstance(child, nn.ReLU6) else float("inf")))
    return model


def gradient(model, images, target):
    """Return the gradient of the logit at the images, (n, channels, height, width)."""
    images = images.detach().clone().requires_grad_()
    return torch.autograd.grad(model(images)[:, target].sum(), images)[0]


def at_layer(model, name, image, target):
    """Return (activations, gradient of the logit) at the module of that name, each (channels, rows, columns)."""
    seen = []
    handle = model.get_submodule(name).register_forward_hook(lambda module, given, made: seen.append(made))
    score = model(image.detach().clone().requires_grad_())[0, target]
    handle.remove()
    slope = torch.autograd.grad(score, seen[0])[0]
    return seen[0][0].detach().numpy(), slope[0].numpy()


def grad_cam(a, g, final_relu=True):
    """Selvaraju et al. 2017, equations 1 and 2. `a` and `g` are (channels, rows, columns), here and below."""
    return _last(np.tensordot(g.mean(axis=(1, 2)), a, 1), final_relu)


def grad_cam_plus_plus(a, g, final_relu=True):
    """Chattopadhay et al. 2018, section 3, with the gradient of the score itself."""
    below = 2 * g**2 + a.sum(axis=(1, 2), keepdims=True) * g**3
    alpha = np.divide(g**2, below, out=np.zeros_like(g), where=(g > 0) & (below != 0))
    return _last(np.tensordot((alpha * np.maximum(g, 0)).sum(axis=(1, 2)), a, 1), final_relu)


def hires_cam(a, g, final_relu=True):
    """Draelos and Carin 2020, section 3."""
    return _last((a * g).sum(axis=0), final_relu)


def layer_cam(a, g, final_relu=True):
    """Jiang et al. 2021, section III."""
    return _last((a * np.maximum(g, 0)).sum(axis=0), final_relu)


def x_grad_cam(a, g, final_relu=True):
    """Fu et al. 2020."""
    total, products = a.sum(axis=(1, 2)), (a * g).sum(axis=(1, 2))
    weights = np.divide(products, total, out=np.zeros_like(total), where=total != 0)
    return _last(np.tensordot(weights, a, 1), final_relu)


def eigen_cam(a, centred):
    """Muhammad and Yeasin 2020: places projected on the first right singular vector, by a whole decomposition."""
    rows = a.reshape(len(a), -1).T
    values = rows - rows.mean(axis=0) if centred else rows
    vector = np.linalg.svd(values, full_matrices=False)[2][0]
    sign = -1 if (rows @ vector).sum() < 0 else 1
    return (values @ vector).reshape(a.shape[1:]) * sign


def ablation_cam(model, name, image, target, final_relu=True):
    """Desai and Ramaswamy 2020, section 3: every channel set to zero, one after another."""
    a, score, lowered = activations(model, name, image), logits(model, image)[0, target], []
    for channel in range(len(a)):
        without = a.copy()
        without[channel] = 0
        lowered.append(logits_behind(model, name, image, without)[target])
    weights = (score - np.array(lowered)) / abs(score)
    return _last(np.tensordot(weights, a, 1), final_relu)


def score_cam(model, name, image, target, fill, weights, channels=0):
    """Wang et al. 2020, algorithm 1, with masks enlarged middle over middle."""
    a = activations(model, name, image)
    order = [channel for channel in np.argsort(-a.var(axis=(1, 2)), kind="stable") if np.ptp(a[channel])]
    order, found = order[: channels or None], []
    for channel in order:
        mask = enlarged(a[channel], image.shape[2:])
        mask = torch.from_numpy((mask - mask.min()) / (mask.max() - mask.min()))
        found.append(scores(model, fill + mask * (image - fill), target, weights == "probability")[0])
    found = np.array(found)
    if weights == "softmax":
        found = np.exp(found - found.max())
        found /= found.sum()
    return np.maximum(np.tensordot(found, a[order], 1), 0)


def occlusion(model, image, target, fill, window, stride, surround=1, probability=False):
    """Zeiler and Fergus 2014, window by window: the drop, averaged over the windows that hold a pixel."""
    height, width = image.shape[2:]
    score, around = scores(model, image, target, probability)[0], (surround - 1) * window
    total, times = np.zeros((height, width)), np.zeros((height, width))
    for top in range(0, height - window + stride, stride):
        for left in range(0, width - window + stride, stride):
            covered = image.clone()
            rows, columns = (
                slice(max(begin - around // 2, 0), begin + window + around - around // 2) for begin in (top, left)
            )
            covered[..., rows, columns] = fill[..., rows, columns]
            drop = score - scores(model, covered, target, probability)[0]
            total[top : top + window, left : left + window] += drop
            times[top : top + window, left : left + window] += 1
    return total / times


def rise(model, image, target, fill, masks, cells, keep, centred, probability, seed=0):
    """Petsiuk et al. 2018, section 3, with the masks' own sum below: sum of M f over sum of M."""
    drawn = [_rise_mask(index, image.shape[2:], cells, keep, seed) for index in range(masks)]
    found = [scores(model, fill + torch.from_numpy(m) * (image - fill), target, probability)[0] for m in drawn]
    drawn, found = np.array(drawn), np.array(found)
    return np.tensordot(found, drawn, 1) / drawn.sum(axis=0) - (found.mean() if centred else 0)


def _rise_mask(index, sides, cells, keep, seed):
    random = np.random.default_rng((seed, index))
    values = random.random((cells + 1, cells + 1)) < keep
    sizes = [-(-side // cells) for side in sides]
    begins = [int(random.integers(size)) for size in sizes]
    large = enlarged(values, [(cells + 1) * size for size in sizes])
    return large[begins[0] : begins[0] + sides[0], begins[1] : begins[1] + sides[1]]


def attention(model, image, target):
    """Return a transformer's (attention matrices, their gradients of the logit), lists of (heads, tokens, tokens)."""
    score = model(image)[0, target]
    slopes = torch.autograd.grad(score, model.seen)
    return [each[0].detach().numpy() for each in model.seen], [each[0].numpy() for each in slopes]


def attention_rollout(matrices, heads, discard=0.0):
    """Abnar and Zuidema 2020, section 3, for the class token; heads and weights left out as in vit-explain."""
    product = np.eye(matrices[0].shape[-1])
    for each in matrices:
        weights = getattr(each, heads)(axis=0)
        weights[weights < np.sort(weights, axis=None)[int(discard * weights.size)]] = 0
        weights = (weights + np.eye(len(weights))) / 2
        product = weights / weights.sum(axis=-1, keepdims=True) @ product
    return _on_patches(product[0])


def gradient_weighted_rollout(matrices, slopes):
    """Chefer et al. 2021, equations 5 and 6, for the class token."""
    relevance = np.eye(matrices[0].shape[-1])
    for weights, slope in zip(matrices, slopes, strict=True):
        relevance += np.maximum(weights * slope, 0).mean(axis=0) @ relevance
    return _on_patches(relevance[0])


def _on_patches(row):
    side = int(len(row) ** 0.5)
    return row[1:].reshape(side, side)


def raw_attention(matrices, layer, heads, head=0, query="score"):
    """The class token's row of one layer, or the mean of all rows."""
    weights = matrices[layer][head] if heads == "one" else getattr(matrices[layer], heads)(axis=0)
    return _on_patches(weights[0] if query == "score" else weights.mean(axis=0))


def enlarged(values, sides):
    """Return (rows, columns) bilinear at another size, by torch, middle over middle."""
    given = torch.from_numpy(np.asarray(values, np.float64))[None, None]
    return functional.interpolate(given, tuple(sides), mode="bilinear", align_corners=False)[0, 0].numpy()


def activations(model, name, image):
    """Return the output (channels, rows, columns) of the module of that name."""
    seen = []
    handle = model.get_submodule(name).register_forward_hook(lambda module, given, made: seen.append(made))
    logits(model, image)
    handle.remove()
    return seen[0][0].detach().numpy()


def logits_behind(model, name, image, instead):
    """Return the logits (classes,) where the module of that name gives `instead` (channels, rows, columns)."""
    put = torch.from_numpy(instead)[None]
    handle = model.get_submodule(name).register_forward_hook(lambda module, given, made: put)
    found = logits(model, image)[0]
    handle.remove()
    return found


def logits(model, images):
    """Return (n, classes)."""
    with torch.no_grad():
        return model(images).numpy()


def scores(model, images, target, probability=False):
    """Return the logit or the probability (n,) of the target."""
    found = logits(model, images)
    if probability:
        found = np.exp(found - found.max(axis=1, keepdims=True))
        found /= found.sum(axis=1, keepdims=True)
    return found[:, target]


def _last(cam, final_relu):
    return np.maximum(cam, 0) if final_relu else cam
