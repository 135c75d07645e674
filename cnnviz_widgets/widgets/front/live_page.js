// The live view's elements, and what fills its legend and its scale.

import { hex } from "./drawing.js";
import { ticks } from "./live_words.js";
import { percent, power } from "./numbers.js";
import { button, h, keepKeys, segments } from "./page.js";

const LEGEND = 12; // names before "and n more"

/** Two or three words of which one is pressed. */
function choice(name, label, options, tip) {
  const buttons = options.map(([value, text]) => button(text, tip, { value: String(value), name }));
  return { node: segments(label, ...buttons), buttons };
}

function slider(name, label, tip, range) {
  const input = h("input", { type: "range", name, title: tip, "aria-label": label, ...range });
  const output = h("output", {});
  return {
    input,
    output,
    node: h("label", { className: "cnnviz-slider", title: tip }, h("span", {}, `${label} `, output), input),
  };
}

export function buildPage() {
  const focusable = { tabIndex: 0, role: "img" };
  const p = {
    title: h("div", { className: "cnnviz-title" }),
    picture: h("canvas", {
      className: "cnnviz-picture",
      ...focusable,
      "aria-description": "Arrow keys read values, Enter picks one, plus and minus zoom, 0 shows the whole image.",
    }),
    close: button("×", "Close the enlarged tile (Escape)", {
      className: "cnnviz-close",
      "aria-label": "Close the enlarged tile",
    }),
    tileName: h("div", { className: "cnnviz-tile-name" }),
    tiles: h("canvas", {
      className: "cnnviz-tiles",
      ...focusable,
      "aria-description": "Arrow keys walk over the tiles, Enter enlarges one, Escape closes it.",
    }),
    ring: h("div", { className: "cnnviz-ring" }),
    cursor: h("div", { className: "cnnviz-ring cnnviz-cursor" }),
    bar: h("canvas", { className: "cnnviz-bar", width: 257, height: 1 }),
    below: h("i", { className: "cnnviz-below" }),
    above: h("i", { className: "cnnviz-above" }),
    marks: h("div", { className: "cnnviz-marks" }),
    unit: h("div", { className: "cnnviz-unit" }),
    legend: h("ul", { className: "cnnviz-legend" }),
    note: h("div", { className: "cnnviz-note", role: "status" }),
    readout: h("output", { className: "cnnviz-readout", "aria-live": "polite" }),
    show: choice(
      "show",
      "Show",
      [
        ["both", "Both"],
        ["image", "Image"],
        ["map", "Map"],
      ],
      "Show the image, the map, or the map over the image",
    ),
    smooth: choice(
      "smooth",
      "Map drawn",
      [
        [true, "Smooth"],
        [false, "Cells"],
      ],
      "Cells: the numbers as they were computed. Smooth: colours in between, bilinear from centre to centre",
    ),
    tile_scale: choice(
      "tile_scale",
      "Scale of the tiles",
      [
        ["shared", "Shared scale"],
        ["own", "Own scale"],
      ],
      "Shared: colours mean the same in all tiles. Own: each tile uses all colours, so that weak ones show their shape",
    ),
    opacity: slider("opacity", "Opacity", "How strongly the map covers the image", { min: 0, max: 100, step: 1 }),
    saturation: slider(
      "saturation",
      "Full colour at",
      "Values from here on have the strongest colour; a smaller limit shows weaker values",
      { min: 0, max: 100, step: 1 },
    ),
    reset: button("↺", "Set the limit back to the suggested one", { "aria-label": "Reset the limit" }),
    colormap: h("select", { name: "colormap", title: "Colour map", "aria-label": "Colour map" }),
    fade: h("input", { type: "checkbox", name: "fade", "aria-label": "Fade small values" }),
    zoomOut: button("−", "Zoom out (−)", { "aria-label": "Zoom out" }),
    zoomIn: button("+", "Zoom in (+, or Ctrl and the wheel)", { "aria-label": "Zoom in" }),
    whole: button("Fit", "Show the whole image (0, or a double click)"),
    save: button("Save PNG", "Download the picture with its colour bar"),
  };
  p.frame = h("div", { className: "cnnviz-frame" }, p.picture, p.close);
  p.stage = h("div", { className: "cnnviz-stage" }, p.frame, p.tileName);
  p.sheet = h("div", { className: "cnnviz-sheet" }, p.tiles, p.ring, p.cursor);
  p.grid = h("div", { className: "cnnviz-grid" }, p.sheet);
  p.scale = h(
    "div",
    { className: "cnnviz-scale" },
    h("div", { className: "cnnviz-bar-row" }, p.below, p.bar, p.above),
    p.marks,
    p.unit,
  );
  p.fadeLabel = h(
    "label",
    { className: "cnnviz-check", title: "Where the map is near zero the image shows through" },
    p.fade,
    "Fade small values",
  );
  p.limit = h("div", { className: "cnnviz-limit" }, p.saturation.node, p.reset);
  p.zoomGroup = segments("Zoom", p.zoomOut, p.whole, p.zoomIn);
  p.sliders = h("div", { className: "cnnviz-sliders" }, p.opacity.node, p.limit);
  p.controls = h(
    "div",
    { className: "cnnviz-controls" },
    p.show.node,
    p.smooth.node,
    p.tile_scale.node,
    p.zoomGroup,
    p.sliders,
    p.colormap,
    p.fadeLabel,
    p.save,
  );
  p.side = h("div", { className: "cnnviz-side" }, p.scale, p.legend, p.readout, p.note, p.controls);
  p.root = h(
    "div",
    { className: "cnnviz-live", "data-drawn": "0" },
    p.title,
    h("div", { className: "cnnviz-body" }, p.grid, p.stage),
    p.side,
  );
  keepKeys(p.root);
  return p;
}

/** The legend of a class map: the commonest first, each with its share of the cells. */
export function fillLegend(list, { categories, values }) {
  const counts = new Uint32Array(categories.length);
  for (const v of values) if (v in counts) counts[v]++;
  const order = categories
    .map((_, k) => k)
    .filter((k) => counts[k])
    .sort((a, b) => counts[b] - counts[a]);
  const items = order.slice(0, LEGEND).map((k) => {
    const swatch = h("i", {});
    swatch.style.backgroundColor = `rgb(${hex(categories[k].color).join(" ")})`;
    return h(
      "li",
      {},
      swatch,
      `${categories[k].name} `,
      h("small", { textContent: percent(counts[k] / values.length) }),
    );
  });
  if (order.length > LEGEND) items.push(h("li", { textContent: `and ${order.length - LEGEND} more` }));
  list.replaceChildren(...items);
}

export function fillScale(p, scene, summary, table, unit) {
  const context = p.bar.getContext("2d"),
    last = table.length / 3 - 1;
  for (let i = 0; i <= last; i++) {
    const rgb = scene.channels === 3 ? Array(3).fill((255 * i) / last) : table.subarray(3 * i, 3 * i + 3);
    context.fillStyle = `rgb(${rgb.join(" ")})`;
    context.fillRect(i, 0, 1, 1);
  }
  const { marks, exponent } = ticks(scene.low, scene.high);
  p.marks.replaceChildren(
    ...marks.map(({ at, text, zero }) => {
      const mark = h("span", { textContent: text, className: zero && scene.signed ? "cnnviz-zero" : "" });
      mark.style.left = `${100 * at}%`;
      return mark;
    }),
  );
  p.below.classList.toggle("cnnviz-on", summary.min < scene.low);
  p.above.classList.toggle("cnnviz-on", summary.max > scene.high);
  p.unit.textContent = [
    exponent ? power(exponent) : "",
    unit,
    scene.channels === 3 ? "(red, green and blue alike)" : "",
  ]
    .filter(Boolean)
    .join(" ");
}
