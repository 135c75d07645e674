// From hands to the model: pointer, keys and controls.
//
// A control changes the model in the browser (`model.set`), every view of it redraws in the next animation frame, and
// the kernel hears of it once, when the control is let go (`model.save_changes`): dragging needs no kernel.

import { savePicture } from "./live_saving.js";
import { cellAt, extent } from "./live_scene.js";
import { fromSlider } from "./live_view.js";
import { reading } from "./live_words.js";
import { clamp } from "./numbers.js";

export function controls(view) {
  const { page: p } = view;
  for (const { buttons } of [p.show, p.smooth, p.tile_scale])
    for (const b of buttons)
      b.onclick = () => {
        view.set(b.name, b.name === "smooth" ? b.value === "true" : b.value);
        view.commit();
      };
  p.opacity.input.oninput = () => view.set("opacity", p.opacity.input.value / 100);
  p.saturation.input.oninput = () =>
    view.set("saturation", fromSlider(p.saturation.input.value / 100, view.saturationRange));
  p.opacity.input.onchange = p.saturation.input.onchange = () => view.commit();
  p.reset.onclick = () => {
    view.set("saturation", 1);
    view.commit();
  };
  p.colormap.onchange = () => {
    view.set("colormap", p.colormap.value);
    view.commit();
  };
  p.fade.onchange = () => {
    view.set("fade", p.fade.checked);
    view.commit();
  };
  p.zoomIn.onclick = () => zoomAt(view, 1.5, 0.5, 0.5);
  p.zoomOut.onclick = () => zoomAt(view, 1 / 1.5, 0.5, 0.5);
  p.whole.onclick = () => zoomAt(view, 0, 0.5, 0.5);
  p.save.onclick = () => savePicture(view);
}

/** Zoom by a factor, holding still the point at (x, y) of the frame, 0..1. Never beyond the image's edges. */
function zoomAt(view, factor, x, y, dx = 0, dy = 0) {
  const zoom = clamp(view.get("zoom") * factor, 1, 32),
    k = 1 / view.get("zoom") - 1 / zoom,
    half = 0.5 / zoom;
  const [cx, cy] = view.get("center");
  view.set("zoom", zoom);
  view.set("center", [
    clamp(cx + (x - 0.5) * k - dx / zoom, half, 1 - half),
    clamp(cy + (y - 0.5) * k - dy / zoom, half, 1 - half),
  ]);
  view.commitSoon();
}

function select(view, tile) {
  view.set("selected", tile === view.get("selected") ? -1 : tile);
  view.commit();
}

const inFrame = (event, node) => {
  const box = node.getBoundingClientRect();
  return [(event.clientX - box.left) / box.width, (event.clientY - box.top) / box.height];
};

/** Tell the kernel which cell the pointer is on, some twenty times a second at most. */
function tellHover(view, cell) {
  if (!view.get("tells_hover") || String(cell) === String(view.get("hovered"))) return;
  view.set("hovered", cell);
  view.commitHover();
}

function tellClick(view) {
  view.set("clicked", cellAt(view.scene, ...view.at));
  view.commit();
}

export function picture(view) {
  const { page: p } = view,
    canvas = p.picture;
  const read = () => {
    const said = reading(view.scene, ...view.at, view.get);
    p.readout.textContent = (view.leader && said.split(" · ").find((part) => part.startsWith("map"))) || said;
  };
  // Pictures with one leader are read together, at the place where the pointer is in one of them.
  view.readAt = (at) => {
    if (!at) p.readout.textContent = "";
    else if (view.scene) {
      view.at = at;
      read();
    }
  };
  const tell = (at) => (view.leader ? view.leader.trigger("reading", at) : view.readAt(at));
  const move = (row, column) => {
    const [height, width] = extent(view.scene);
    view.at = [clamp(row, 0, height - 1), clamp(column, 0, width - 1)];
    tell(view.at);
    tellHover(view, cellAt(view.scene, ...view.at));
  };
  view.reread = () => {
    if (p.readout.textContent && !p.stage.hidden && canvas.matches(":hover, :focus")) move(...view.at);
  };
  let held = null,
    pressed = null;
  canvas.onpointermove = (event) => {
    const [x, y] = inFrame(event, canvas),
      [cx, cy] = view.get("center"),
      zoom = view.get("zoom"),
      [height, width] = extent(view.scene);
    if (held) {
      zoomAt(view, 1, 0.5, 0.5, x - held[0], y - held[1]);
      held = [x, y];
    }
    move(Math.floor(((y - 0.5) / zoom + cy) * height), Math.floor(((x - 0.5) / zoom + cx) * width));
  };
  canvas.onpointerdown = (event) => {
    held = pressed = inFrame(event, canvas);
    canvas.setPointerCapture(event.pointerId);
  };
  canvas.onpointerup = canvas.onpointercancel = () => {
    held = null;
  };
  canvas.onclick = (event) => {
    // a drag, which moves the picture, ends in a click as well
    const [x, y] = inFrame(event, canvas);
    if (pressed && Math.hypot(x - pressed[0], y - pressed[1]) < 0.012) {
      canvas.onpointermove(event);
      tellClick(view);
    }
  };
  canvas.onpointerleave = () => {
    tell(null);
    tellHover(view, []);
  };
  canvas.ondblclick = () => zoomAt(view, 0, 0.5, 0.5);
  canvas.addEventListener(
    "wheel",
    (event) => {
      if (!event.ctrlKey && !canvas.matches(":focus")) return; // the page scrolls as usual
      event.preventDefault();
      zoomAt(view, Math.exp(-event.deltaY / 300), ...inFrame(event, canvas));
    },
    { passive: false },
  );
  const steps = { ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1] };
  canvas.onkeydown = (event) => {
    const step = steps[event.key],
      far = event.shiftKey ? 10 : 1,
      factor = { "+": 1.5, "=": 1.5, "-": 1 / 1.5, 0: 0 }[event.key];
    if (step) {
      move(view.at[0] + far * step[0], view.at[1] + far * step[1]);
      view.schedule();
    } else if (factor !== undefined) zoomAt(view, factor, 0.5, 0.5);
    else if (event.key === "Enter" || event.key === " ") tellClick(view);
    else if (event.key === "Escape" && view.get("selected") >= 0) select(view, -1);
    else return;
    event.preventDefault();
  };
  canvas.onfocus = canvas.onblur = () => view.schedule();
  p.close.onclick = () => {
    select(view, -1);
    p.tiles.focus();
  };
}

export function tileGrid(view) {
  const { page: p } = view,
    canvas = p.tiles;
  const nameOf = (k) => {
    p.readout.textContent =
      k < 0 ? "" : `${view.get("names")[k] || `tile ${k}`}${view.summary.dead[k] ? " · zero everywhere" : ""}`;
  };
  const under = (event) => {
    const { across, stepX, stepY } = view.grid,
      box = canvas.getBoundingClientRect();
    const column = Math.floor((event.clientX - box.left) / stepX),
      k = Math.floor((event.clientY - box.top) / stepY) * across + column;
    return column < across && k < view.scene.tiles ? k : -1;
  };
  canvas.onpointermove = (event) => nameOf(under(event));
  canvas.onpointerleave = () => nameOf(-1);
  canvas.onclick = (event) => {
    const k = under(event);
    if (k >= 0) {
      view.tileAt = k;
      select(view, k);
    }
  };
  canvas.onkeydown = (event) => {
    const step = { ArrowUp: -view.grid.across, ArrowDown: view.grid.across, ArrowLeft: -1, ArrowRight: 1 }[event.key];
    if (step) {
      view.tileAt = clamp(view.tileAt + step, 0, view.scene.tiles - 1);
      nameOf(view.tileAt);
      view.schedule();
      p.cursor.scrollIntoView({ block: "nearest" });
    } else if (event.key === "Enter" || event.key === " ") select(view, view.tileAt);
    else if (event.key === "Escape") select(view, -1);
    else return;
    event.preventDefault();
  };
  canvas.onfocus = canvas.onblur = () => view.schedule();
}
