// From the live view's numbers to its colours. Values are interpolated, never colours: a colour map is not a line.

import { bytesOf, canvasOf, hex, pack, rgbPixels } from "./drawing.js";
import { axis, DISPLAY, extent, plane } from "./live_scene.js";

const MAX_WORK = 1024; // px: finest grid on which a map's values are turned into colours
const HATCH = [0xff8c8c8c, 0xffc4c4c4]; // two greys, ABGR: "there is no number here"

/** The chosen colour map as RGB triples, low to high; an odd number, so that zero has an entry of its own. */
export function colorTable(get) {
  const names = Object.values(get("families")).flat(),
    all = bytesOf(get("luts")),
    size = all.length / names.length;
  const k = Math.max(names.indexOf(get("colormap")), 0);
  return all.subarray(k * size, (k + 1) * size);
}

/** 0..1 between the limits. Limits without a span: below is 0, above is 1, equal is the middle when signed. */
function shareOf({ low, high, signed }) {
  const span = high - low;
  if (span > 0) return (v) => (v <= low ? 0 : v >= high ? 1 : (v - low) / span);
  return (v) => (v > low ? 1 : v < low || !signed ? 0 : 0.5);
}

/** A function from value to packed colour; the colours are made once, so that a pixel costs one look-up. */
export function shader(scene, table) {
  if (scene.kind === "categories") {
    const colors = scene.categories.map(({ color }) => pack(...hex(color)));
    return (v) => colors[v];
  }
  const last = table.length / 3 - 1,
    colors = new Uint32Array(last + 1),
    share = shareOf(scene);
  for (let i = 0; i <= last; i++) {
    const strength = scene.signed ? Math.abs((2 * i) / last - 1) : i / last;
    colors[i] = pack(table[3 * i], table[3 * i + 1], table[3 * i + 2], scene.fade ? Math.round(255 * strength) : 255);
  }
  return (v) => colors[(share(v) * last + 0.5) | 0];
}

/** How far the strongest of three channels is from zero, 0..255. */
function strongest([r, g, b], signed) {
  const from = (x) => (signed ? Math.abs(2 * x - 255) : x);
  return Math.max(from(r), from(g), from(b));
}

/** Tile k as an ImageData of width x height. Values are interpolated, never colours: a colour map is not a line. */
export function paint(scene, k, width, height, shade) {
  const out = new ImageData(width, height),
    pixels = new Uint32Array(out.data.buffer),
    data = plane(scene, k);
  const { channels, categories, kind, signed } = scene,
    share = shareOf(scene),
    rgb = [0, 0, 0];
  const X = axis(scene.cols, width, scene.smooth),
    Y = axis(scene.rows, height, scene.smooth);
  const length = scene.cols * channels,
    line = new Float32Array(length); // one row, interpolated from top to bottom
  const isNumber = kind === "categories" ? (v) => v >= 0 && v < categories.length && v % 1 === 0 : (v) => v - v === 0;
  for (let y = 0, i = 0; y < height; y++) {
    const top = Y.first[y] * length,
      bottom = Y.second[y] * length,
      wy = Y.weight[y];
    for (let j = 0; j < length; j++) line[j] = data[top + j] + (data[bottom + j] - data[top + j]) * wy;
    for (let x = 0; x < width; x++, i++) {
      const left = X.first[x] * channels,
        right = X.second[x] * channels,
        wx = X.weight[x];
      let v = line[left] + (line[right] - line[left]) * wx;
      if (channels === 1) {
        pixels[i] = isNumber(v) ? shade(v) : HATCH[((x + y) >> 2) & 1];
        continue;
      }
      let finite = true;
      for (let c = 0; c < 3; c++) {
        v = line[left + c] + (line[right + c] - line[left + c]) * wx;
        finite &&= isNumber(v);
        rgb[c] = (share(v) * 255 + 0.5) | 0;
      }
      pixels[i] = !finite
        ? HATCH[((x + y) >> 2) & 1]
        : pack(rgb[0], rgb[1], rgb[2], scene.fade ? strongest(rgb, signed) : 255);
    }
  }
  return out;
}

export const imageCanvas = ({ image, width, height }) => canvasOf(rgbPixels(image, width, height));

/** The map in colours on a grid at least as fine as the screen's, so that smoothness is made of values. */
export function mapCanvas(scene, shade) {
  const [height, width] = extent(scene),
    longest = Math.max(height, width);
  const scale = Math.min(
    Math.ceil(Math.max(DISPLAY, scene.rows, scene.cols) / longest),
    Math.max(1, MAX_WORK / longest),
  );
  const w = Math.round(width * scale),
    h = Math.round(height * scale);
  return canvasOf(paint(scene, scene.open, w, h, shade));
}
