// The occluder's elements, and its bars.

import { number, percent } from "./numbers.js";
import { h, keepKeys } from "./page.js";

const HANDLES = ["nw", "n", "ne", "e", "se", "s", "sw", "w"];

export function buildPage() {
  const p = {
    picture: h("canvas", { className: "cnnviz-occluder-picture", role: "img", "aria-label": "The image" }),
    window: h("div", { className: "cnnviz-occluder-window" }),
    rectangle: h("div", {
      className: "cnnviz-occluder-rectangle",
      tabIndex: 0,
      role: "group",
      "aria-roledescription": "rectangle",
      title: "Drag to move, pull a handle to resize. Arrow keys move, with Shift they resize, Escape removes.",
      "aria-description": "Arrow keys move it, with Shift they resize it, Escape removes it.",
    }),
    place: h("div", { className: "cnnviz-occluder-place" }),
    fill: h("select", { "aria-label": "Fill", title: "What shows in the rectangle instead of the image" }),
    toggle: h("button", { type: "button" }),
    verdict: h("div", { className: "cnnviz-occluder-verdict" }),
    bars: h("ul", { className: "cnnviz-occluder-bars", "aria-label": "Probabilities" }),
    key: h(
      "div",
      { className: "cnnviz-occluder-key" },
      h("i", {}),
      " now ",
      h("i", { className: "cnnviz-occluder-tick" }),
      " with nothing covered",
    ),
    caption: h("div", { className: "cnnviz-occluder-caption" }),
    spoken: h("div", { className: "cnnviz-occluder-spoken", role: "status" }),
  };
  for (const name of HANDLES)
    p.rectangle.append(h("div", { className: `cnnviz-occluder-handle cnnviz-${name}`, "data-edges": name }));
  p.frame = h("div", { className: "cnnviz-occluder-frame" }, p.picture, p.window, p.rectangle);
  const fill = h("label", {}, "fill ", p.fill);
  p.root = h(
    "div",
    { className: "cnnviz-occluder" },
    p.frame,
    p.place,
    h("div", { className: "cnnviz-occluder-row" }, fill, p.toggle),
    p.caption,
    p.verdict,
    p.bars,
    p.key,
    p.spoken,
  );
  keepKeys(p.root);
  return p;
}

/** A class with its share; or a quantity with its value, which has no length that a bar could show. */
export function drawBar({ name, clean, now, target, top }, quantity) {
  const said = quantity ? (value) => number(value, 4) : percent;
  const changed = said(clean) !== said(now);
  const value = h(
    "span",
    { className: "cnnviz-occluder-value" },
    ...(changed ? [h("span", { textContent: `${said(clean)} → ` })] : []),
    h("b", { textContent: said(now) }),
  );
  const bar = h("span", { className: "cnnviz-occluder-bar" }),
    tick = h("span", { className: "cnnviz-occluder-tick" });
  bar.style.width = `${100 * now}%`;
  tick.style.left = `${100 * clean}%`;
  const label = h("span", { className: "cnnviz-occluder-name", textContent: name, title: name });
  const words = target ? [label, h("small", { textContent: "target", title: "What is being explained" })] : [label];
  return h(
    "li",
    { className: top ? "cnnviz-occluder-top" : "" },
    ...words,
    value,
    ...(quantity ? [] : [h("span", { className: "cnnviz-occluder-track" }, bar, tick)]),
  );
}
