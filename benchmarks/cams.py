"""Class activation maps of a new class, when the image and the layer are known."""

import itertools

import cnnviz_widgets as cnnviz

from .bare import CAT, LAST, MIDDLE, opened
from .measure import Row, alternate

# The methods that need the gradient at a layer.
BY_GRADIENT = (cnnviz.GradCAM, cnnviz.GradCAMPlusPlus, cnnviz.LayerCAM, cnnviz.XGradCAM, cnnviz.HiResCAM)
METHODS = (*(method.__name__ for method in BY_GRADIENT), "CAM", "EigenCAM", "Activations")


def rows():
    """Yield a Row for every class activation map at the last convolution and in the middle of the network."""
    network, image, bare = opened()
    yield of_a_new_image(network, image, bare)
    yield new_class(cnnviz.CAM(), network, image, None, goal=0.010)
    for method in BY_GRADIENT:
        yield new_class(method(), network, image, LAST, goal=0.010)
    for method in BY_GRADIENT:
        yield in_the_middle(method(), network, image, bare)
    for method in (cnnviz.EigenCAM(), cnnviz.Activations()):
        yield without_a_class(method, network, image, bare)


def of_a_new_image(network, image, bare):
    """Return the Row of Grad-CAM for a new image, its notes included."""
    ours, theirs = alternate(
        lambda: cnnviz.compute(cnnviz.GradCAM(), network, image, target=CAT, layer=LAST),
        lambda: bare.grad_cam(CAT),
        rounds=31,
        before=network.cache.clear,
    )
    return Row("Grad-CAM, new image", ours, theirs, beside="a bare Grad-CAM")


def new_class(method, network, image, layer, goal):
    """Return the Row of a new class, where image and layer are known."""
    classes = itertools.count()
    (ours,) = alternate(
        lambda: cnnviz.compute(method, network, image, target=next(classes), layer=layer), rounds=61, warm_up=5
    )
    return Row(f"{method.title}, new class, last convolution", ours, goal=goal)


def in_the_middle(method, network, image, bare):
    """Return the Row of a new class at a layer half way, where half of the network runs forward and back."""
    classes = itertools.count()
    ours, full = alternate(
        lambda: cnnviz.compute(method, network, image, target=next(classes), layer=MIDDLE),
        lambda: bare.gradient(CAT),
        rounds=21,
        warm_up=3,
    )
    return Row(f"{method.title}, new class, {MIDDLE}", ours, full, goal=0.6, beside="a bare gradient at the image")


def without_a_class(method, network, image, bare):
    """Return the Row of a method that takes one pass and some arithmetic."""
    ours, forward = alternate(
        lambda: cnnviz.compute(method, network, image, layer=LAST), bare.forward, rounds=21, before=network.cache.clear
    )
    return Row(f"{method.title}, new image, last convolution", ours, forward, beside="a bare forward pass")
