// From hands to the diagram: pick, open, close and walk over boxes, and move the window.

import { saveDrawing, savePicture } from "./diagram_saving.js";

export function toggle(view, path) {
  const item = view.item(path),
    open = view.model.get("opened");
  view.hold = view.held(path);
  view.set("opened", item.open ? open.filter((other) => other !== path) : [...open, path]);
}

function pick(view, path) {
  if (view.item(path)?.layer) view.set("selected", path);
}

/** Where a box is stepped to and from: a closed one at its middle, an open one at its top. */
const middle = (item) => [item.x + item.width / 2, item.y + (item.open ? 0 : item.height / 2)];

/** The path of the nearest box in a direction, null where there is none. */
export function nearest(here, items, dx, dy) {
  const [x, y] = middle(here);
  let best = null,
    least = Infinity;
  for (const item of items) {
    const [ox, oy] = middle(item);
    const along = (ox - x) * dx + (oy - y) * dy,
      across = Math.abs((ox - x) * dy) + Math.abs((oy - y) * dx);
    const far = along + 2 * across;
    if (along > 1 && far < least && (dy || across < 60)) [best, least] = [item.path, far];
  }
  return best;
}

function walk(view, dx, dy) {
  const here = view.item(view.cursor ?? view.boxOf(view.model.get("selected"))) ?? view.scene.nodes[0];
  const path = nearest(
    here,
    [...view.nodes.values()].map((node) => node.item),
    dx,
    dy,
  );
  if (path === null) return;
  view.cursor = path;
  view.mark();
  view.bring(path);
}

export function pointer(view) {
  const { window } = view.page;
  const under = (event) => event.target.closest?.(".cnnviz-node")?.item;
  let drag = null;
  window.onpointerdown = (event) => {
    if (event.button === 0) drag = { id: event.pointerId, x: event.clientX, y: event.clientY, moved: false };
  };
  window.onpointermove = (event) => {
    if (!drag) return;
    const dx = event.clientX - drag.x,
      dy = event.clientY - drag.y;
    if (!drag.moved && Math.hypot(dx, dy) < 4) return;
    if (!drag.moved) window.setPointerCapture(drag.id); // only now: a captured click would not reach its box
    Object.assign(drag, { moved: true, x: event.clientX, y: event.clientY });
    window.classList.add("cnnviz-dragging");
    view.move(dx, dy);
  };
  window.onpointerup = window.onpointercancel = (event) => {
    const item = under(event),
      clicked = event.type === "pointerup" && drag && !drag.moved;
    drag = null;
    window.classList.remove("cnnviz-dragging");
    if (!clicked || !item) return;
    view.cursor = item.path;
    if (event.target.closest(".cnnviz-knob")) toggle(view, item.path);
    else pick(view, item.path);
    view.mark();
  };
  window.ondblclick = (event) => {
    const item = under(event);
    if (item && (item.group || item.open) && !event.target.closest(".cnnviz-knob")) toggle(view, item.path);
  };
  window.addEventListener(
    "wheel",
    (event) => {
      if (!event.ctrlKey && !window.contains(document.activeElement)) return; // the page scrolls
      event.preventDefault();
      const frame = window.getBoundingClientRect();
      view.zoom(Math.exp(-event.deltaY * (event.deltaMode ? 0.06 : 0.0016)), [
        event.clientX - frame.left,
        event.clientY - frame.top,
      ]);
    },
    { passive: false },
  );
}

export function keys(view) {
  const { window } = view.page;
  const KEYS = {
    "+": () => view.zoom(1.25),
    "=": () => view.zoom(1.25),
    "-": () => view.zoom(0.8),
    "−": () => view.zoom(0.8),
    0: () => view.whole(),
    ArrowDown: () => walk(view, 0, 1),
    ArrowUp: () => walk(view, 0, -1),
    ArrowLeft: () => walk(view, -1, 0),
    ArrowRight: () => walk(view, 1, 0),
    Enter: () => {
      const item = view.item(view.cursor);
      if (item?.group || item?.open) toggle(view, view.cursor);
      else if (item) pick(view, view.cursor);
    },
    Escape: () => window.blur(),
  };
  window.onkeydown = (event) => {
    if (!(event.key in KEYS) || event.metaKey || event.ctrlKey) return;
    event.preventDefault();
    KEYS[event.key]();
  };
}

export function buttons(view) {
  const { page: p } = view;
  const openAll = (paths) => {
    view.set("opened", paths);
    view.shown = null; // another picture: begin at its top
  };
  p.in.onclick = () => view.zoom(1.25);
  p.out.onclick = () => view.zoom(0.8);
  p.fit.onclick = () => view.whole();
  p.open.onclick = () => openAll([...new Set(Object.values(view.model.get("around")).flat())]);
  p.close.onclick = () => openAll([]);
  p.full.onclick = () => (document.fullscreenElement ? document.exitFullscreen() : p.root.requestFullscreen?.());
  p.full.hidden = !document.fullscreenEnabled;
  p.svg.onclick = () => saveDrawing(p, view.scene);
  p.png.onclick = () => savePicture(p, view.scene);
}
