// A list to pick from: search as you type, arrow keys to walk, a bar for a value. Classes and layers are both this.

import { floats } from "./drawing.js";
import { clamp, percent } from "./numbers.js";
import { h, keepInSight, keepKeys, Lifetime, newId } from "./page.js";

const AT_MOST = 200; // rows drawn at first; scrolling to an end draws as many more
const SHORT = 6; // rows that are seen at once, and need no search
const NEAR_END = 40; // px from an end of the list
const STEPS = { ArrowDown: 1, ArrowUp: -1, PageDown: 8, PageUp: -8, Home: -1e9, End: 1e9 };
const DRAWN = ["details", "hints", "values", "by_value", "label", "none_name", "placeholder", "height"];

function buildPage(id) {
  const search = h("input", { className: "cnnviz-pick-search", type: "search", id: `${id}-search` });
  const p = {
    search,
    label: h("label", { className: "cnnviz-pick-label", htmlFor: search.id }),
    list: h("ul", { className: "cnnviz-pick-list", tabIndex: 0, role: "listbox" }),
    rest: h("div", { className: "cnnviz-pick-rest" }),
  };
  p.root = h("div", { className: "cnnviz-pick" }, p.label, p.search, p.list, p.rest);
  keepKeys(p.root);
  return p;
}

/** The indices of the rows whose name or hint has all the words of a search, in the order in which they stand; -1 is none. */
export function matching(get, text) {
  const names = get("names"),
    hints = get("hints"),
    words = text.toLowerCase().split(/\s+/).filter(Boolean);
  const fits = (i) => words.every((word) => `${names[i]} ${hints[i] ?? ""}`.toLowerCase().includes(word));
  const found = names.map((_, i) => i).filter(fits);
  const values = get("by_value") ? floats(get("values")) : [];
  if (values.length) found.sort((a, b) => values[b] - values[a]);
  return get("none_name") && !words.length ? [-1, ...found] : found;
}

/** The rows that are drawn: the first ones, or those around the chosen one; and more of them in front and behind. */
export function drawn(all, selected, more = { before: 0, behind: 0 }) {
  const chosen = all.indexOf(selected),
    start = chosen >= AT_MOST ? chosen - AT_MOST / 2 : 0;
  return all.slice(Math.max(0, start - more.before), start + AT_MOST + more.behind);
}

function render({ model, el }) {
  const life = new Lifetime(),
    get = (name) => model.get(name),
    id = newId(),
    p = buildPage(id);
  el.append(p.root);
  let rows = [], // indices in the order in which they stand
    all = [],
    anchor = get("selected"), // the rows are those around it
    more = { before: 0, behind: 0 };

  function drawRow(index, values) {
    const isNone = index < 0,
      name = isNone ? get("none_name") : get("names")[index];
    const detail = isNone ? "" : (get("details")[index] ?? ""),
      hint = isNone ? "" : get("hints")[index];
    const words = [
      h("span", { className: "cnnviz-pick-name", textContent: name }),
      h("span", { className: "cnnviz-pick-detail", textContent: detail }),
    ];
    if (!isNone && index < values.length) {
      const bar = h("span", { className: "cnnviz-pick-bar" });
      bar.style.width = `${100 * clamp(values[index], 0, 1)}%`;
      words.push(h("span", { className: "cnnviz-pick-value", textContent: percent(values[index]) }), bar);
    }
    const title = [name, hint].filter(Boolean).join(" · ");
    const row = h(
      "li",
      { className: "cnnviz-pick-row", role: "option", id: `${id}-${index}`, title, "data-index": index },
      ...words,
    );
    row.onclick = () => pick(index);
    return row;
  }

  function draw(inSight = true) {
    const scrolled = p.list.scrollTop,
      values = floats(get("values"));
    all = matching(get, p.search.value);
    rows = drawn(all, anchor, more);
    p.label.textContent = get("label");
    p.search.placeholder = get("placeholder");
    p.search.style.display = get("names").length > SHORT ? "" : "none";
    p.list.setAttribute("aria-label", get("label"));
    p.list.style.maxHeight = `${get("height")}px`;
    p.list.replaceChildren(...rows.map((index) => drawRow(index, values)));
    p.list.scrollTop = scrolled;
    mark(inSight);
  }

  /** Draw again, with the rows around the chosen one. */
  function begin() {
    anchor = get("selected");
    more = { before: 0, behind: 0 };
    draw();
  }

  function belowList() {
    if (!all.length) return "Nothing by that name.";
    const hidden = all.length - rows.length;
    return hidden ? `${hidden} more: scroll, or type to search` : (get("hints")[get("selected")] ?? "");
  }

  function mark(inSight = true) {
    p.rest.textContent = belowList();
    for (const row of p.list.children) {
      const chosen = Number(row.dataset.index) === get("selected");
      row.setAttribute("aria-selected", chosen);
      if (!chosen) continue;
      p.list.setAttribute("aria-activedescendant", row.id);
      if (!inSight) continue;
      const top = row.offsetTop - p.list.offsetTop;
      keepInSight(p.list, top, top + row.offsetHeight);
    }
  }

  function pick(index) {
    model.set("selected", index);
    model.save_changes();
  }

  function walk(steps) {
    if (!rows.length) return;
    const here = rows.indexOf(get("selected"));
    pick(rows[clamp(here < 0 ? 0 : here + steps, 0, rows.length - 1)]);
  }

  /** Draw more rows where the list was scrolled to an end, those in sight staying where they are. */
  function drawMore() {
    const { scrollTop, scrollHeight, clientHeight } = p.list;
    if (scrollTop + clientHeight > scrollHeight - NEAR_END && rows.at(-1) !== all.at(-1)) {
      more.behind += AT_MOST;
      draw(false);
    } else if (scrollTop < NEAR_END && rows[0] !== all[0]) {
      more.before += AT_MOST;
      draw(false);
      p.list.scrollTop = scrollTop + p.list.scrollHeight - scrollHeight;
    }
  }

  p.list.onscroll = drawMore;
  p.list.onkeydown = (event) => {
    if (!(event.key in STEPS)) return;
    event.preventDefault();
    walk(STEPS[event.key]);
  };
  p.search.oninput = () => {
    p.list.scrollTop = 0;
    begin();
  };
  p.search.onkeydown = (event) => {
    if (event.key === "ArrowDown") p.list.focus();
    else if (event.key === "Enter" && p.search.value && rows.length) pick(rows[0]);
    else if (event.key === "Escape") p.search.value = "";
    else return;
    event.preventDefault();
    if (event.key !== "ArrowDown") p.search.value = "";
    begin();
  };

  const drawSoon = life.inNextFrame(draw), // several traits change at once
    beginSoon = life.inNextFrame(begin);
  life.on(model, DRAWN.map((name) => `change:${name}`).join(" "), drawSoon);
  life.on(model, "change:names", () => {
    p.search.value = ""; // of other names
    beginSoon();
  });
  life.on(model, "change:selected", () => (rows.includes(get("selected")) ? mark() : beginSoon()));
  draw();
  return () => life.end();
}

export default { render };
