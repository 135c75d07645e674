// A list to pick from: search as you type, arrow keys to walk, a bar for a value. Classes and layers are both this.

const AT_MOST = 200; // rows drawn at a time; the search finds the others

const make = (tag, className, parent) => {
  const element = document.createElement(tag);
  element.className = className;
  parent?.append(element);
  return element;
};

function floats(view) {
  const bytes = new Uint8Array(view.buffer, view.byteOffset, view.byteLength);
  return new Float32Array(bytes.slice().buffer); // a copy is aligned, the message need not be
}

function percent(value) {
  if (value >= 0.9995 && value < 1) return ">99.9 %";
  return value >= 0.0005 ? `${(100 * value).toFixed(1)} %` : "<0.1 %";
}

function render({ model, el }) {
  const root = make("div", "cnnviz-pick", el);
  root.setAttribute("data-lm-suppress-shortcuts", "true");
  root.addEventListener("keydown", (event) => event.stopPropagation());
  const label = make("label", "cnnviz-pick-label", root);
  const search = make("input", "cnnviz-pick-search", root);
  const list = make("ul", "cnnviz-pick-list", root);
  const rest = make("div", "cnnviz-pick-rest", root);
  const id = `cnnviz-${Math.random().toString(36).slice(2)}`;
  search.type = "search";
  search.id = `${id}-search`;
  label.htmlFor = search.id;
  list.tabIndex = 0;
  list.setAttribute("role", "listbox");

  let rows = []; // indices in the order in which they stand

  function matching() {
    const names = model.get("names");
    const words = search.value.toLowerCase().split(/\s+/).filter(Boolean);
    const hints = model.get("hints");
    const fits = (i) => words.every((w) => `${names[i]} ${hints[i] ?? ""}`.toLowerCase().includes(w));
    const found = names.map((_, i) => i).filter(fits);
    const values = model.get("by_value") ? floats(model.get("values")) : [];
    if (values.length) found.sort((a, b) => values[b] - values[a]);
    return model.get("none_name") && !words.length ? [-1, ...found] : found;
  }

  const count = () => model.get("names").length + (model.get("none_name") ? 1 : 0);

  function drawRow(index, values) {
    const row = make("li", "cnnviz-pick-row", list);
    row.setAttribute("role", "option");
    row.id = `${id}-${index}`;
    row.dataset.index = index;
    const name = index < 0 ? model.get("none_name") : model.get("names")[index];
    const detail = index < 0 ? "" : model.get("details")[index] ?? "";
    make("span", "cnnviz-pick-name", row).textContent = name;
    make("span", "cnnviz-pick-detail", row).textContent = detail;
    row.title = [name, index < 0 ? "" : model.get("hints")[index]].filter(Boolean).join(" · ");
    if (index >= 0 && index < values.length) {
      make("span", "cnnviz-pick-value", row).textContent = percent(values[index]);
      make("span", "cnnviz-pick-bar", row).style.width = `${100 * Math.max(0, Math.min(1, values[index]))}%`;
    }
    row.onclick = () => pick(index);
  }

  function draw() {
    const scrolled = list.scrollTop, values = floats(model.get("values"));
    const all = matching(), chosen = all.indexOf(model.get("selected"));
    // Draw around the chosen one when it lies beyond the rows that we draw.
    const start = chosen >= AT_MOST ? chosen - AT_MOST / 2 : 0;
    rows = all.slice(start, start + AT_MOST);
    label.textContent = model.get("label");
    search.placeholder = model.get("placeholder");
    list.setAttribute("aria-label", model.get("label"));
    list.style.maxHeight = `${model.get("height")}px`;
    list.replaceChildren();
    rows.forEach((index) => drawRow(index, values));
    rest.textContent = all.length ? belowList(all.length - rows.length) : "Nothing by that name.";
    list.scrollTop = scrolled;
    mark();
  }

  function belowList(hidden) {
    return hidden ? `${hidden} more: type to search` : model.get("hints")[model.get("selected")] ?? "";
  }

  function mark() {
    if (rows.length === count()) rest.textContent = belowList(0);
    for (const row of list.children) {
      const chosen = Number(row.dataset.index) === model.get("selected");
      row.setAttribute("aria-selected", chosen);
      if (chosen) {
        list.setAttribute("aria-activedescendant", row.id);
        keepInSight(row);
      }
    }
  }

  function keepInSight(row) {
    // Not scrollIntoView: it would scroll the page as well.
    const top = row.offsetTop - list.offsetTop, bottom = top + row.offsetHeight;
    if (top < list.scrollTop) list.scrollTop = top;
    if (bottom > list.scrollTop + list.clientHeight) list.scrollTop = bottom - list.clientHeight;
  }

  function pick(index) {
    model.set("selected", index);
    model.save_changes();
  }

  function walk(steps) {
    if (!rows.length) return;
    const here = rows.indexOf(model.get("selected"));
    pick(rows[Math.max(0, Math.min(rows.length - 1, here < 0 ? 0 : here + steps))]);
  }

  const STEPS = { ArrowDown: 1, ArrowUp: -1, PageDown: 8, PageUp: -8, Home: -1e9, End: 1e9 };
  list.onkeydown = (event) => {
    if (!(event.key in STEPS)) return;
    event.preventDefault();
    walk(STEPS[event.key]);
  };
  search.oninput = () => {
    list.scrollTop = 0;
    draw();
  };
  search.onkeydown = (event) => {
    if (event.key === "ArrowDown") list.focus();
    else if (event.key === "Enter" && search.value && rows.length) pick(rows[0]);
    else if (event.key === "Escape") search.value = "";
    else return;
    event.preventDefault();
    if (event.key !== "ArrowDown") search.value = "";
    draw();
  };

  let waiting = false;
  const drawSoon = () => {
    if (waiting) return;
    waiting = true; // several traits change at once: draw once
    requestAnimationFrame(() => {
      waiting = false;
      draw();
    });
  };
  for (const name of ["names", "details", "hints", "values", "by_value", "label", "none_name", "placeholder", "height"]) {
    model.on(`change:${name}`, drawSoon);
  }
  model.on("change:selected", () => (rows.includes(model.get("selected")) ? mark() : drawSoon()));
  draw();
}

export default { render };
