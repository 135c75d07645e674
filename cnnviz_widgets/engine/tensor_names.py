"""How a GraphDef names tensors: an operation's name, with the number of its output where that is not the first."""


def operation(tensor):
    """The operation behind a tensor's name: `"^conv:0"` -> `"conv"`."""
    return tensor.removeprefix("^").split(":")[0]


def tensor_name(name):
    """A tensor's full name; an operation's first output goes without a number inside a GraphDef."""
    return name if ":" in name else f"{name}:0"
