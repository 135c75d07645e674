"""Pictures of camouflaged tanks in a landscape, drawn with NumPy alone, for the notebook `07_the_tanks`.

A picture depends on three independent things: the place, which is a number, the presence of a tank, and the weather. So
the same place can be drawn with and without its tank, on a grey day and on a sunny one.
"""

from dataclasses import dataclass
from functools import cache

import numpy as np

HEIGHT, WIDTH = 96, 144  # px
CAMOUFLAGE = ((96, 104, 62), (118, 98, 68), (60, 68, 46))  # colours of the tank, and of the bushes and rocks too
MEADOWS = ((106, 116, 60), (126, 120, 72), (120, 104, 76), (92, 106, 66))  # fresh, dry, ploughed, wet

Y, X = np.mgrid[:HEIGHT, :WIDTH].astype(np.float32)

# A tank seen from its side, in lengths of its hull; x goes forward, y down, the middle of the hull's floor is (0, 0).
TRACK = ((-0.50, -0.05), (0.50, -0.05), (0.40, 0.12), (-0.40, 0.12))
HULL = ((-0.50, -0.14), (0.36, -0.14), (0.54, -0.05), (0.50, 0.0), (-0.52, 0.0))
TURRET = ((-0.24, -0.31), (0.10, -0.31), (0.20, -0.14), (-0.28, -0.14))
HATCH = ((-0.16, -0.35), (-0.04, -0.35), (-0.04, -0.30), (-0.16, -0.30))
GUN = ((0.10, -0.26), (0.78, -0.29), (0.78, -0.25), (0.10, -0.21))
MUZZLE = ((0.72, -0.30), (0.80, -0.30), (0.80, -0.24), (0.72, -0.24))
WHEELS = (-0.34, -0.17, 0.0, 0.17, 0.34)


@dataclass(frozen=True, eq=False)
class Picture:
    """A drawn picture: `image` (height, width, 3) uint8, and masks of its `sky` and `tank`, (height, width) bool.

    The masks hold only the visible parts: no sky where a tree stands in front of it.
    """

    image: np.ndarray
    sky: np.ndarray
    tank: np.ndarray
    name: str


@dataclass(frozen=True, eq=False)
class Photographs:
    """Pictures as training data: `images` (n, height, width, 3), `labels` (n,), 0 for a tank and 1 for none."""

    pictures: tuple

    @property
    def images(self):
        """The pictures' pixels, (n, height, width, 3) uint8."""
        return np.stack([picture.image for picture in self.pictures])

    @property
    def labels(self):
        """The pictures' classes, (n,): 0 where there is a tank, 1 where there is none."""
        return np.array([0 if picture.tank.any() else 1 for picture in self.pictures])

    def __add__(self, more):
        return Photographs(self.pictures + more.pictures)


def photographs(places, tank, sunny):
    """Return the Photographs of places (n,), one each; `tank` and `sunny` (n,) bool add tank and sunshine."""
    return Photographs(tuple(draw(int(place), *what) for place, *what in zip(places, tank, sunny, strict=True)))


def draw(place, tank, sunny):
    """Return the Picture of the place with this number, with or without its tank, on a sunny or a grey day."""
    canvas = Canvas()
    random = np.random.default_rng((place, 1))
    canvas.ground(random)
    for _ in range(random.integers(1, 4)):
        canvas.tree(random)
    for _ in range(random.integers(2, 5)):
        y = random.uniform(canvas.horizon + 4, HEIGHT - 8)
        canvas.clump(random, random.uniform(0, WIDTH), y, random.uniform(5, 12) * y / HEIGHT)
    canvas.spot(random, tank)
    image = canvas.finished(np.random.default_rng((place, 2)), sunny)
    name = f"place {place}, {'tank' if tank else 'no tank'}, {'sunny' if sunny else 'grey'}"
    return Picture(image, canvas.above > 0.5, canvas.of_tank > 0.5, name)


class Canvas:
    """A picture in the making: the colours of the land, the sunlight on it, and the masks of sky and tank."""

    def __init__(self):
        self.land = np.zeros((HEIGHT, WIDTH, 3), np.float32)
        self.sun = np.ones((HEIGHT, WIDTH), np.float32)  # 0 in the shadow of something
        self.horizon = 0.0
        self.above = np.zeros((HEIGHT, WIDTH), np.float32)  # how much of each pixel is sky
        self.of_tank = np.zeros((HEIGHT, WIDTH), np.float32)

    def paint(self, cover, colour):
        """Lay a colour, one or one for each pixel, over the land where `cover` (height, width) is 1."""
        part = touched(cover)  # most things are small
        cover, land, colour = cover[part], self.land[part], np.broadcast_to(np.float32(colour), self.land.shape)[part]
        land += cover[..., None] * (colour - land)
        self.above[part] *= 1 - cover
        self.of_tank[part] *= 1 - cover

    def shadow(self, x, y, width, height):
        """Darken the ground to the right of an object at (x, y)."""
        self.sun *= 1 - 0.9 * ellipse(x + 0.25 * width, y, width, height)

    def ground(self, random):
        """Draw grass up to the horizon, and far hills on it."""
        self.horizon = random.uniform(0.38, 0.46) * HEIGHT
        self.above[:] = 1
        hills = self.horizon - 9 * smooth(random, 1, 5)[0] * random.uniform(0.5, 1)
        self.paint(edge(Y - hills), np.array((104, 122, 112)))
        meadow = edge(Y - self.horizon - smooth(random, 1, 7)[0])
        depth = np.clip((Y - self.horizon) / (HEIGHT - self.horizon), 0, 1)[..., None]
        patches = smooth(random, 9, 6) + 0.6 * smooth(random, 32, 24)
        near = np.array(MEADOWS[random.integers(len(MEADOWS))]) * random.uniform(0.85, 1.15)
        far = 0.7 * near + 0.3 * np.array((150, 160, 130))
        self.paint(meadow, far + depth * (near - far) + 34 * (patches - 0.8)[..., None])

    def tree(self, random):
        """Draw a trunk and a crown of leaves, which may stand out against the sky."""
        x, size = random.uniform(0, WIDTH), random.uniform(11, 19)
        foot = self.horizon + random.uniform(2, 14)
        self.shadow(x, foot, 0.9 * size, 0.18 * size)
        self.paint(box(x - 0.07 * size, foot - size, x + 0.07 * size, foot), np.array((74, 60, 46)))
        self.leaves(random, x, foot - 1.35 * size, 0.62 * size, 0.7 * size, (62, 88, 46))

    def clump(self, random, x, y, size):
        """Draw a bush or a rock in the colours of the camouflage."""
        self.shadow(x, y + 0.4 * size, 1.2 * size, 0.3 * size)
        self.leaves(random, x, y, 1.2 * size, 0.7 * size, CAMOUFLAGE[random.integers(3)])

    def leaves(self, random, x, y, width, height, colour):
        """Draw a ragged, mottled blob that is darker below."""
        ragged = 0.7 * (smooth(random, 24, 36) - 0.5)
        texture = 40 * (smooth(random, 32, 48) - 0.5) - 16 * (Y - y) / height
        self.paint(
            edge(min(width, height) * (1 + ragged - reach(x, y, width, height))), np.array(colour) + texture[..., None]
        )

    def spot(self, random, tank):
        """Draw the tank, if there is one, and the bush in front of it."""
        length = random.uniform(40, 58)
        y = random.uniform(self.horizon + 0.42 * length, HEIGHT - 0.3 * length)
        x, forward = random.uniform(0.6 * length, WIDTH - 0.6 * length), random.choice((-1, 1))
        paint = camouflage(smooth(random, 16, 24))
        if tank:
            self.tank(x, y, forward * length, length, paint)
        self.clump(
            random, x + random.uniform(-0.4, 0.4) * length, y + 0.08 * length, random.uniform(0.12, 0.24) * length
        )

    def tank(self, x, y, forward, length, paint):
        """Draw a tank of `length` px at (x, y); `forward` is its length, negative if it faces left."""

        def place(points):
            return [(x + forward * px, y + length * py) for px, py in points]

        self.shadow(x, y + 0.12 * length, 0.56 * length, 0.07 * length)
        self.part(polygon(place(TRACK)), (44, 42, 36))
        for at in WHEELS:
            self.part(ellipse(x + forward * at, y + 0.05 * length, 0.075 * length, 0.075 * length), (92, 88, 70))
        for points, shade in ((HULL, 0.9), (GUN, 0.8), (MUZZLE, 0.7), (HATCH, 0.9), (TURRET, 1.1)):
            self.part(polygon(place(points)), shade * paint)

    def part(self, cover, colour):
        """Paint a part of the tank, and remember it in the mask."""
        self.paint(cover, colour)
        self.of_tank += cover

    def finished(self, random, sunny):
        """Return the land in its light under its sky, with the grain of a photograph: (height, width, 3) uint8."""
        light, sky = (sunshine(self.land, self.sun), blue_sky) if sunny else (dull(self.land), grey_sky)
        image = light + self.above[..., None] * (sky(random) - light)
        image += random.normal(0, 5, image.shape)
        return np.clip(image, 0, 255).astype(np.uint8)


def camouflage(noise):
    """Return blotches of the three colours, (height, width, 3), from noise (height, width)."""
    return np.float32(CAMOUFLAGE)[np.digitize(noise, (0.42, 0.6))]


# ---- Weather


def sunshine(land, sun):
    """Return the land in warm light, with shadows where no sun reaches it."""
    return land * (0.62 + 0.4 * sun[..., None]) * np.array((1.03, 1.0, 0.9))


def dull(land):
    """Return the land in light from everywhere: no shadows, little colour."""
    return 0.98 * (0.88 * land + 0.12 * land.mean(axis=-1, keepdims=True))


def blue_sky(random):
    """Return a blue sky, paler towards the horizon, with a sun and a few white clouds."""
    down = np.clip(Y / (0.45 * HEIGHT), 0, 1)[..., None]
    sky = np.array((78, 138, 214)) + down * (np.array((176, 208, 236)) - np.array((78, 138, 214)))
    x, y = random.uniform(0.08, 0.92) * WIDTH, random.uniform(0.06, 0.18) * HEIGHT
    clouds = smooth(random, 12, 5) + 0.5 * smooth(random, 24, 10) + 0.25 * smooth(random, 48, 24)
    clouds = np.clip(3 * (clouds - 1.1), 0, 0.9)[..., None]
    sky = sky + clouds * (250 - sky)
    glow = np.exp(-np.hypot(X - x, Y - y) / 9)[..., None]
    sky = sky + glow * (np.array((255, 244, 200)) - sky)
    return sky + ellipse(x, y, 5, 5)[..., None] * (np.array((255, 250, 214)) - sky)


def grey_sky(random):
    """Return a blanket of cloud."""
    return (182 + 30 * (smooth(random, 8, 5) - 0.5) + 8 * Y / HEIGHT)[..., None] * np.array((0.99, 1.0, 1.02))


# ---- Shapes: the share of each pixel that they cover, (height, width) from 0 to 1


def edge(inside):
    """Return 1 where `inside` (px) is positive, 0 where it is negative, with smooth values along the outline."""
    return np.clip(inside + 0.5, 0, 1)


def touched(cover):
    """Return the smallest rectangle, as two slices, that holds everything that is covered."""
    rows, columns = np.flatnonzero(cover.any(axis=1)), np.flatnonzero(cover.any(axis=0))
    return tuple(slice(found[0], found[-1] + 1) if len(found) else slice(0) for found in (rows, columns))


def reach(x, y, width, height):
    """Return the distance of each pixel from (x, y), in half-axes."""
    return np.hypot((X - x) / width, (Y - y) / height)


def ellipse(x, y, width, height):
    """Return an ellipse with these half-axes."""
    return edge(min(width, height) * (1 - reach(x, y, width, height)))


def box(left, top, right, bottom):
    """Return an upright rectangle."""
    return edge(np.minimum(X - left, right - X)) * edge(np.minimum(Y - top, bottom - Y))


def polygon(corners):
    """Return a convex polygon, its corners (x, y) in either direction."""
    area = sum(x0 * y1 - x1 * y0 for (x0, y0), (x1, y1) in zip(corners, corners[1:] + corners[:1], strict=True))
    inside = np.inf
    for (x0, y0), (x1, y1) in zip(corners, corners[1:] + corners[:1], strict=True):
        along = np.hypot(x1 - x0, y1 - y0)
        inside = np.minimum(inside, np.sign(area) * ((x1 - x0) * (Y - y0) - (y1 - y0) * (X - x0)) / along)
    return edge(inside)


# ---- Noise


def smooth(random, rows, columns):
    """Return noise from 0 to 1, (height, width), with about `rows` by `columns` bumps."""
    values = random.uniform(0, 1, (rows + 1, columns + 1)).astype(np.float32)
    return between(between(values, HEIGHT).T, WIDTH).T


def between(values, pixels):
    """Return a row for each pixel, (pixels, ...), mixed from the two of `values` (cells + 1, ...) around it."""
    cell, part = places(pixels, len(values) - 1)
    return values[cell] + part * (values[cell + 1] - values[cell])


@cache
def places(pixels, cells):
    """Return each pixel's cell, (pixels,), and its smoothed position within the cell from 0 to 1, (pixels, 1)."""
    place = (np.arange(pixels) + 0.5) / pixels * cells
    part = (place % 1)[:, None].astype(np.float32)
    return place.astype(int), part * part * (3 - 2 * part)
