"""From "this method, this network, this image" to results: the request, its steps, and the store of answers."""

from dataclasses import dataclass, replace

from cnnviz_widgets.core.image import InputImage
from cnnviz_widgets.core.method import Method
from cnnviz_widgets.core.notes import on_request, on_result
from cnnviz_widgets.core.target import Target
from cnnviz_widgets.maps.fusion import fused

from .network import Network


@dataclass(frozen=True)
class Request:
    """Everything that a result depends on, and nothing else: equal requests have equal answers.

    What the method does not use is None. `layer` is a path, or several in order of execution for one map of them all.
    `weights` is the version of the network's weights, so training makes a new request.
    """

    method: Method
    network: Network
    image: InputImage | None
    target: Target | None
    layer: str | tuple | None
    weights: int

    @classmethod
    def of(cls, method, network, image=None, *, target=None, layer=None):
        """The request with everything settled: image fitted, target and layer found, or a refusal in a sentence."""
        check_kinds(method, network)
        uses = method.uses
        if image is None and "image" in uses:
            raise ValueError(f"{method.title} needs an image. Received: None.")
        with network.frozen_weights():
            image = None if image is None else network.fit(image)
            target = network.target(target, image) if "target" in uses else None
            return cls(
                method=method,
                network=network,
                image=image if "image" in uses else None,
                target=target,
                layer=layers_of(method, network, layer, target) if "layer" in uses else None,
                weights=network.weights_version(),
            )

    @property
    def caption(self):
        """What is shown, in a line: "Grad-CAM · head_activation · Egyptian cat"."""
        layers = " + ".join(self.layer) if isinstance(self.layer, tuple) else self.layer
        parts = [str(self.method), layers, self.target and self.network.describe(self.target)]
        return " · ".join(part for part in parts if part)

    @property
    def nbytes(self):
        """Bytes that keeping this request takes: its image."""
        return self.image.nbytes if self.image else 0

    def answered(self):
        """The complete result if it is kept, or None; takes no computing."""
        return self.network.cache.get(self)

    def steps(self):
        """Yield the results, rough ones first, the complete one last; that one is kept for next time."""
        kept = self.answered()
        if kept is not None:
            yield kept
            return
        for result in self._fused() if isinstance(self.layer, tuple) else self._answers():
            result = replace(result, request=self)
            if result.complete:
                self.network.cache.put(self, result)
            yield result

    def _answers(self):
        """Yield what the method finds, with the notes that belong beside it."""
        with self.network.frozen_weights(self.weights):
            notes = on_request(self)
        given = {name: getattr(self, name) for name in self.method.uses}
        run = self.method.run(self.network, **given)
        while (result := self._next(run)) is not None:
            yield replace(result, notes=(*result.notes, *notes, *on_result(result)))

    def _fused(self):
        """Yield one map of all layers, better with every step of one of them; each layer's own map is kept as well."""
        with self.network.frozen_weights(self.weights):
            grid = max((self._grid(path) for path in self.layer), key=lambda grid: grid[0] * grid[1])
        complete = []
        for path in self.layer:
            for result in replace(self, layer=path).steps():
                progress = (len(complete) + result.progress) / len(self.layer)
                yield fused([*complete, result], self.layer, grid, progress)
            complete.append(result)

    def _grid(self, path):
        """(rows, columns) of a layer; where they depend on the image, of this image's."""
        grid = self.network.layer(path).output_shape[:2]
        return self.network.activations(self.image, path).shape[:2] if None in grid else grid

    def _next(self, run):
        # Steady for one step only: between two steps whoever asked may train the network.
        with self.network.frozen_weights(self.weights):
            return next(run, None)


def steps(method, network, image=None, *, target=None, layer=None):
    """Yield results from rough to complete. Leave the loop to cancel.

    `target` is a class index, a class name, a Target, or None for the image's top class; `layer` is a path, or None
    for the method's default (the target's own layer where the target is a channel). Class activation maps also take
    several paths: the result is the mean of the layers' maps on the finest of their grids, each divided by its own
    largest absolute value. Raises TypeError or ValueError, in a sentence, for what cannot be done.
    """
    yield from Request.of(method, network, image, target=target, layer=layer).steps()


def compute(method, network, image=None, *, target=None, layer=None):
    """The complete result; arguments as for `steps`."""
    *_, result = Request.of(method, network, image, target=target, layer=layer).steps()
    return result


def check_kinds(method, network):
    """Raise TypeError, in a sentence, for what is no method or no network."""
    if not isinstance(method, Method):
        raise TypeError(f"A method is an object such as GradCAM(). Received: {method!r}.")
    if not isinstance(network, Network):
        raise TypeError(f"A network is what cnnviz.load(...) gives. Received: {network!r}.")


def layers_of(method, network, layer, target):
    """The path that is meant, or the paths in order of execution where several are named; else a refusal."""
    if not isinstance(layer, (tuple, list)):
        return _layer(method, network, layer, target)
    if not method.fuses_layers:
        raise ValueError(
            f"{method.title} takes one layer; several of them only make one class activation map. Received: {layer!r}."
        )
    paths = {_layer(method, network, network.layer(path).path, target) for path in layer}
    if not paths or len(paths) < len(layer):
        raise ValueError(f"Several layers must be at least one, each named once. Received: {layer!r}.")
    return paths.pop() if len(paths) == 1 else tuple(info.path for info in network.layers if info.path in paths)


def _layer(method, network, layer, target):
    if layer is None and target is not None and target.layer is not None:
        layer = target.layer  # the layers behind it say nothing of one of its channels
    if layer is None:
        return method.default_layer(network)
    info = network.layer(layer)
    if info not in method.layers(network):
        examples = ", ".join(known.path for known in method.layers(network)[-4:])
        raise ValueError(
            f"{method.title} cannot use this layer; it can use, for example, {examples}. "
            f"Received: {layer!r}, a {info.kind} with output {info.size}."
        )
    return info.path
