// Small grids of numbers in the colours of their sign, with signs and words between them: patch × kernel = sum.

import { number } from "./numbers.js";
import { h, Lifetime } from "./page.js";

const PLAIN = 7; // cells a side up to which each cell shows its number; beyond, its colour and its tooltip

const inWords = (value, digits) => (value === null ? "–" : number(value, digits)); // JSON has no infinity

/** Red above zero and blue below, the stronger the nearer to `limit`; as the maps are coloured. */
function shade(value, limit) {
  const share = limit > 0 ? Math.min(Math.abs(value) / limit, 1) : 0;
  return `rgb(${value < 0 ? "67 147 195" : "214 96 77"} / ${Math.round(80 * share)}%)`;
}

function cell(value, isOutside, text, limit) {
  const node = h("td", {
    className: isOutside ? "cnnviz-numbers-outside" : "",
    textContent: text,
    title: isOutside ? "padding: 0" : String(value),
  });
  if (!isOutside && value !== null) node.style.backgroundColor = shade(value, limit);
  return node;
}

function grid({ rows, title = "", names, outside, digits, limit }) {
  const longest = Math.max(rows.length, rows[0].length),
    small = longest > PLAIN;
  const shown = (value) => (small ? "" : inWords(value, rows[0].length > 3 ? 2 : digits));
  const line = (row, y) => h("tr", {}, ...row.map((value, x) => cell(value, outside?.[y]?.[x], shown(value), limit)));
  const head =
    names && h("thead", {}, h("tr", {}, ...names.map((name) => h("th", { textContent: name, scope: "col" }))));
  const parts = [
    h("caption", { textContent: title, title }),
    ...(head ? [head] : []),
    h("tbody", {}, ...rows.map(line)),
  ];
  const table = h("table", { className: small ? "cnnviz-numbers-small" : "" }, ...parts);
  return h("figure", { className: "cnnviz-numbers-grid" }, table);
}

const PARTS = {
  grid,
  sign: ({ text }) => h("span", { className: "cnnviz-numbers-sign", textContent: text }),
  number: ({ value, title = "", strong }) => {
    const shown = h("span", { className: "cnnviz-numbers-value", textContent: inWords(value), title: String(value) });
    const below = h("span", { className: "cnnviz-numbers-title", textContent: title });
    return h("span", { className: `cnnviz-numbers-number${strong ? " cnnviz-numbers-strong" : ""}` }, shown, below);
  },
  text: ({ text }) => h("span", { className: "cnnviz-numbers-text", textContent: text }),
};

const drawLine = (parts) =>
  h("div", { className: "cnnviz-numbers-line" }, ...parts.map((part) => PARTS[part.kind](part)));

function render({ model, el }) {
  const life = new Lifetime(),
    root = h("div", { className: "cnnviz-numbers" });
  el.append(root);
  function draw() {
    root.replaceChildren(...model.get("lines").map(drawLine));
    root.hidden = !model.get("lines").length;
  }
  life.on(model, "change:lines", draw);
  draw();
  return () => life.end();
}

export default { render };
