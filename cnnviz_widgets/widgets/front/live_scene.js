// What the live view shows, as numbers: read from the model, summed up, and looked up at a place.

import { bytesOf, floats } from "./drawing.js";
import { clamp } from "./numbers.js";

export const DISPLAY = 448; // CSS px: the picture's longest side

/** What is to be drawn, read once a frame. kind: "none", "map", "categories" or "tiles". */
export function readScene(get) {
  const shape = get("values_shape"),
    values = floats(get("values")),
    categories = get("categories");
  const usable = shape.length > 1 && values.length > 0 && shape.reduce((a, b) => a * b, 1) === values.length;
  const kind = !usable ? "none" : shape.length > 2 ? "tiles" : categories.length ? "categories" : "map";
  const tiles = kind === "tiles" ? shape[0] : 1;
  const [rows, cols] = kind === "tiles" ? shape.slice(1) : shape;
  const [height, width] = get("image_shape");
  const bytes = bytesOf(get("image")),
    signed = get("signed"),
    k = get("saturation");
  const image = height && bytes?.length === height * width * 3 ? bytes : null;
  const [low, high] = get("limits");
  const onImage = Boolean(image) && get("on_image");
  return {
    kind,
    values,
    tiles,
    rows,
    cols,
    image,
    height,
    width,
    categories,
    signed,
    channels: shape.length > 3 ? 3 : 1,
    low: signed ? low * k : low,
    high: signed ? high * k : low + (high - low) * k,
    open: kind === "none" ? -1 : tiles < 2 ? 0 : get("enlarges") ? get("selected") : -1, // the tile on the stage
    // Pictures, the unsigned colours, are what they are.
    own: tiles > 1 && get("tile_scale") === "own" && (shape.length < 4 || signed),
    saturation: k,
    titled: Boolean(get("title")),
    onImage,
    fade: get("fade") && onImage && kind !== "categories",
    // Between two weights of a kernel, or between two classes, there is nothing: those keep their cells.
    smooth: get("smooth") && get("on_image") && kind !== "categories",
  };
}

/** One pass over the values: finite range, that of each tile with zero in it, how many are not finite, which tiles are zero. */
export function summarize({ values, tiles }) {
  let min = Infinity,
    max = -Infinity,
    odd = 0;
  const dead = new Uint8Array(tiles),
    lows = new Float32Array(tiles),
    highs = new Float32Array(tiles),
    size = values.length / tiles;
  for (let k = 0; k < tiles; k++) {
    let empty = true;
    for (let i = k * size; i < (k + 1) * size; i++) {
      const v = values[i];
      if (v !== 0) empty = false;
      if (v - v !== 0) {
        odd++;
        continue;
      } // only NaN and the infinities
      if (v < min) min = v;
      if (v > max) max = v;
      if (v < lows[k]) lows[k] = v;
      if (v > highs[k]) highs[k] = v;
    }
    dead[k] = empty ? 1 : 0;
  }
  return { min, max, odd, dead, lows, highs, deadCount: dead.reduce((a, b) => a + b, 0) };
}

/** The scene with the limits of tile k, where each tile has its own. */
export function scaledFor(scene, { lows, highs }, k) {
  if (!scene.own || k < 0) return scene.own ? { ...scene, low: 0, high: 0 } : scene; // no one scale is true of all
  const most = Math.max(-lows[k], highs[k]) * scene.saturation;
  return scene.signed
    ? { ...scene, low: -most, high: most }
    : { ...scene, low: lows[k], high: lows[k] + (highs[k] - lows[k]) * scene.saturation };
}

/** The cell [tile, row, column] under a pixel of the stage; without a map the image's pixel, tile -1. */
export function cellAt(scene, row, column) {
  const [height, width] = extent(scene);
  if (scene.open < 0) return [-1, row, column];
  return [
    scene.open,
    Math.floor(((row + 0.5) / height) * scene.rows),
    Math.floor(((column + 0.5) / width) * scene.cols),
  ];
}

export function plane({ values, rows, cols, channels }, k) {
  const size = rows * cols * channels;
  return values.subarray(k * size, (k + 1) * size);
}

/**
 * For each of `size` pixels along one side: the two cells between which it lies, and the second one's weight.
 * Half-pixel centres: cell k of n covers [k/n, (k+1)/n), its value is true at (k + 0.5)/n.
 */
export function axis(n, size, smooth) {
  const first = new Int32Array(size),
    second = new Int32Array(size),
    weight = new Float32Array(size);
  for (let i = 0; i < size; i++) {
    const at = ((i + 0.5) * n) / size;
    const x = smooth ? clamp(at - 0.5, 0, n - 1) : Math.min(Math.floor(at), n - 1);
    first[i] = Math.floor(x);
    weight[i] = x - first[i];
    second[i] = weight[i] ? first[i] + 1 : first[i]; // a neighbour of weight 0 must not bring its NaN along
  }
  return { first, second, weight };
}

/** The value that is drawn at (fy, fx), both 0..1 of the extent. */
export function valueAt(scene, data, fy, fx, channel = 0) {
  const at = (f, n) => {
    // the same arithmetic as axis(), for one point
    const x = scene.smooth ? clamp(f * n - 0.5, 0, n - 1) : clamp(Math.floor(f * n), 0, n - 1);
    const i = Math.floor(x);
    return [i, x > i ? i + 1 : i, x - i];
  };
  const [y0, y1, wy] = at(fy, scene.rows),
    [x0, x1, wx] = at(fx, scene.cols);
  const v = (y, x) => data[(y * scene.cols + x) * scene.channels + channel];
  const top = v(y0, x0) + (v(y0, x1) - v(y0, x0)) * wx,
    bottom = v(y1, x0) + (v(y1, x1) - v(y1, x0)) * wx;
  return wx || wy ? top + (bottom - top) * wy : v(y0, x0); // no arithmetic on a cell itself: Inf - Inf is NaN
}

/** [height, width] of what the stage shows: the image's pixels, or the tile's own cells. */
export const extent = (scene) =>
  scene.onImage || scene.open < 0 ? [scene.height, scene.width] : [scene.rows, scene.cols];
