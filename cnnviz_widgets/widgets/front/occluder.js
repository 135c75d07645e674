// An image with a rectangle that the person drags over it, and bars of what the network says meanwhile.
//
// The rectangle and what shows in it are drawn here, within a frame. The kernel is asked about the newest rectangle
// when it has answered the one before; `asked` and `answered` count. So nothing queues up behind a slow network.

import { bytesOf, canvasOf, rgbPixels } from "./drawing.js";
import { buildPage, drawBar } from "./occluder_page.js";
import { centred, dragged, moved, resized, stepOf } from "./occluder_rectangle.js";
import { h, Lifetime } from "./page.js";

const PATIENCE = 10_000; // ms after which an answer counts as lost
const REST = 500; // ms without a change before a screen reader is told
const MOVES = { ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1] };

class View {
  constructor(model, life) {
    this.model = model;
    this.get = (name) => model.get(name);
    this.page = buildPage();
    this.rectangle = this.get("rectangle"); // as it is drawn; the model's may be behind it
    this.window = this.get("window");
    this.held = null; // {mode, from: [row, column], before: rectangle} while a pointer drags
    this.wanted = false; // there is a rectangle newer than the one that was sent
    this.sentAt = 0;
    this.redraw = life.inNextFrame(() => {
      this.draw();
      if (this.newAnswer) this.drawAnswer();
      this.newAnswer = false;
    });
    this.speak = life.afterRest(REST, () => {
      const { page: p } = this;
      p.spoken.textContent = `${p.caption.textContent} ${p.verdict.textContent}`;
    });
  }

  get shape() {
    return this.get("image_shape");
  }

  // ---- Asking the kernel

  ask() {
    const waits = this.get("answered") < this.get("asked") && performance.now() - this.sentAt < PATIENCE;
    this.wanted = waits;
    if (waits) return;
    this.sentAt = performance.now();
    this.model.set({ rectangle: this.rectangle, asked: this.get("asked") + 1 });
    this.model.save_changes();
  }

  answered() {
    this.page.root.dataset.answered = this.get("answered");
    if (this.wanted) this.ask();
  }

  // ---- The rectangle

  /** Take another rectangle: [top, left, height, width] in px, or []. */
  put(rectangle) {
    if (String(rectangle) === String(this.rectangle)) return;
    this.rectangle = rectangle;
    this.window = [];
    this.schedule();
    this.ask();
  }

  // ---- Drawing

  /** Any number of changes before the next animation frame are one redraw. */
  schedule(answer = false) {
    this.newAnswer ||= answer;
    this.redraw();
  }

  readPixels() {
    const [height, width] = this.shape;
    const pictures = ["image", "covering"].map((name) => bytesOf(this.get(name)));
    const whole = height && pictures.every((bytes) => bytes?.length === height * width * 3);
    this.layers = whole ? pictures.map((bytes) => canvasOf(rgbPixels(bytes, width, height))) : null;
  }

  draw() {
    const { page: p, layers, rectangle } = this;
    p.frame.hidden = p.place.hidden = p.key.hidden = !layers;
    p.toggle.disabled = p.fill.disabled = !layers;
    if (!layers) return;
    const [height, width] = this.shape;
    this.drawPicture(height, width);
    if (rectangle.length) this.size = rectangle.slice(2);
    this.place(p.rectangle, rectangle, height, width);
    this.place(p.window, String(this.window) === String(rectangle) ? [] : this.window, height, width);
    const [top, left, tall, wide] = rectangle;
    const where = rectangle.length ? `row ${top}, column ${left} · ${wide} × ${tall} px` : "";
    p.place.textContent = where || "Press on the image and drag to cover a part of it.";
    p.rectangle.setAttribute("aria-label", `Covered: ${where}`);
    p.toggle.textContent = rectangle.length ? "Remove rectangle" : "Cover the middle";
    p.toggle.title = rectangle.length
      ? "Show the whole image again (Escape)"
      : "Put a rectangle on the middle of the image";
  }

  drawPicture(height, width) {
    const {
        page: p,
        rectangle,
        layers: [image, covering],
      } = this,
      context = p.picture.getContext("2d");
    if (p.picture.width !== width || p.picture.height !== height) Object.assign(p.picture, { width, height });
    // A digit of 28 px is made of squares and shows them; a photograph is samples of something smooth.
    p.picture.style.imageRendering = Math.max(height, width) >= 128 ? "auto" : "pixelated";
    p.frame.style.aspectRatio = `${width} / ${height}`;
    context.drawImage(image, 0, 0);
    const [top, left, tall, wide] = rectangle;
    if (rectangle.length) context.drawImage(covering, left, top, wide, tall, left, top, wide, tall);
  }

  place(node, [top, left, tall, wide], height, width) {
    node.hidden = tall === undefined;
    if (node.hidden) return;
    const share = (x, of) => `${(100 * x) / of}%`;
    Object.assign(node.style, {
      top: share(top, height),
      left: share(left, width),
      height: share(tall, height),
      width: share(wide, width),
    });
  }

  drawAnswer() {
    const { page: p } = this,
      bars = this.get("bars"),
      top = bars.find((bar) => bar.top),
      failed = this.get("failed");
    const was = bars.reduce((best, bar) => (bar.clean > (best?.clean ?? -1) ? bar : best), null);
    const same = !top || top === was || top.clean === was.clean; // two as probable as each other are one answer
    p.root.classList.toggle("cnnviz-occluder-failed", failed);
    p.verdict.classList.toggle("cnnviz-occluder-changed", !same);
    p.verdict.replaceChildren(
      ...(top
        ? [
            same ? "Top class: " : "Top class now: ",
            h("strong", { textContent: top.name }),
            same ? "" : `, it was ${was.name}`,
          ]
        : []),
    );
    const quantities = this.get("quantities");
    p.bars.replaceChildren(...bars.map((bar) => drawBar(bar, quantities)));
    p.bars.setAttribute("aria-label", quantities ? "Values" : "Probabilities");
    p.key.style.display = quantities ? "none" : "";
    p.caption.textContent = this.get("caption");
    p.caption.setAttribute("role", failed ? "alert" : "note");
    this.speak();
  }

  drawFills() {
    const { page: p } = this,
      fills = this.get("fills");
    if (p.fill.options.length !== Object.keys(fills).length) {
      p.fill.replaceChildren(
        ...Object.entries(fills).map(([value, title]) => h("option", { value, textContent: value, title })),
      );
    }
    p.fill.value = this.get("fill");
    p.fill.title = `What shows in the rectangle instead of the image. ${fills[this.get("fill")] ?? ""}`;
  }
}

// ---- Hands

function pointer(view) {
  const { page: p } = view;
  const at = (event) => {
    const box = p.picture.getBoundingClientRect(),
      [height, width] = view.shape;
    return [((event.clientY - box.top) / box.height) * height, ((event.clientX - box.left) / box.width) * width];
  };
  p.frame.onpointerdown = (event) => {
    if (event.button) return;
    const mode = event.target.dataset.edges ?? (event.target === p.rectangle ? "move" : "draw");
    view.held = { mode, from: at(event), before: view.rectangle, x: event.clientX, y: event.clientY };
    p.frame.setPointerCapture(event.pointerId);
    event.preventDefault(); // no selection of text
  };
  p.frame.onpointermove = (event) => {
    if (!view.held) return;
    // A click is a short drag: it must not leave a rectangle of one pixel.
    view.held.far ||= Math.hypot(event.clientX - view.held.x, event.clientY - view.held.y) > 3;
    if (view.held.far) view.put(dragged(view.held, ...at(event), view.shape));
  };
  p.frame.onpointerup = (event) => {
    if (!view.held) return;
    if (view.held.mode === "draw" && !view.held.far) view.put(centred(...at(event), view.size, view.shape));
    view.held = null;
    view.draw(); // the rectangle must be there to take the focus
    p.rectangle.focus({ preventScroll: true });
  };
  p.frame.onpointercancel = () => {
    view.held = null;
  };
}

function keys(view) {
  const { page: p } = view;
  p.frame.onkeydown = (event) => {
    const move = MOVES[event.key],
      step = stepOf(view.shape);
    if (event.key === "Escape" || event.key === "Delete" || event.key === "Backspace") giveUp(view);
    else if (move && view.rectangle.length) {
      const change = event.shiftKey ? resized : moved;
      view.put(change(view.rectangle, move[0] * step, move[1] * step, view.shape));
    } else return;
    event.preventDefault();
  };
  p.toggle.onclick = () => {
    const [height, width] = view.shape;
    view.put(view.rectangle.length ? [] : centred(height / 2, width / 2, view.size, view.shape));
    view.draw();
    if (view.rectangle.length) p.rectangle.focus({ preventScroll: true });
  };
  p.fill.onchange = () => {
    view.model.set("fill", p.fill.value);
    view.model.save_changes();
  };
}

/** During a drag: as it was before. Otherwise: nothing is covered. */
function giveUp(view) {
  view.put(view.held ? view.held.before : []);
  view.held = null;
  view.draw();
  if (!view.rectangle.length) view.page.toggle.focus({ preventScroll: true });
}

function render({ model, el }) {
  const life = new Lifetime(),
    view = new View(model, life);
  el.append(view.page.root);
  pointer(view);
  keys(view);
  const reactions = {
    "change:image change:covering change:image_shape": () => {
      view.readPixels();
      view.schedule();
    },
    "change:rectangle": () => {
      if (!view.held && !view.wanted) view.rectangle = model.get("rectangle");
      view.schedule();
    },
    "change:window": () => {
      view.window = model.get("window");
      view.schedule();
    },
    "change:bars change:quantities change:caption change:failed": () => view.schedule(true),
    "change:fill change:fills": () => view.drawFills(),
    "change:answered": () => view.answered(),
  };
  for (const [names, react] of Object.entries(reactions)) life.on(model, names, react);
  view.readPixels();
  view.drawFills();
  view.drawAnswer();
  view.draw();
  return () => life.end();
}

export default { render };
