// The live view's numbers in words: the marks of the scale, what to know about a map, what stands at a pixel.

import { extent, plane, scaledFor, valueAt } from "./live_scene.js";
import { clamp, isFar, minus, number, percent } from "./numbers.js";

const COUNTED = 1000; // of so few values, those beyond the limits are counted

/** About five round numbers between the limits: [{at: 0..1, text, zero}], and the power of ten they share. */
export function ticks(low, high) {
  if (!(high > low)) return { marks: [], exponent: 0 };
  const size = Math.floor(Math.log10(Math.max(Math.abs(low), Math.abs(high))));
  const exponent = isFar(size) ? size : 0,
    unit = 10 ** exponent;
  const rough = (high - low) / unit / 4.5,
    ten = 10 ** Math.floor(Math.log10(rough));
  const step = ten * [1, 2, 5, 10].find((m) => m * ten >= rough),
    digits = Math.max(0, -Math.floor(Math.log10(step) + 1e-9));
  const marks = [];
  for (let i = Math.ceil(low / unit / step - 1e-6); i * step <= (high / unit) * (1 + 1e-6) + 1e-12; i++) {
    marks.push({
      at: clamp((i * step * unit - low) / (high - low), 0, 1),
      text: minus((i * step).toFixed(i ? digits : 0)),
      zero: i === 0,
    });
  }
  return { marks, exponent };
}

/** Number of the finite values that the colours cannot tell from the limits. */
function countBeyond(scene, summary) {
  let beyond = 0;
  const { values, tiles } = scene,
    size = values.length / tiles;
  for (let k = 0; k < tiles; k++) {
    const { low, high } = scene.own ? scaledFor(scene, summary, k) : scene,
      slack = 1e-6 * (high - low);
    for (let i = k * size; i < (k + 1) * size; i++) if (values[i] < low - slack || values[i] > high + slack) beyond++;
  }
  return beyond;
}

/** What somebody must know to read the picture rightly. */
export function remarks(scene, summary) {
  const said = [];
  if (scene.kind === "none") {
    if (!scene.image) return ["Nothing to show yet."];
    return scene.titled ? [] : ["No map yet: this is the image alone."]; // a title is that of a picture which was made
  }
  if (scene.kind === "categories") return said;
  if (summary.odd) said.push(`${summary.odd} ${summary.odd > 1 ? "values are" : "value is"} not finite (hatched).`);
  if (summary.min === summary.max) said.push(`Constant map: value ${number(summary.min)}.`);
  else if (summary.deadCount) said.push(`${summary.deadCount} of ${scene.tiles} tiles are zero everywhere (hatched).`);
  if (scene.own) said.push("Each tile has its own scale: colours of two tiles do not compare.");
  const beyond = countBeyond(scene, summary),
    count = scene.values.length;
  if (beyond && summary.min < summary.max) {
    const many = count > COUNTED ? `${percent(beyond / count)} of the values` : `${beyond} of ${count} values`;
    said.push(`${many} ${beyond === 1 && count <= COUNTED ? "lies" : "lie"} beyond the limits.`);
  }
  return said;
}

/** "row 3, column 4 · RGB 1 2 3 · map 0.42 logit": everything about one pixel of the stage. */
export function reading(scene, row, column, get) {
  const [height, width] = extent(scene),
    said = [`row ${row}, column ${column}`];
  if (scene.image && (scene.onImage || scene.open < 0)) {
    const rgb = scene.image.subarray((row * width + column) * 3, (row * width + column) * 3 + 3);
    said.push(rgb[0] === rgb[1] && rgb[1] === rgb[2] ? `grey ${rgb[0]}` : `RGB ${rgb.join(" ")}`);
  }
  if (scene.open < 0) return said.join(" · ");
  const fy = (row + 0.5) / height,
    fx = (column + 0.5) / width,
    data = plane(scene, scene.open);
  const cells = { ...scene, smooth: false }; // one cell has one value, also where the colours in between are smooth
  const read = Array.from({ length: scene.channels }, (_, c) => valueAt(cells, data, fy, fx, c));
  if (scene.kind === "categories") said.push(scene.categories[read[0]]?.name ?? "no category");
  else
    said.push(`${scene.onImage ? "map " : ""}${read.map((value) => number(value)).join(", ")} ${get("unit")}`.trim());
  if (scene.onImage && (scene.rows !== height || scene.cols !== width)) {
    said.push(`cell (${Math.floor(fy * scene.rows)}, ${Math.floor(fx * scene.cols)})`);
  }
  return said.join(" · ");
}
