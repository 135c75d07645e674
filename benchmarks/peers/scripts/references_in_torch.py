"""The references' maps, in the torch environment: captum, pytorch-grad-cam, zennit and the papers' formulas.

Run with a folder that holds `weights.npz`, `image.npy`, `picture.npy`, `settings.json` and `wanted.json`: a list of
[function, {its arguments}]. Answer k goes to `k.npy`, or as a sentence to `k.txt`; versions go to `versions.json`. All
is computed in double precision.
"""

import json
import sys
from importlib.metadata import version
from pathlib import Path
from unittest import mock

import captum.attr as attr
import formulas
import numpy as np
import pytorch_grad_cam
import scipy.ndimage
import torch
import zennit.attribution
import zennit.composites
import zennit.rules
from captum.attr._utils import lrp_rules
from digits_in_torch import Digits
from lite0_in_torch import Lite0
from pytorch_grad_cam.utils.model_targets import ClassifierOutputTarget
from transformer_in_torch import SmallTransformer

NETWORKS = {"digits": Digits, "efficientnet_lite0": Lite0, "small_transformer": SmallTransformer}
# Where a layer of the Keras model is in its twin; other names are the same.
MODULES = {
    "digits": {name: f"body.{name}_relu" for name in ("conv1", "conv2", "conv3")},
    "efficientnet_lite0": {"block7_add": "blocks.7"},
}
# Where a convolution's weights are.
CONVOLUTIONS = {"digits": {"conv2": "body.conv2"}, "efficientnet_lite0": {"stem_conv": "stem.0"}}
VERSIONS = ("torch", "captum", "grad-cam", "zennit", "numpy", "scipy")


class References:
    """A network in torch, an image and a class; each public method is a reference."""

    def __init__(self, folder):
        settings = json.loads((folder / "settings.json").read_text())
        self._name, self._target = settings["network"], settings["target"]
        self._low, self._high = settings["range"]
        with np.load(folder / "weights.npz") as file:
            self._arrays = dict(file)
        self._folder, self._model = folder, self._twin()
        self._image = torch.from_numpy(np.load(folder / "image.npy").transpose(2, 0, 1)[None].astype(float))

    # ---- captum

    def captum_saliency(self):
        """Saliency, signed."""
        return _pixels(attr.Saliency(self._model).attribute(self._fresh, target=self._target, abs=False))

    def captum_rule(self, kind):
        """GuidedBackprop or Deconvolution."""
        return _pixels(getattr(attr, kind)(self._model).attribute(self._fresh, target=self._target))

    def captum_input_x_gradient(self):
        """InputXGradient."""
        return _pixels(attr.InputXGradient(self._model).attribute(self._fresh, target=self._target))

    def captum_integrated_gradients(self, baseline, method, steps):
        """IntegratedGradients; of noise the mean over four images."""
        many = {"n_steps": steps, "method": method, "internal_batch_size": 16, "target": self._target}
        path = attr.IntegratedGradients(self._model)
        baselines = [self._fill(baseline)] if baseline != "noise" else self._noises()
        ends = [(b + self._distance(b)).requires_grad_() for b in baselines]
        maps = [path.attribute(end, baselines=b, **many) for end, b in zip(ends, baselines, strict=True)]
        return np.mean([_pixels(each) for each in maps], axis=0)

    def captum_noise_tunnel(self, kind, noise, samples, seed=0):
        """NoiseTunnel over Saliency, with our noise in place of its own."""
        shape = self._image.shape[2:] + self._image.shape[1:2]
        drawn = [np.random.default_rng((seed, k)).standard_normal(shape, np.float32) for k in range(samples)]
        drawn = np.moveaxis(np.stack(drawn), -1, 1) * np.float32(noise * (self._high - self._low))
        copies = self._image.numpy().astype(np.float32) + drawn  # rounded as ours are
        drawn = torch.from_numpy(copies.astype(float)) - self._image
        tunnel, many = attr.NoiseTunnel(attr.Saliency(self._model)), {"nt_samples": samples, "nt_type": kind}
        with mock.patch("torch.normal", lambda mean, deviation: drawn.reshape(deviation.shape)):
            return _pixels(tunnel.attribute(self._fresh, **many, stdevs=1.0, target=self._target, abs=False))

    def captum_layer_grad_cam(self, layer, relu):
        """LayerGradCam."""
        cam = attr.LayerGradCam(self._model, self._module(layer))
        return cam.attribute(self._fresh, self._target, relu_attributions=relu).detach().numpy()[0, 0]

    def captum_guided_grad_cam(self, layer):
        """GuidedGradCam, enlarged bilinearly."""
        cam = attr.GuidedGradCam(self._model, self._module(layer))
        return _pixels(cam.attribute(self._fresh, self._target, interpolate_mode="bilinear"))

    def captum_layer_activation(self, layer):
        """LayerActivation, (channels, rows, columns)."""
        return attr.LayerActivation(self._model, self._module(layer)).attribute(self._image).detach().numpy()[0]

    def captum_occlusion(self, fill, window, stride, probability=False):
        """Occlusion."""
        channels = self._image.shape[1]
        covering = attr.Occlusion(lambda x: self._model(x).softmax(1) if probability else self._model(x))
        sizes = {"sliding_window_shapes": (channels, window, window), "strides": (channels, stride, stride)}
        many = {"baselines": self._fill(fill), "target": self._target, "perturbations_per_eval": 8}
        with torch.no_grad():
            return _pixels(covering.attribute(self._image, **sizes, **many))[..., 0]

    def captum_lrp(self, rule, **options):
        """LRP, with one rule everywhere."""
        rules = {"epsilon": lrp_rules.EpsilonRule, "gamma": lrp_rules.GammaRule, "z-plus": lrp_rules.Alpha1_Beta0_Rule}
        for module in self._model.body.modules():
            if isinstance(module, torch.nn.Conv2d | torch.nn.Linear):
                module.rule = rules[rule](**options)
        given = (self._image / 255).requires_grad_()
        return _pixels(attr.LRP(self._model.body).attribute(given, target=self._target))

    # ---- pytorch-grad-cam

    def pytorch_grad_cam_map(self, kind, layer, final_relu=True):
        """The map of one of its classes on the layer's grid, before it is stretched to 0..1."""
        cam, kept = getattr(pytorch_grad_cam, kind)(self._model, [self._module(layer)]), []
        made = cam.get_cam_image
        cam.get_cam_image = lambda *given, **named: kept.append(made(*given, **named)) or kept[-1]
        cam(input_tensor=self._image, targets=[ClassifierOutputTarget(self._target)])
        return np.maximum(kept[0][0], 0) if final_relu else kept[0][0]

    def pytorch_grad_cam_guided(self):
        """GuidedBackpropReLUModel."""
        return pytorch_grad_cam.GuidedBackpropReLUModel(self._model, "cpu")(self._image, self._target)

    # ---- zennit

    def zennit_rule(self, kind):
        """ReLUGuidedBackprop or ReLUDeconvNet, on every ReLU and ReLU6."""
        places = [((torch.nn.ReLU, torch.nn.ReLU6), getattr(zennit.rules, kind)())]
        return self._attributed(self._model, zennit.composites.LayerMapComposite(places), self._image, 1.0)

    def zennit_composite(self, kind):
        """GuidedBackprop or DeconvNet."""
        return self._attributed(self._model, getattr(zennit.composites, kind)(), self._image, 1.0)

    def zennit_lrp(self, rule, epsilon=0.01, gamma=0.25, alpha=2.0, alone=False):
        """The rule everywhere, or for "composite" flat, gamma and epsilon; epsilon as a share of the rms of sums.

        `alone`: alpha is 1 where nothing opposes a unit.
        """

        def stable(z):
            rms = (z**2).mean(dim=tuple(range(1, z.dim())), keepdim=True).sqrt()
            return never_zero(z + epsilon * rms * torch.where(z >= 0, 1.0, -1.0))

        def never_zero(z):
            return torch.where(z == 0, float("inf"), z)

        rules = {
            "epsilon": lambda: zennit.rules.Epsilon(stable),
            "gamma": lambda: zennit.rules.Gamma(gamma, never_zero),
            "alpha-beta": lambda: zennit.rules.AlphaBeta(alpha, alpha - 1, never_zero),
            "z-plus": lambda: zennit.rules.ZPlus(never_zero, zero_params="bias"),
            "flat": lambda: zennit.rules.Flat(never_zero),
        }
        if alone:
            rules["alpha-beta"] = lambda: _alpha_1_alone(zennit.rules.AlphaBeta(alpha, alpha - 1, never_zero), alpha)
        first, convolution, dense = ("flat", "gamma", "epsilon") if rule == "composite" else (rule,) * 3
        places = {
            ("conv1",): rules[first](),
            ("conv2", "conv3"): rules[convolution](),
            ("dense", "logits"): rules[dense](),
            ("conv1_relu", "conv2_relu", "conv3_relu", "dense_relu"): zennit.rules.Pass(),
        }
        composite = zennit.composites.NameMapComposite(list(places.items()))
        score = float(formulas.logits(self._model, self._image)[0, self._target])
        return self._attributed(self._model.body, composite, self._image / 255, score)

    # ---- The papers' formulas

    def formula_gradient(self, rule):
        """The gradient by a ReLU rule."""
        return _pixels(formulas.gradient(formulas.ruled(self._model, rule), self._image, self._target))

    def formula_gradient_times_input(self, baseline):
        """The gradient times the distance from a grey level, a share of the range."""
        away = self._image - (self._low + baseline * (self._high - self._low))
        return _pixels(formulas.gradient(self._model, self._image, self._target) * away)

    def formula_midpoint(self, baseline, steps):
        """Sundararajan et al. 2017: gradients in the middles of equal steps, times the distance."""
        start = self._fill(baseline)
        away, slopes = self._distance(start), 0
        for step in range(steps):
            slopes = slopes + formulas.gradient(self._model, start + (step + 0.5) / steps * away, self._target)
        return _pixels(away * slopes / steps)

    def formula_cam(self, kind, layer, rule="standard", final_relu=True):
        """A class activation map of activations and gradient."""
        model = formulas.ruled(self._model, rule)
        a, g = formulas.at_layer(model, self._path(layer), self._image, self._target)
        return getattr(formulas, kind)(a, g, final_relu)

    def formula_cam_of_the_pooled(self):
        """Zhou et al. 2016, equation 2: maps before the pooling, weighted by the dense layer."""
        a = formulas.activations(self._model, "head_activation", self._image)
        return np.tensordot(self._arrays["logits/kernel"][:, self._target].astype(float), a, 1)

    def formula_guided_grad_cam(self, layer):
        """The guided gradient times Grad-CAM, enlarged bilinearly."""
        cam = formulas.enlarged(self.formula_cam("grad_cam", layer), self._image.shape[2:])
        return self.formula_gradient("guided") * cam[..., None]

    def formula_eigen_cam(self, layer, centred):
        """The projection on the first component, by a whole singular value decomposition."""
        return formulas.eigen_cam(formulas.activations(self._model, self._path(layer), self._image), centred)

    def formula_ablation_cam(self, layer, final_relu=True):
        """Every channel set to zero."""
        return formulas.ablation_cam(self._model, self._path(layer), self._image, self._target, final_relu)

    def formula_score_cam(self, layer, fill, weights, channels=0):
        """Algorithm 1."""
        given = self._image, self._target, self._fill(fill), weights, channels
        return formulas.score_cam(self._model, self._path(layer), *given)

    def formula_occlusion(self, fill, **options):
        """Window by window."""
        return formulas.occlusion(self._model, self._image, self._target, self._fill(fill), **options)

    def formula_rise(self, fill, **options):
        """Mask by mask."""
        return formulas.rise(self._model, self._image, self._target, self._fill(fill), **options)

    def formula_raw_attention(self, layer, heads, head=0, query="score"):
        """A row of one layer's attention."""
        matrices, _ = formulas.attention(self._model, self._image, self._target)
        return formulas.raw_attention(matrices, layer, heads, head, query)

    def formula_attention_rollout(self, heads, discard=0.0):
        """The product over the layers."""
        matrices, _ = formulas.attention(self._model, self._image, self._target)
        return formulas.attention_rollout(matrices, heads, discard)

    def formula_gradient_weighted_rollout(self):
        """The rule for self-attention."""
        return formulas.gradient_weighted_rollout(*formulas.attention(self._model, self._image, self._target))

    def formula_filters(self, layer, slices, channel=0):
        """A convolution's weights, (filter, rows, columns, channel), or reduced over the channels."""
        module = self._model.get_submodule(CONVOLUTIONS[self._name][layer])
        kernel = module.weight.detach().numpy().transpose(0, 2, 3, 1)
        reduce = {
            "all": lambda: kernel,
            "mean": lambda: kernel.mean(-1),
            "norm": lambda: np.sqrt((kernel**2).sum(-1)),
            "one": lambda: kernel[..., channel],
        }
        return reduce[slices]()

    def formula_score_of_picture(self):
        """The logit of `picture.npy`."""
        picture = torch.from_numpy(np.load(self._folder / "picture.npy").transpose(2, 0, 1)[None].astype(float))
        return formulas.logits(self._model, picture)[:, self._target]

    # ----

    def _twin(self):
        twin = NETWORKS[self._name](self._arrays).double().eval()
        return twin.requires_grad_(True)  # pytorch-grad-cam asks for a gradient of something

    @property
    def _fresh(self):
        return self._image.clone().requires_grad_()

    def _path(self, layer):
        return MODULES[self._name].get(layer, layer)

    def _module(self, layer):
        return self._model.get_submodule(self._path(layer))

    def _fill(self, name):
        levels = {"black": self._low, "grey": (self._low + self._high) / 2, "white": self._high}
        if name in levels:
            return torch.full_like(self._image, levels[name])
        if name == "mean":
            return self._image.mean(dim=(2, 3), keepdim=True).expand_as(self._image)
        sigma = min(self._image.shape[2:]) / 10
        blurred = self._image.numpy()
        for axis in (2, 3):
            blurred = scipy.ndimage.gaussian_filter1d(blurred, sigma, axis, mode="nearest", radius=int(3 * sigma))
        return torch.from_numpy(blurred.astype(np.float32).astype(float))

    def _distance(self, baseline):
        """The image minus a baseline, rounded as ours is: a unit at a kink sees even that."""
        return (self._image - baseline).float().double()

    def _noises(self, seed=0):
        shape = (4, *self._image.shape[2:], self._image.shape[1])
        noises = np.random.default_rng(seed).uniform(self._low, self._high, shape).astype(np.float32)
        return torch.from_numpy(np.moveaxis(noises, -1, 1).astype(float))[:, None]

    def _attributed(self, model, composite, images, start):
        hot = torch.zeros(1, len(formulas.logits(self._model, self._image)[0]), dtype=images.dtype)
        hot[0, self._target] = start
        with zennit.attribution.Gradient(model, composite, None) as attributor:
            return _pixels(attributor(images.clone().requires_grad_(), hot)[1])


def _alpha_1_alone(rule, alpha):
    """Return zennit's rule with an alpha of 1 where a unit has no negative contributions."""
    mapped = rule.gradient_mapper

    def mapper(relevance, outputs):
        share = torch.where(outputs[2] + outputs[3] == 0, 1 / alpha, 1.0)
        rates = mapped(relevance, outputs)
        return [rate * share for rate in rates[:2]] + rates[2:]

    rule.gradient_mapper = mapper
    return rule


def _pixels(array):
    """Return (height, width, channels) of a batch of one with its channels first."""
    return array.detach().numpy()[0].transpose(1, 2, 0)


def main():
    """Answer everything that is wanted."""
    folder = Path(sys.argv[1])
    wanted = json.loads((folder / "wanted.json").read_text())
    (folder / "versions.json").write_text(json.dumps({name: version(name) for name in VERSIONS}))
    for number, (name, options) in enumerate(wanted):
        try:
            found = getattr(References(folder), name)(**options)  # a fresh twin: libraries leave hooks behind
            np.save(folder / f"{number}.npy", np.asarray(found))
        except Exception as error:
            (folder / f"{number}.txt").write_text(f"{type(error).__name__}: {error}")
        print(f"{name} {options}", flush=True)


if __name__ == "__main__":
    with mock.patch("tqdm.tqdm", lambda items, *given, **named: items):  # no bars
        main()
