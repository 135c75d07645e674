// Small grids of numbers in the colours of their sign, with signs and words between them: patch × kernel = sum.

const PLAIN = 7; // cells a side up to which each cell shows its number; beyond, its colour and its tooltip

const make = (tag, className, parent, text) => {
  const node = document.createElement(tag);
  node.className = className;
  if (text !== undefined) node.textContent = text;
  parent?.append(node);
  return node;
};

/** A few digits, the way one would write them. */
function format(value, digits = 3) {
  if (value === null || !Number.isFinite(value)) return "–";
  if (value === 0) return "0";
  const size = Math.abs(value);
  const text = size < 0.001 || size >= 1e5 ? value.toExponential(1) : String(Number(value.toPrecision(digits)));
  return text.replace("-", "−").replace("e-", "e−");
}

/** Red above zero and blue below, the stronger the nearer to `limit`; as the maps are coloured. */
function shade(value, limit) {
  const share = limit > 0 ? Math.min(Math.abs(value) / limit, 1) : 0;
  return `rgb(${value < 0 ? "67 147 195" : "214 96 77"} / ${Math.round(80 * share)}%)`;
}

function grid(part, parent) {
  const box = make("figure", "cnnviz-numbers-grid", parent);
  const table = make("table", "", box), rows = part.rows;
  const digits = rows[0].length > 3 ? 2 : part.digits, small = Math.max(rows.length, rows[0].length) > PLAIN;
  table.classList.toggle("cnnviz-numbers-small", small);
  const caption = make("caption", "", table, part.title ?? "");
  caption.title = part.title ?? "";
  if (part.names) {
    const head = make("tr", "", make("thead", "", table));
    for (const name of part.names) make("th", "", head, name).scope = "col";
  }
  const body = make("tbody", "", table);
  rows.forEach((row, y) => {
    const line = make("tr", "", body);
    row.forEach((value, x) => {
      const outside = part.outside?.[y]?.[x], cell = make("td", outside ? "cnnviz-numbers-outside" : "", line, small ? "" : format(value, digits));
      cell.title = outside ? "padding: 0" : String(value);
      if (!outside && value !== null) cell.style.backgroundColor = shade(value, part.limit);
    });
  });
}

const PARTS = {
  grid,
  sign: (part, parent) => make("span", "cnnviz-numbers-sign", parent, part.text),
  number(part, parent) {
    const box = make("span", part.strong ? "cnnviz-numbers-number cnnviz-numbers-strong" : "cnnviz-numbers-number", parent);
    make("span", "cnnviz-numbers-value", box, format(part.value)).title = String(part.value);
    make("span", "cnnviz-numbers-title", box, part.title ?? "");
  },
  text: (part, parent) => make("span", "cnnviz-numbers-text", parent, part.text),
};

function render({ model, el }) {
  const root = make("div", "cnnviz-numbers", el);
  function draw() {
    root.replaceChildren();
    for (const line of model.get("lines")) {
      const row = make("div", "cnnviz-numbers-line", root);
      for (const part of line) PARTS[part.kind]?.(part, row);
    }
    root.hidden = !model.get("lines").length;
  }
  model.on("change:lines", draw);
  draw();
  return () => model.off("change:lines", draw);
}

export default { render };
