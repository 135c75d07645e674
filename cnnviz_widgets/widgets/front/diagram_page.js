// The diagram's elements: the tools around the window, and boxes, lines and groups in it.

import { button, h, keepKeys, segments, svg } from "./page.js";

const FAMILIES = {
  conv: "convolution",
  norm: "normalisation",
  activation: "activation",
  pooling: "pooling",
  dense: "dense",
  merge: "merge",
  group: "group of layers",
  other: "other",
};

export function buildPage() {
  const p = {
    out: button("−", "Zoom out (−)", { "aria-label": "Zoom out" }),
    fit: button("Fit", "Show the whole diagram (0)"),
    in: button("+", "Zoom in (+)", { "aria-label": "Zoom in" }),
    open: button("Open all", "Show what is inside of every group"),
    close: button("Close all", "Show groups as one box each"),
    full: button("Full screen", "Use the whole screen; Escape leaves it"),
    svg: button("SVG", "Save the diagram as a drawing (SVG)", { "aria-label": "Save as SVG" }),
    png: button("PNG", "Save the diagram as a picture (PNG)", { "aria-label": "Save as PNG" }),
    world: svg("g"),
    hint: h("div", { className: "cnnviz-diagram-hint", "aria-live": "polite" }),
    help: h("div", {
      className: "cnnviz-diagram-help",
      textContent:
        "Drag to move. Ctrl + wheel zooms; after a click into the diagram the wheel alone does. Double click opens a group.",
    }),
    legend: h("ul", { className: "cnnviz-diagram-legend", "aria-label": "Colours" }),
  };
  p.picture = svg("svg", { "aria-hidden": "true" }, p.world);
  p.window = h(
    "div",
    {
      className: "cnnviz-diagram-window",
      tabIndex: 0,
      role: "application",
      "aria-label": "Diagram of the network",
      "aria-description": "Arrow keys walk, Enter picks a layer or opens a group, plus and minus zoom, 0 shows all.",
    },
    p.picture,
  );
  p.groups = segments("Groups", p.open, p.close);
  const tools = [segments("Zoom", p.out, p.fit, p.in), p.groups, p.full, segments("Save", p.svg, p.png)];
  p.root = h(
    "div",
    { className: "cnnviz-diagram" },
    h("div", { className: "cnnviz-diagram-tools" }, ...tools),
    p.window,
    p.hint,
    p.legend,
    p.help,
  );
  keepKeys(p.root);
  return p;
}

export function drawEdge(edge) {
  const [[x0, y0], ...rest] = edge.points;
  let d = `M${x0} ${y0}`,
    [x, y] = [x0, y0],
    down = 1;
  for (const [nx, ny] of rest) {
    if (ny !== y) down = Math.sign(ny - y);
    d += Math.abs(nx - x) < 0.5 ? `L${nx} ${ny}` : `C${x} ${(y + ny) / 2} ${nx} ${(y + ny) / 2} ${nx} ${ny}`;
    [x, y] = [nx, ny];
  }
  const line = svg("g", { class: "cnnviz-edge" }, svg("path", { d, class: "cnnviz-line" }));
  if (edge.arrow)
    line.append(
      svg("path", { d: `M${x - 4} ${y - 7 * down}L${x} ${y}L${x + 4} ${y - 7 * down}Z`, class: "cnnviz-tip" }),
    );
  line.ends = [edge.from, edge.to];
  return line;
}

function knob(x, y, sign) {
  const path = sign === "+" ? "M-4 0H4M0 -4V4" : "M-4 0H4";
  return svg(
    "g",
    { class: "cnnviz-knob", transform: `translate(${x} ${y})` },
    svg("circle", { r: 8.5 }),
    svg("path", { d: path }),
  );
}

export function drawBox(box) {
  const title = svg("text", { x: box.x + 12, y: box.y + 18, class: "cnnviz-name" });
  title.textContent = box.title;
  const frame = svg("rect", {
    x: box.x,
    y: box.y,
    width: box.width,
    height: box.height,
    rx: 8,
    class: `cnnviz-enclosure cnnviz-level${box.level % 2}`,
  });
  const node = svg(
    "g",
    { class: "cnnviz-node cnnviz-open" },
    frame,
    title,
    knob(box.x + box.width - 16, box.y + 14, "−"),
  );
  return named(node, box);
}

export function drawNode(item) {
  const { x, y, width, height } = item,
    shape = { x, y, width, height, rx: 4 };
  const node = svg("g", { class: `cnnviz-node cnnviz-${item.family}` });
  if (item.group)
    for (const by of [6, 3])
      node.append(
        svg("rect", { ...shape, x: x + by, y: y + by, class: "cnnviz-paper" }),
        svg("rect", { ...shape, x: x + by, y: y + by, class: "cnnviz-tint" }),
      );
  node.append(
    svg("rect", { ...shape, class: "cnnviz-paper" }),
    svg("rect", { ...shape, class: "cnnviz-tint" }),
    svg("rect", { x, y, width: 5, height, rx: 2, class: "cnnviz-stripe" }),
  );
  const strip = height < 30;
  const name = svg("text", { x: x + 12, y: strip ? y + height / 2 + 4 : y + 17, class: "cnnviz-name" });
  const detail = svg(
    "text",
    strip
      ? { x: x + width - 8, y: y + height / 2 + 4, class: "cnnviz-detail", "text-anchor": "end" }
      : { x: x + 12, y: y + 33, class: "cnnviz-detail" },
  );
  name.textContent = item.title;
  detail.textContent = item.detail;
  if (strip) name.classList.add("cnnviz-light");
  node.append(name, detail);
  if (item.group) node.append(knob(x + width - 15, y + 15, "+"));
  node.append(svg("rect", { ...shape, class: "cnnviz-ring" }));
  return named(node, item);
}

/** Fonts differ in width: what is longer than its room is squeezed into it. */
export function squeeze(node) {
  const { item } = node,
    [name, detail] = node.querySelectorAll("text"),
    strip = item.height < 30;
  const beside = strip ? detail.getComputedTextLength() + 6 : item.group ? 16 : 0;
  for (const [text, room] of [
    [detail, item.width - 20],
    [name, item.width - 18 - beside],
  ]) {
    if (text.getComputedTextLength() > room)
      for (const [key, value] of [
        ["textLength", room],
        ["lengthAdjust", "spacingAndGlyphs"],
      ])
        text.setAttribute(key, value);
  }
}

function named(node, item) {
  const title = svg("title");
  title.textContent = item.hint;
  node.append(title);
  node.item = item;
  return node;
}

export function fillLegend(list, nodes) {
  const seen = new Set(nodes.map((node) => node.family));
  list.replaceChildren(
    ...Object.keys(FAMILIES)
      .filter((family) => seen.has(family))
      .map((family) => h("li", { className: `cnnviz-${family}` }, h("i"), FAMILIES[family])),
  );
}
