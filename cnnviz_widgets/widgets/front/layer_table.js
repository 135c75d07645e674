// The layers of a network: a table whose rows open and close (ARIA's treegrid), with bars for shares and a search.

import { clamp } from "./numbers.js";
import { h, keepInSight, keepKeys, Lifetime, newId } from "./page.js";

const COLUMNS = [
  ["name", "Layer", "Its name and its Keras class. Click a row, or press Enter, to pick the layer."],
  [
    "output",
    "Output",
    "What the layer gives for one image: rows × columns × channels. “?” depends on the image's size.",
  ],
  [
    "window",
    "Window",
    "How many cells of its input a convolution or pooling looks at for one cell of its output; by how many cells it steps; how the border is padded.",
  ],
  [
    "sees",
    "Cell sees",
    "Receptive field: the part of the image that one cell of the output can depend on at all, and how far apart in the image neighbouring cells look. It grows with depth; beyond the image's border there is only padding.",
  ],
  [
    "parameters",
    "Parameters",
    "Numbers that were learned. The bar compares the rows that are shown: full colour is trainable, pale is not.",
  ],
  [
    "cost",
    "Mult.-adds",
    "Multiply-adds for one image: how often a number is multiplied by a weight and added. A measure of the time that a layer takes. The bar compares the rows that are shown.",
  ],
];

const two = ([first, second]) => [h("span", {}, first), h("small", {}, second)];

/** A number with a bar below it, in one or two parts. */
function measured(name, text, tip, parts) {
  const bar = h(
    "span",
    { className: text ? "cnnviz-share" : "" },
    ...parts.map((_, number) => h("i", { className: `cnnviz-part${number}` })),
  );
  return h(
    "td",
    { className: `cnnviz-col-${name} cnnviz-number`, role: "gridcell", title: tip },
    h("span", {}, text),
    bar,
  );
}

function makeRow(data, id) {
  const name = h("td", { className: "cnnviz-col-name", role: "gridcell", title: data.path });
  name.style.paddingLeft = `${6 + 14 * (data.level - 1)}px`;
  const mark = h("span", { className: data.group ? "cnnviz-twisty" : "cnnviz-swatch" });
  const breaking = data.name.split(/(?<=_)/).flatMap((word, number) => (number ? [h("wbr"), word] : [word]));
  name.append(
    h(
      "div",
      { className: "cnnviz-cell" },
      mark,
      h("div", { className: "cnnviz-words" }, h("span", {}, ...breaking), h("small", {}, data.kind)),
    ),
  );
  const row = h(
    "tr",
    { role: "row", id, "aria-level": data.level, className: `cnnviz-${data.family}`, tabIndex: -1 },
    name,
    h("td", { className: "cnnviz-col-output", role: "gridcell" }, data.output),
    h("td", { className: "cnnviz-col-window", role: "gridcell" }, ...two(data.window)),
    h("td", { className: "cnnviz-col-sees", role: "gridcell" }, ...two(data.sees)),
    measured("parameters", data.parameters, data.parameters_tip, [data.trainable, data.fixed]),
    measured("cost", data.cost, data.cost_tip, [data.cost_share]),
  );
  row.words = `${data.path} ${data.name} ${data.kind} ${data.output} ${data.window.join(" ")}`.toLowerCase();
  return row;
}

function buildPage() {
  const search = h("input", {
    type: "search",
    placeholder: "search layers: a name, a kind, 3×3 …",
    "aria-label": "Search layers",
  });
  const heads = COLUMNS.map(([name, text, tip]) =>
    h("th", { className: `cnnviz-col-${name}`, role: "columnheader", scope: "col", title: tip }, text),
  );
  const head = h("thead", { role: "rowgroup" }, h("tr", { role: "row" }, ...heads));
  const body = h("tbody", { role: "rowgroup" }),
    foot = h("tfoot", { role: "rowgroup" });
  const table = h("table", { role: "treegrid", "aria-label": "Layers of the network" }, head, body, foot);
  const frame = h("div", { className: "cnnviz-table-frame" }, table),
    found = h("div", { className: "cnnviz-table-found", role: "status" });
  const root = h("div", { className: "cnnviz-table" }, search, frame, found);
  keepKeys(root);
  return { root, search, head, body, foot, frame, found };
}

/** The words of a search; the sizes in the rows have a multiplication sign. */
const wordsOf = (text) =>
  text
    .toLowerCase()
    .replaceAll(/(\d)x(?=\d)/g, "$1×")
    .split(/\s+/)
    .filter(Boolean);

/** The rows that have all the words, and the groups that they stand in. */
export function matching(rows, words) {
  const wanted = new Set();
  for (const row of rows) {
    if (words.every((word) => row.words.includes(word))) for (let one = row; one; one = one.parent) wanted.add(one);
  }
  return wanted;
}

function render({ model, el }) {
  const life = new Lifetime(),
    p = buildPage(),
    id = newId();
  el.append(p.root);
  let rows = []; // elements with .data, .parent (an element or null) and .open
  let focused = null;

  function build() {
    const above = [];
    rows = model.get("rows").map((data, number) => {
      const row = makeRow(data, `${id}-${number}`);
      above.length = data.level - 1;
      Object.assign(row, { data, parent: above.at(-1) ?? null, open: false });
      above.push(row);
      return row;
    });
    const groups = rows.filter((row) => row.data.group);
    for (const row of groups) row.open = groups.length === 1 && rows.length <= 30;
    p.body.replaceChildren(...rows);
    fillFoot();
    focused = null;
    p.search.value = "";
    mark(true);
    show();
  }

  function fillFoot() {
    const total = model.get("total");
    const words = { name: total.layers, parameters: total.parameters, cost: total.cost };
    const cells = COLUMNS.map(([name]) => {
      const isNumber = name === "parameters" || name === "cost";
      const className = `cnnviz-col-${name}${isNumber ? " cnnviz-number" : ""}`;
      return h("td", { className, role: "gridcell" }, words[name] ?? "");
    });
    p.foot.replaceChildren(...(total.layers ? [h("tr", { role: "row" }, ...cells)] : []));
  }

  /** Hide what is inside of closed groups, or not found; draw the bars to the largest that is shown. */
  function show() {
    const words = wordsOf(p.search.value),
      wanted = matching(rows, words);
    for (const row of rows) {
      row.hidden = words.length ? !wanted.has(row) : Boolean(row.parent && (row.parent.hidden || !row.parent.open));
      row.shut = row.data.group && !row.open && !words.length;
      if (row.data.group) row.setAttribute("aria-expanded", !row.shut);
    }
    const shown = rows.filter((row) => !row.hidden && (!row.data.group || row.shut));
    const largest = (of) => Math.max(1e-12, ...shown.map(of));
    const most = largest(({ data }) => data.trainable + data.fixed),
      dearest = largest(({ data }) => data.cost_share);
    for (const row of rows) {
      const sized = row.data.group && !row.shut ? 0 : 100; // an open group's bar is in its rows
      const [trainable, fixed] = row.querySelectorAll(".cnnviz-col-parameters i"),
        [cost] = row.querySelectorAll(".cnnviz-col-cost i");
      trainable.style.width = `${(sized * row.data.trainable) / most}%`;
      fixed.style.width = `${(sized * row.data.fixed) / most}%`;
      row.classList.toggle("cnnviz-spread", sized === 0);
      cost.style.width = `${(sized * row.data.cost_share) / dearest}%`;
    }
    const count = rows.filter((row) => !row.hidden && !row.data.group).length;
    p.found.textContent = words.length
      ? count
        ? `${count} of ${model.get("total").layers}`
        : "No layer by that name."
      : (model.get("total").trained ?? "");
    reach();
  }

  /** One row is in the page's tab order. */
  function reach() {
    if (!focused || focused.hidden)
      focused =
        rows.find((row) => row.getAttribute("aria-selected") === "true" && !row.hidden) ??
        rows.find((row) => !row.hidden) ??
        null;
    for (const row of rows) row.tabIndex = row === focused ? 0 : -1;
  }

  function mark(reveal) {
    for (const row of rows) {
      const chosen = row.data.path === model.get("selected") && row.data.layer;
      row.setAttribute("aria-selected", chosen);
      if (!chosen || !reveal) continue;
      for (let one = row.parent; one; one = one.parent) one.open = true;
      show();
      scrollTo(row);
    }
  }

  /** Scroll to a row: between head and foot, which lie over the rows. */
  function scrollTo(row) {
    keepInSight(p.frame, row.offsetTop - p.head.offsetHeight, row.offsetTop + row.offsetHeight + p.foot.offsetHeight);
  }

  function pick(row) {
    if (!row.data.layer) return toggle(row);
    model.set("selected", row.data.path);
    model.save_changes();
  }

  function toggle(row, open = !row.open) {
    if (!row.data.group || p.search.value) return;
    row.open = open;
    show();
  }

  function focus(row) {
    if (!row) return;
    focused = row;
    reach();
    row.focus({ preventScroll: true });
    scrollTo(row);
  }

  function walk(steps) {
    const seen = rows.filter((row) => !row.hidden);
    focus(seen[clamp(seen.indexOf(focused) + steps, 0, seen.length - 1)]);
  }

  const KEYS = {
    ArrowDown: () => walk(1),
    ArrowUp: () => walk(-1),
    PageDown: () => walk(8),
    PageUp: () => walk(-8),
    Home: () => walk(-1e9),
    End: () => walk(1e9),
    ArrowRight: () => (focused.shut ? toggle(focused, true) : focused.data.group && walk(1)),
    ArrowLeft: () => (focused.data.group && !focused.shut ? toggle(focused, false) : focus(focused.parent)),
    Enter: () => pick(focused),
    " ": () => pick(focused),
  };
  p.body.onkeydown = (event) => {
    if (!(event.key in KEYS) || !focused || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    KEYS[event.key]();
  };
  p.body.onfocusin = (event) => {
    focused = event.target.closest("tr") ?? focused;
    reach();
  };
  p.body.onclick = (event) => {
    const row = event.target.closest("tr");
    if (!row) return;
    if (event.target.classList.contains("cnnviz-twisty")) toggle(row);
    else pick(row);
  };
  p.body.ondblclick = (event) => {
    const row = event.target.closest("tr");
    if (row?.data.layer && !event.target.classList.contains("cnnviz-twisty")) toggle(row);
  };
  p.search.oninput = show;
  p.search.onkeydown = (event) => {
    if (event.key === "ArrowDown") focus(rows.find((row) => !row.hidden && !row.data.group));
    else if (event.key === "Enter" && p.search.value)
      rows
        .filter((row) => !row.hidden && !row.data.group)
        .slice(0, 1)
        .forEach(pick);
    else if (event.key === "Escape") {
      p.search.value = "";
      show();
    } else return;
    event.preventDefault();
  };

  life.on(model, "change:rows change:total", life.inNextFrame(build));
  life.on(model, "change:selected", () => mark(true));
  build();
  return () => life.end();
}

export default { render };
