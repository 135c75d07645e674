"""The parts of the table, each a module with `rows()`, and the methods that are left out."""

from importlib import import_module

# {module: (heading, description)}, in the order of the table.
PARTS = {
    "gradients": (
        "Gradients at the image",
        "Another class of the same image each time. A method of many gradients is given for one of them: its whole "
        "time, shared out.",
    ),
    "cams": (
        "Class activation maps",
        "Another class of the same image, unless it says otherwise: what the layer makes of the image is kept.",
    ),
    "perturbation": (
        "Many changed images",
        "For one pass: the whole time of the method, shared out among the images that it looks at.",
    ),
    "occlusion": (
        "Occlusion",
        "Exact maps, window/stride in pixels, from nothing that is kept, beside every covered image as a whole.",
    ),
    "maximal_activation": ("Maximal activation", "All that a person waits for, the pictures on the way included."),
    "kept": ("Kept results", "What has been computed before."),
    "with_peers": (
        "Beside the peers",
        "The same map of the same network and image, in turns, each peer in a process of its own. Nothing is kept "
        "between two calls. Numbers behind a peer's name: how many times our median its median is.",
    ),
    "memory": (
        "Memory",
        "By how much a method raises the peak of resident memory, in a fresh process that has opened the network and "
        "run it once.",
    ),
    "first_call": (
        "First call",
        "In fresh processes, with TensorFlow imported: opening the network, and a method's first call, which traces, "
        "beside its second.",
    ),
    "page": ("The page", "The app in Voila, in a real Chromium."),
    "occluder": ("The rectangle dragged by hand", "In a real Chromium, the mouse moving about 60 times a second."),
    "profile": (
        "Where the time goes",
        "By TensorFlow's own profiler, in one call that is slowed down by it; the ratio is the share of the whole "
        "call. Operations that run at the same time both count, so shares may sum to more than one.",
    ),
}

# {method: the reason why it has no row}
LEFT_OUT = {
    "Filters": "it shows weights as they are: no pass through the network",
    **dict.fromkeys(
        ("AttentionRollout", "GradientWeightedRollout", "RawAttention"),
        "the networks that are measured have no attention",
    ),
}


def part(name):
    """Return the module of a part."""
    return import_module(f".{name}", __package__)


def measured():
    """Return the names of the methods that have a row."""
    return {method for name in PARTS for method in getattr(part(name), "METHODS", ())}
