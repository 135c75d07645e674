"""`SessionExplorer`, the base of all explorers: they declare their parts and their page, and here these are built.

    class MapExplorer(SessionExplorer):
        first_method = Gradient
        live_view: LiveView = part(LiveView)
        status: StatusLine = part(StatusLine)
        image_picker: ImagePicker = part(ImagePicker)
        page = (
            columns(
                column("image_picker", layout=SIDE_COLUMN),
                column("status", "live_view", "status.notes", layout=PICTURE_COLUMN),
            ),
        )

In a page, the name of a part stands for its widget; a dotted name is a widget that the part holds besides.
"""

from collections.abc import Callable
from dataclasses import dataclass
from inspect import Parameter, Signature, signature
from operator import attrgetter
from typing import Any, TypeVar, cast

import ipywidgets

from cnnviz_widgets.core.image import InputImage
from cnnviz_widgets.core.method import Method
from cnnviz_widgets.core.result import Result
from cnnviz_widgets.core.target import Target
from cnnviz_widgets.session import Session
from cnnviz_widgets.settings import Settings
from cnnviz_widgets.widgets.look import PAGE, WRAPPING_ROW
from cnnviz_widgets.widgets.parts.bound import Bound
from cnnviz_widgets.widgets.parts.linked import Linked

Made = TypeVar("Made")
Kind = TypeVar("Kind")


class SessionExplorer(ipywidgets.VBox):
    """A session on the page. Subclasses declare options, widgets of their own, parts, and where these stand.

    `network` is whatever `cnnviz.load` takes (the bundled ImageNet network if nothing is given), `image` an
    InputImage, an array, a path, or nothing for a sample. `method` is a method or a method class, `target` a class
    index, a class name or a Target, `layer` a path. Give `session` instead to join one that exists: explorers on one
    session are linked. One that asks a question of its own then shares network, image, target and layer with it.
    """

    first_method: type[Method] | None = None  # that of an explorer that asks one question; None shows any
    page: "Items" = ()  # names of parts, and `row`, `column` and `columns` of them, from top to bottom
    page_layout: dict[str, str] = PAGE
    _parts: tuple[Any, ...] = ()

    def __init__(
        self,
        network: Any = None,
        image: Any = None,
        *,
        method: Method | type[Method] | None = None,
        target: Target | str | int | None = None,
        layer: str | tuple[str, ...] | None = None,
        session: Session | None = None,
        **options: Any,
    ) -> None:
        super().__init__(layout=self.page_layout)
        self._take(options)
        for name, one in declared(type(self), _Own).items():
            setattr(self, name, one.make(*one.arguments, **one.options))
        self.session: Session = self._opened(network, image, method, target, layer, session)
        for name, one in declared(type(self), _Part).items():
            arguments = [attrgetter(path)(self) for path in one.arguments]
            setattr(self, name, self.add(one.make(self.session, *arguments, **one.options)))
        self.connect(self.add(Bound(self.session)))
        self.children = tuple(self._built(item) for item in self.page)

    def __init_subclass__(cls, **arguments: Any) -> None:
        super().__init_subclass__(**arguments)
        _, *common, _ = signature(SessionExplorer.__init__).parameters.values()
        options = [Parameter(name, Parameter.KEYWORD_ONLY, default=one.default) for name, one in _options(cls)]
        cls.__signature__ = Signature([*common, *options])  # what a notebook shows

    def connect(self, bound: Bound) -> None:
        """Tie widgets of the explorer's own to the session: `bound` follows it, and acts on what the person does."""

    def variants(self, settings: Settings) -> tuple[Settings, ...]:
        """Return the questions to answer for what was chosen, see `Session`: several for explorers that compare."""
        return (settings,)

    @property
    def opening_method(self) -> Method | type[Method] | None:
        """The method of an explorer that was given none; a class leaves its parameters to the session."""
        return self.first_method

    @property
    def result(self) -> Result | None:
        """The result on the page."""
        return self.session.result

    def add(self, part: Made) -> Made:
        """Keep a part, so that it is closed with the explorer, and return it."""
        self._parts = (*self._parts, part)
        return part

    def close(self) -> None:
        """Take the explorer from the page and close its parts; a session given from outside goes on."""
        for part in self._parts:
            part.close()
        super().close()

    def _take(self, options):
        known = dict(_options(type(self)))
        for name in options.keys() - known.keys():
            raise TypeError(
                f"{type(self).__name__} takes network, image, method, target, layer, session"
                f"{''.join(f', {option}' for option in known)}. Received: {name}."
            )
        for name, one in known.items():
            setattr(self, name, options.get(name, one.default))

    def _opened(self, network, image, method, target, layer, session):
        """The session that is given, one of the explorer's own beside it, or a new one."""
        if session is not None and self.first_method is None:
            return session
        method = method or self.opening_method
        if session is not None:
            return self.add(Linked(session, method, self.variants)).own
        if isinstance(image, (str, bytes)) or hasattr(image, "__fspath__"):
            image = InputImage.open(image)
        network = network or "efficientnet_lite0"
        return Session(network, image, method=method, target=target, layer=layer, variants=self.variants)

    def _built(self, item):
        if isinstance(item, _Box):
            return item.make([self._built(each) for each in item.items], layout=item.layout)
        found = attrgetter(item)(self)
        return found if isinstance(found, ipywidgets.Widget) else found.widget


# ---- Declarations of subclasses, typed for the values that an explorer then has


def option(default: Any) -> Any:
    """Declare a keyword of the constructor; the explorer has its value under the same name."""
    return _Option(default)


def own(make: Callable[..., Made], *arguments: Any, **options: Any) -> Made:
    """Declare something that needs no session, made before it, for the session may ask for `variants` at once."""
    return cast(Made, _Own(make, arguments, options))


def part(make: Callable[..., Made], *names: str, **options: Any) -> Made:
    """Declare a part, made by `make(session, *values, **options)`: the explorer's attributes of these names."""
    return cast(Made, _Part(make, names, options))


def column(*items: "str | _Box", layout: dict[str, str] | None = None) -> "_Box":
    """Put items below each other."""
    return _Box(ipywidgets.VBox, items, layout or {})


def row(*items: "str | _Box", layout: dict[str, str] | None = None) -> "_Box":
    """Put items beside each other."""
    return _Box(ipywidgets.HBox, items, layout or {})


def columns(*items: "str | _Box", layout: dict[str, str] = WRAPPING_ROW) -> "_Box":
    """Put columns beside each other, which wrap on a narrow page."""
    return _Box(ipywidgets.Box, items, layout)


def declared(explorer: type[SessionExplorer], kind: type[Kind]) -> dict[str, Kind]:
    """Return {name: declaration} of one kind, those of the base classes first."""
    bases = [base for base in reversed(explorer.__mro__) if issubclass(base, SessionExplorer)]
    names = dict.fromkeys(name for base in bases for name in vars(base))
    return {name: one for name in names if isinstance(one := getattr(explorer, name), kind)}


def _options(explorer):
    return declared(explorer, _Option).items()


@dataclass(frozen=True)
class _Option:
    default: object


@dataclass(frozen=True)
class _Made:
    make: Callable[..., Any]
    arguments: tuple[Any, ...]
    options: dict[str, Any]


class _Own(_Made):
    """Its arguments are values."""


class _Part(_Made):
    """Its arguments are names."""


@dataclass(frozen=True)
class _Box:
    make: type[ipywidgets.Box]
    items: "Items"
    layout: dict[str, str]


Items = tuple[str | _Box, ...]
