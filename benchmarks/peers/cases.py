"""Every method and setting with its references: what `references.py` computes on both sides.

A reference is the name of a method of `scripts/references_in_torch.py` and its arguments.
"""

from dataclasses import dataclass, field

import cnnviz_widgets as cnnviz

STEPS, SAMPLES, MASKS = 20, 16, 48


@dataclass(frozen=True)
class Looked:
    """A bundled network as it is looked at; maps that ask once for each channel are made of the first layer only."""

    network: str
    layers: tuple = ()
    window: int = 0
    stride: int = 0
    convolution: str = ""
    grain: bool = False


NETWORKS = {
    "digits": Looked("digits", ("conv3", "conv2"), 7, 4, "conv2", grain=True),
    "digits, even": Looked("digits"),
    "small_transformer": Looked("small_transformer"),
    "efficientnet_lite0": Looked("efficientnet_lite0", ("block7_add", "head_activation"), 56, 40, "stem_conv"),
}


@dataclass(frozen=True)
class Case:
    """One of our methods beside one reference.

    `reduce` makes the reference's array comparable: "max_abs" or "sum" over the last axis, or "sign" where its sign is
    arbitrary. `why` is the sentence for a difference that is known, "" where both must be alike.
    """

    method: object
    reference: str
    options: dict = field(default_factory=dict)
    layer: str | None = None
    reduce: str = ""
    why: str = ""


def cases(name):
    """Yield the cases of a network."""
    if name == "digits, even":
        yield from integrated_gradients(("grey", "white"), TIES)
        method, rule = cnnviz.LRP(rule="alpha-beta"), {"rule": "alpha-beta"}
        yield Case(method, "zennit_lrp", rule, reduce="sum", why=NOTHING_OPPOSES)
        yield Case(method, "zennit_lrp", rule | {"alone": True}, reduce="sum")
        return
    if name == "small_transformer":
        yield from attention()
        return
    looked = NETWORKS[name]
    layers, only_relu = looked.layers, "" if name == "digits" else ONLY_RELU
    yield from gradients(only_relu)
    yield from integrated_gradients()
    yield from midpoint("" if name == "digits" else SINGLE_STEPS)
    yield from smooth_grad()
    for layer in layers:
        yield from cams(layer, only_relu)
    if name == "efficientnet_lite0":
        yield Case(cnnviz.CAM(), "formula_cam_of_the_pooled")
    yield from channel_by_channel(layers[0])
    yield from covering(looked.window, looked.stride)
    yield from rise()
    yield from held(name, layers, looked.convolution)
    if name == "digits":
        yield from relevance()


def gradients(only_relu):
    """Gradient by every rule, and gradient × input."""
    for reduce in ("none", "max_abs", "sum"):
        yield Case(cnnviz.Gradient(reduce=reduce), "captum_saliency", reduce=reduce)
    yield Case(cnnviz.Gradient(reduce="none"), "formula_gradient", {"rule": "standard"})
    for rule, rules, zennits, captums in (
        ("guided", "ReLUGuidedBackprop", "GuidedBackprop", "GuidedBackprop"),
        ("deconvnet", "ReLUDeconvNet", "DeconvNet", "Deconvolution"),
    ):
        method = cnnviz.Gradient(relu=rule, reduce="none")
        yield Case(method, "formula_gradient", {"rule": rule})
        yield Case(method, "zennit_rule", {"kind": rules})
        yield Case(method, "zennit_composite", {"kind": zennits}, why=only_relu)
        yield Case(method, "captum_rule", {"kind": captums}, why=only_relu)
    yield Case(cnnviz.Gradient(relu="guided", reduce="none"), "pytorch_grad_cam_guided", why=only_relu)
    yield Case(cnnviz.GradientTimesInput(baseline=0.0), "captum_input_x_gradient", reduce="sum")
    for baseline in (0.0, 0.5, 1.0):
        options = {"baseline": baseline}
        yield Case(cnnviz.GradientTimesInput(**options), "formula_gradient_times_input", options, reduce="sum")


def integrated_gradients(baselines=("grey", "black", "white", "blur", "noise"), why=""):
    """Every baseline by the default rule."""
    for baseline in baselines:
        ours, options = cnnviz.IntegratedGradients(baseline, steps=STEPS), {"baseline": baseline, "steps": STEPS}
        yield Case(ours, "captum_integrated_gradients", options | {"method": "gausslegendre"}, reduce="sum", why=why)


def midpoint(why):
    """Integrated gradients by the other rule."""
    ours, options = cnnviz.IntegratedGradients(rule="midpoint", steps=STEPS), {"baseline": "grey", "steps": STEPS}
    yield Case(ours, "captum_integrated_gradients", options | {"method": "riemann_middle"}, reduce="sum", why=why)
    yield Case(ours, "formula_midpoint", options, reduce="sum")


def smooth_grad():
    """Every form, with the same noise on both sides."""
    for form, kind in (("plain", "smoothgrad"), ("squared", "smoothgrad_sq"), ("variance", "vargrad")):
        for reduce in ("max_abs", "sum"):
            ours = cnnviz.SmoothGrad(form=form, samples=SAMPLES, reduce=reduce)
            options = {"kind": kind, "noise": ours.noise, "samples": SAMPLES}
            yield Case(ours, "captum_noise_tunnel", options, reduce=reduce)


def cams(layer, only_relu):
    """Class activation maps made of one activation and one gradient."""
    at = {"layer": layer}
    for final_relu in (True, False):
        ours = cnnviz.GradCAM(final_relu=final_relu)
        yield Case(ours, "captum_layer_grad_cam", at | {"relu": final_relu}, layer)
        yield Case(ours, "pytorch_grad_cam_map", at | {"kind": "GradCAM", "final_relu": final_relu}, layer)
    for ours, kind, theirs in (
        (cnnviz.GradCAM, "grad_cam", None),
        (cnnviz.GradCAMPlusPlus, "grad_cam_plus_plus", "GradCAMPlusPlus"),
        (cnnviz.HiResCAM, "hires_cam", "HiResCAM"),
        (cnnviz.LayerCAM, "layer_cam", "LayerCAM"),
        (cnnviz.XGradCAM, "x_grad_cam", "XGradCAM"),
    ):
        # Behind the last activation of EfficientNet-Lite0 there is no ReLU, and a rule is refused.
        for rule in ("standard", "guided", "deconvnet") if layer != "head_activation" else ("standard",):
            # Signed where there is a choice: the final ReLU leaves only zeros of some.
            signed = {} if ours in (cnnviz.GradCAMPlusPlus, cnnviz.LayerCAM) else {"final_relu": False}
            yield Case(ours(relu=rule, **signed), "formula_cam", at | {"kind": kind, "rule": rule} | signed, layer)
        if theirs:
            why = SMALL_NUMBER if theirs == "GradCAMPlusPlus" else ""
            yield Case(ours(), "pytorch_grad_cam_map", at | {"kind": theirs}, layer, why=why)
    for centred in (False, True):
        yield Case(cnnviz.EigenCAM(centred=centred), "formula_eigen_cam", at | {"centred": centred}, layer)
    options = at | {"kind": "EigenCAM", "final_relu": False}
    yield Case(cnnviz.EigenCAM(centred=True), "pytorch_grad_cam_map", options, layer, "sign")
    yield Case(cnnviz.GuidedGradCAM(reduce="none"), "formula_guided_grad_cam", at, layer)
    yield Case(cnnviz.GuidedGradCAM(reduce="none"), "captum_guided_grad_cam", at, layer, why=only_relu)


def channel_by_channel(layer):
    """Maps that ask the network once for each channel."""
    at = {"layer": layer}
    for final_relu in (True, False):
        ours = cnnviz.AblationCAM(final_relu=final_relu)
        yield Case(ours, "formula_ablation_cam", at | {"final_relu": final_relu}, layer)
        options = at | {"kind": "AblationCAM", "final_relu": final_relu}
        yield Case(ours, "pytorch_grad_cam_map", options, layer, why=NOT_ZERO if layer == "block7_add" else "")
    for options in (
        {"fill": "black", "weights": "softmax"},
        {"fill": "grey", "weights": "softmax"},
        {"fill": "grey", "weights": "probability"},
        {"fill": "blur", "weights": "softmax", "channels": 20},
    ):
        yield Case(cnnviz.ScoreCAM(**options), "formula_score_cam", at | options, layer)
    yield Case(cnnviz.ScoreCAM(fill="black"), "pytorch_grad_cam_map", at | {"kind": "ScoreCAM"}, layer, why=CORNERS)


def covering(window, stride):
    """Occlusion: every fill, both scores, and a larger area around the window."""
    sizes = {"window": window, "stride": stride}
    for fill in ("grey", "mean", "black", "white", "blur"):
        yield Case(cnnviz.Occlusion(fill=fill, **sizes), "captum_occlusion", {"fill": fill, **sizes})
    ours = cnnviz.Occlusion(score="probability", **sizes)
    yield Case(ours, "captum_occlusion", {"fill": "grey", "probability": True, **sizes})
    for surround in (1, 3):
        ours = cnnviz.Occlusion(surround=surround, **sizes)
        yield Case(ours, "formula_occlusion", {"fill": "grey", "surround": surround, **sizes})


def rise():
    """RISE, which none of these libraries has."""
    for fill, score, centred in (
        ("grey", "probability", True),
        ("black", "probability", False),
        ("grey", "logit", True),
        ("blur", "logit", False),
    ):
        ours = cnnviz.RISE(masks=MASKS, cells=5, fill=fill, score=score, centred=centred)
        options = {"masks": MASKS, "cells": 5, "keep": ours.keep, "centred": centred}
        yield Case(ours, "formula_rise", options | {"fill": fill, "probability": score == "probability"})


def attention():
    """Every fusion of heads; rows of the first layer and of the last."""
    for number in (1, 3):
        path = f"attention in block{number}_attention"
        for options in (
            {"heads": "mean"},
            {"heads": "max"},
            {"heads": "one", "head": 2},
            {"heads": "mean", "query": "all"},
        ):
            ours = cnnviz.RawAttention(**options)
            yield Case(ours, "formula_raw_attention", {"layer": number - 1, **options}, path)
    for options in ({"heads": "mean"}, {"heads": "max"}, {"heads": "min"}, {"heads": "mean", "discard": 0.5}):
        yield Case(cnnviz.AttentionRollout(**options), "formula_attention_rollout", options)
    yield Case(cnnviz.GradientWeightedRollout(), "formula_gradient_weighted_rollout")


def held(name, layers, convolution):
    """Cases of the methods that show the network itself."""
    for layer in layers:
        yield Case(cnnviz.Activations(), "captum_layer_activation", {"layer": layer}, layer)
    for slices in ("auto",) if name != "digits" else ("mean", "norm", "one"):
        ours = cnnviz.Filters(slices=slices, input_channel=1 if slices == "one" else 0)
        options = {"layer": convolution, "slices": "all" if slices == "auto" else slices, "channel": 1}
        yield Case(ours, "formula_filters", options, convolution)
    yield Case(cnnviz.MaximalActivation(steps=24), "formula_score_of_picture")


def relevance():
    """Every rule of LRP."""
    for options in (
        {"rule": "composite"},
        {"rule": "epsilon"},
        {"rule": "epsilon", "epsilon": 0.25},
        {"rule": "epsilon", "epsilon": 0.0},
        {"rule": "gamma"},
        {"rule": "gamma", "gamma": 1.0},
        {"rule": "alpha-beta"},
        {"rule": "z-plus"},
    ):
        yield Case(cnnviz.LRP(**options), "zennit_lrp", options, reduce="sum")
    yield Case(cnnviz.LRP(rule="epsilon", epsilon=0.0), "captum_lrp", {"rule": "epsilon"}, reduce="sum")
    yield Case(cnnviz.LRP(rule="gamma"), "captum_lrp", {"rule": "gamma"}, reduce="sum", why=BIAS)
    options = {"rule": "z-plus", "set_bias_to_zero": True}
    yield Case(cnnviz.LRP(rule="z-plus"), "captum_lrp", options, reduce="sum")


# Reasons of differences, as they stand on the page.
ONLY_RELU = (
    "captum, pytorch-grad-cam and zennit's composites rewrite `nn.ReLU` only. In a network of ReLU6 they give the "
    "plain gradient under the name of another rule. The formula, and zennit's rules where they are put on ReLU6 by "
    "hand, agree with ours."
)
SINGLE_STEPS = (
    "captum computes where midpoint steps stand in single precision (`torch.linspace`), which moves the images on the "
    "path by some 1e-6 grey levels, and a unit over its kink. The formula, in double precision, agrees with ours."
)
SMALL_NUMBER = (
    "pytorch-grad-cam adds 1e-6 to the denominator of alpha, beside squared gradients that are often smaller. The "
    "formula, without it, agrees with ours."
)
NOT_ZERO = (
    "In a layer whose least value is not zero, pytorch-grad-cam sets a channel to that value minus 1e7. The paper sets "
    "it to zero; the formula does, and agrees with ours."
)
CORNERS = (
    "pytorch-grad-cam enlarges masks with the corners aligned (`UpsamplingBilinear2d`), ours with the middle of each "
    "cell over the middle of its part of the image; the paper leaves this open. And it counts channels that are the "
    "same everywhere in the softmax, 12 of 64 in the digit's conv3, which takes weight from all others; ours leaves "
    "them out, as the authors' code does. The formula with our masks agrees with ours."
)
NOTHING_OPPOSES = (
    "Where a unit has no negative contributions, the paper's formula divides zero by zero. zennit multiplies by alpha "
    "all the same, which adds relevance; ours takes alpha as 1. zennit with this one change agrees with ours."
)
BIAS = (
    "captum raises positive weights by gamma, but not positive biases, over which the sum in Montavon et al. 2019 runs "
    "as well. zennit raises both, and agrees with ours."
)
TIES = (
    "Max pools over an even background have ties, and each cell of a tie is a right one to send the gradient to; both "
    "maps have the same sum. With a grain on the digit, which leaves no ties, both agree in double precision."
)
