"""The page that test_live_image.py opens: a LiveImage for each thing to look at; the tests also want its arrays."""

import ipywidgets
import numpy as np
from IPython.display import display

from cnnviz_widgets.widgets.front.live_image import LiveImage

ATTACK = '"><img src=x onerror="window.__xss=1"><script>window.__xss=1</script>'
random = np.random.default_rng(7)

blocks = np.kron(random.integers(0, 256, (14, 14, 3)), np.ones((16, 16, 1))).astype(np.uint8)  # 224 px, flat patches
grey = np.full((224, 224), 90, np.uint8)
digit = random.integers(0, 256, (28, 28), dtype=np.uint8)
cam = random.uniform(0.1, 1, (7, 7)).astype(np.float32)
peak = np.zeros((7, 7), np.float32)
peak[2, 4] = 1
signs = np.array([[-1, 0, 1], [0.5, 0, -0.5], [0, 0, 0]], np.float32)
holes = cam.copy()
holes[0, 0], holes[6, 6], holes[3, 1] = np.nan, np.inf, -np.inf
tiles = random.normal(size=(12, 5, 5)).astype(np.float32)
tiles[3] = 0
many = np.maximum(random.normal(size=(1280, 7, 7)), 0).astype(np.float32)
kernels = random.uniform(-1, 1, (4, 3, 3, 3)).astype(np.float32)
winners = np.array([[0, 0, 1], [0, 2, 1], [0, 0, 7]])


def view(name, image=None, **traits):
    """A LiveImage that the tests find by its name."""
    made = LiveImage(**traits)
    made.add_class(f"is-{name}")
    views[name] = made
    if image is not None:
        made.show_image(image)
    return made


def echo(name, make_text):
    """A label on the page that says what the kernel knows."""
    label = ipywidgets.Label()
    label.add_class(f"echo-{name}")
    echoes.append(label)
    return lambda change: setattr(label, "value", make_text(change))


def press(name, action):
    """A button on the page that makes the kernel do something."""
    button = ipywidgets.Button(description=name)
    button.add_class(f"press-{name}")
    button.on_click(lambda _: action())
    echoes.append(button)


views, echoes = {}, []

view("empty")
view("alone", grey)
view("cam", blocks, smooth=False).show_map(cam, limits=(0, 1), unit="logit", title="Grad-CAM")
view("smooth", grey, smooth=True, opacity=1).show_map(peak, limits=(0, 1))
view("digit", digit, smooth=False).show_map(random.normal(size=(28, 28)), signed=True, limits=(-2, 2))
view("signed", digit, smooth=False, opacity=1).show_map(signs, signed=True, limits=(-1, 1), unit="logit")
view("holes", grey, smooth=True, opacity=1).show_map(holes, limits=(0, 1))
view("constant", grey, opacity=1).show_map(np.zeros((7, 7)), signed=True)
view("tiny", grey, opacity=1).show_map(cam * 3.9e-17, title="Small numbers")
view("fade", grey, opacity=1, fade=True, smooth=False).show_map(signs, signed=True, limits=(-1, 1))
view("dimmed", grey).show_map(cam)
view("live", grey, smooth=False, opacity=1).show_map(np.zeros((7, 7)), limits=(0, 1))
view("tiles", grey, opacity=1, smooth=False).show_tiles(
    tiles, [f"channel {k}" for k in range(12)], signed=True, limits=(-2, 2), on_image=True
)
view("many").show_tiles(many, limits=(0, 2))
view("kernels").show_tiles(kernels, [f"filter {k}" for k in range(4)], signed=True, limits=(-1, 1), selected=2)
view("own", tile_scale="own").show_tiles(
    cam * np.array([1, 0.01, 0.5])[:, None, None], [f"filter {k} · weak" for k in (7, 30, 12)], unit="weight"
)
view("boxed", grey, compact=True, box=[20, 40, 120, 200])
view("pointed", grey, tells_hover=True, smooth=False).show_map(cam, limits=(0, 1))
view("chosen", enlarges=False).show_tiles(tiles, struck=[5])
view("categories", grey, opacity=1).show_categories(winners, ["cat", "dog", ATTACK])
view("attack", grey, title=ATTACK).show_tiles(
    cam[np.newaxis].repeat(2, 0), [ATTACK] * 2, unit=ATTACK, alt=ATTACK, selected=0
)

views["cam"].observe(echo("opacity", lambda change: f"{change['new']:.2f}"), "opacity")
views["tiles"].observe(echo("selected", lambda change: str(change["new"])), "selected")
views["pointed"].observe(echo("hovered", lambda change: str(change["new"])), "hovered")
views["pointed"].observe(echo("clicked", lambda change: str(change["new"])), "clicked")
views["tiles"].observe(echo("clicked-tile", lambda change: str(change["new"])), "clicked")
views["alone"].observe(echo("clicked-pixel", lambda change: str(change["new"])), "clicked")
views["chosen"].observe(echo("chosen", lambda change: str(change["new"])), "selected")
views["cam"].observe(echo("saturation", lambda change: f"{change['new']:.3f}"), "saturation")
press("ones", lambda: views["live"].show_map(np.ones((7, 7)), limits=(0, 2), title="second"))
press("fail", lambda: setattr(views["dimmed"], "dimmed", True))

display(ipywidgets.VBox([*echoes, *views.values()]))
