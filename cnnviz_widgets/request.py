"""`compute` and `steps`: a method, a network and an image become a request, and a request becomes results."""

from collections.abc import Hashable, Iterator, Sequence
from dataclasses import dataclass, replace

from cnnviz_widgets.core.image import ImageLike, InputImage
from cnnviz_widgets.core.method import Method
from cnnviz_widgets.core.notes import on_request, on_result
from cnnviz_widgets.core.result import Result
from cnnviz_widgets.core.suited import suited
from cnnviz_widgets.core.target import Target, TargetLike
from cnnviz_widgets.maps.fusion import fused

from .network import Network


@dataclass(frozen=True)
class Request:
    """Everything that a result depends on, and nothing else: equal requests have equal results.

    Fields that the method does not use are None. `layer` is a path, or several in order of execution for one map of
    them all. `weights` is the version of the network's weights, so that training makes a new request.
    """

    method: Method
    network: Network
    image: InputImage | None
    target: Target | None
    layer: str | tuple[str, ...] | None
    weights: Hashable

    @classmethod
    def of(
        cls,
        method: Method,
        network: Network,
        image: ImageLike | None = None,
        *,
        target: TargetLike = None,
        layer: str | Sequence[str] | None = None,
    ) -> "Request":
        """The request of these arguments, see `steps`: the image is fitted, the target and the layer are found.

        Raises TypeError or ValueError for what cannot be done.
        """
        check_kinds(method, network)
        network.check_slope(method.needs_slope)
        uses = method.uses
        if image is None and "image" in uses:
            raise ValueError(f"{method.title} needs an image. Received: None.")
        with network.frozen_weights():
            fitted = None if image is None else network.fit(image)
            found = network.target(target, fitted) if "target" in uses else None
            return cls(
                method=method,
                network=network,
                image=fitted if "image" in uses else None,
                target=found,
                layer=layers_of(method, network, layer, found) if "layer" in uses else None,
                weights=network.weights_version(),
            )

    @property
    def caption(self) -> str:
        """The request in a line: "Grad-CAM · head_activation · Egyptian cat".

        Of the settings it tells those that a person has changed: others than the method begins with for this image.
        """
        method = self.method.told_beside(suited(type(self.method), self.network, self.image, self.target))
        layers = " + ".join(self.layer) if isinstance(self.layer, tuple) else self.layer
        parts = [method, layers, self.target and self.network.describe(self.target)]
        return " · ".join(part for part in parts if part)

    @property
    def nbytes(self) -> int:
        """Bytes of memory that the request takes: those of its image."""
        return self.image.nbytes if self.image else 0

    def answered(self) -> Result | None:
        """The complete result if it is kept, or None; nothing is computed."""
        kept = self.network.cache.get(self)
        if kept is None or self.image is None:
            return kept
        # An array may hold the very pixels of a photograph, but its notes are others.
        return kept if kept.request.image.from_photo == self.image.from_photo else None

    def steps(self) -> Iterator[Result]:
        """Yield the results, rough ones first, the complete one last; that one is kept."""
        kept = self.answered()
        if kept is not None:
            yield kept
            return
        for result in self._fused(self.layer) if isinstance(self.layer, tuple) else self._results():
            result = replace(result, request=self)
            if result.complete:
                self.network.cache.put(self, result)
            yield result

    def _results(self) -> Iterator[Result]:
        """Yield the method's results, with the notes to show beside them."""
        with self.network.frozen_weights(self.weights):
            notes = on_request(self)
        given = {name: getattr(self, name) for name in self.method.uses}
        run = self.method.run(self.network, **given)
        while (result := self._next(run)) is not None:
            yield replace(result, notes=(*result.notes, *notes, *on_result(result)))

    def _fused(self, layers: tuple[str, ...]) -> Iterator[Result]:
        """Yield one map of all layers, a better one with each step of a layer; each layer's own map is kept as well."""
        with self.network.frozen_weights(self.weights):
            grid = max((self._grid(path) for path in layers), key=lambda grid: grid[0] * grid[1])
        complete = []
        for path in layers:
            for result in replace(self, layer=path).steps():
                progress = (len(complete) + result.progress) / len(layers)
                yield fused([*complete, result], layers, grid, progress)
            complete.append(result)

    def _grid(self, path: str) -> tuple[int, int]:
        """(rows, columns) of a layer, for this image if they depend on the image."""
        rows, columns = self.network.layer(path).output_shape[:2]
        if rows is None or columns is None:
            assert self.image is not None  # class activation maps have one
            rows, columns = self.network.activations(self.image, path).shape[:2]
        return rows, columns

    def _next(self, run: Iterator[Result]) -> Result | None:
        # Weights are frozen for one step only: between two steps the caller may train the network.
        with self.network.frozen_weights(self.weights):
            return next(run, None)


def steps(
    method: Method,
    network: Network,
    image: ImageLike | None = None,
    *,
    target: TargetLike = None,
    layer: str | Sequence[str] | None = None,
) -> Iterator[Result]:
    """Yield results from rough to complete. Leave the loop to cancel.

    `image` is an InputImage or an array (height, width, channels). `target` is a class index, a class name, a Target,
    or None for the image's top class. `layer` is a path, or None for the method's default (the target's own layer if
    the target is a channel). Class activation maps also take several paths: the result is then the mean of the layers'
    maps on the finest of their grids, each divided by its own largest absolute value. Raises TypeError or ValueError
    for what cannot be done.
    """
    yield from Request.of(method, network, image, target=target, layer=layer).steps()


def compute(
    method: Method,
    network: Network,
    image: ImageLike | None = None,
    *,
    target: TargetLike = None,
    layer: str | Sequence[str] | None = None,
) -> Result:
    """The complete result. The arguments are those of `steps`."""
    *_, result = Request.of(method, network, image, target=target, layer=layer).steps()
    return result


def check_kinds(method: object, network: object) -> None:
    """Raise TypeError unless these are a method and a network."""
    if not isinstance(method, Method):
        raise TypeError(f"A method is an object such as GradCAM(). Received: {method!r}.")
    if not isinstance(network, Network):
        raise TypeError(f"A network is what cnnviz.load(...) gives. Received: {network!r}.")


def layers_of(
    method: Method, network: Network, layer: str | Sequence[str] | None, target: Target | None
) -> str | tuple[str, ...]:
    """The path of a layer, or the paths of several in order of execution; None means the method's default layer.

    Raises ValueError for layers that the method cannot use.
    """
    if not isinstance(layer, (tuple, list)):
        return _layer(method, network, layer, target)
    if not method.fuses_layers:
        raise ValueError(
            f"{method.title} takes one layer; only class activation maps can be made of several. Received: {layer!r}."
        )
    paths = {_layer(method, network, network.layer(path).path, target) for path in layer}
    if not paths or len(paths) < len(layer):
        raise ValueError(f"Several layers must be at least one, each named once. Received: {layer!r}.")
    return paths.pop() if len(paths) == 1 else tuple(info.path for info in network.spatial_layers if info.path in paths)


def _layer(method: Method, network: Network, layer, target: Target | None) -> str:
    if layer is None and target is not None and target.layer is not None:
        layer = target.layer  # its channels do not depend on the layers behind it
    if layer is None:
        return method.default_layer(network, target)
    info = network.layer(layer)
    if info not in method.layers(network):
        examples = ", ".join(known.path for known in method.layers(network)[-4:]) or "none of this network"
        raise ValueError(
            f"{method.title} cannot use this layer; it can use, for example, {examples}. "
            f"Received: {layer!r}, a {info.kind} with output {info.size}."
        )
    return info.path
