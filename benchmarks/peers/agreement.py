"""The agreement of the peers with ours, so that the same work is compared."""

import numpy as np

import cnnviz_widgets as cnnviz
from benchmarks.bare import CAT, LAST, STRIDE, WINDOW

from .exchange import STEPS

LOGITS = 1e-4  # of the largest logit
ALIKE = 0.999  # correlation


def check_logits(peer, network, image):
    """Return the largest difference of a peer's logits from ours, as a share. Raises ValueError beyond 1e-4."""
    ours = network.logits(image)
    off = float(np.abs(peer.array("logits") - ours).max() / np.abs(ours).max())
    if not off <= LOGITS:
        raise ValueError(f"A peer must look into the same network, logits alike to {LOGITS:g}. Received: {off:g}.")
    return off


def agreements(peers, network, image):
    """Yield a sentence for each peer and map. Raises ValueError where gradients are not the same."""
    for peer in peers.values():
        if "gradient" in peer.tasks:
            yield _told(peer, "gradient", _same_gradient(peer, network, image), ALIKE)
        if "integrated_gradients" in peer.tasks:
            ours = cnnviz.compute(cnnviz.IntegratedGradients(steps=STEPS), network, image, target=CAT).array
            yield _told(peer, "integrated gradients", correlation(_flat(peer.array("integrated_gradients")), ours))
        if "grad_cam" in peer.tasks:
            yield _told(peer, "Grad-CAM", _same_cam(peer, network, image))
        if "occlusion" in peer.tasks:
            yield _occlusion(peer, network, image)


def _same_gradient(peer, network, image):
    theirs, ours = peer.array("gradient"), network.gradient(image, CAT)
    return correlation(theirs, ours if theirs.ndim == 3 else np.abs(ours).max(axis=-1))


def _same_cam(peer, network, image):
    theirs, ours = peer.array("grad_cam"), cnnviz.compute(cnnviz.GradCAM(), network, image, target=CAT, layer=LAST)
    return correlation(theirs, ours.array if theirs.shape == ours.array.shape else ours.on_image())


def _occlusion(peer, network, image):
    """captum's definition is ours; xplique adds up where windows overlap, so its sums are divided here."""
    method = cnnviz.Occlusion(WINDOW, STRIDE)
    theirs, ours = peer.array("occlusion"), cnnviz.compute(method, network, image, target=CAT).array
    if peer.name == "xplique":
        rows, columns = method.windows(image.shape)
        theirs = theirs / np.outer(rows.holds.sum(axis=0), columns.holds.sum(axis=0))
    off = np.abs(theirs - ours).max() / np.abs(ours).max()
    divided = ", divided by how many windows cover a pixel," if peer.name == "xplique" else ""
    return (
        f"{peer.name}: its occlusion map{divided} correlates with ours by {correlation(theirs, ours):.6f}; "
        f"the largest difference is {off:.1e} of the largest value."
    )


def _told(peer, what, value, at_least=None):
    if at_least is not None and not value > at_least:
        raise ValueError(f"{peer.name} must make the same {what} map, correlation > {at_least}. Received: {value:.6f}.")
    return f"{peer.name}: its {what} map correlates with ours by {value:.6f}."


def _flat(array):
    return array.sum(axis=-1) if array.ndim == 3 else array


def correlation(one, other):
    """Return Pearson's correlation of all numbers."""
    return float(np.corrcoef(np.ravel(one), np.ravel(other))[0, 1])
