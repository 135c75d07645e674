// A strip of small pictures, one of them chosen. Click, or walk with the arrow keys.

import { bytesOf, rgbPixels } from "./drawing.js";
import { button, h, keepKeys, Lifetime } from "./page.js";

const STEPS = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 };

function thumbnail(bytes, side) {
  const canvas = h("canvas", { width: side, height: side });
  canvas.getContext("2d").putImageData(rgbPixels(bytes, side, side), 0, 0);
  return canvas;
}

function render({ model, el }) {
  const life = new Lifetime(),
    root = h("div", { className: "cnnviz-gallery", role: "radiogroup" });
  root.classList.toggle("cnnviz-named", model.get("named"));
  keepKeys(root);
  el.append(root);

  function pick(index, focus) {
    model.set("selected", index);
    model.save_changes();
    if (focus) root.children[index]?.focus();
  }

  function item(name, index, bytes, side) {
    const node = button("", name, { role: "radio", "aria-label": name, onclick: () => pick(index, false) });
    const size = side * side * 3;
    node.append(thumbnail(bytes.subarray(index * size, (index + 1) * size), side));
    if (model.get("named")) node.append(h("span", { textContent: name }));
    return node;
  }

  function draw() {
    const side = model.get("side"),
      bytes = bytesOf(model.get("pixels")) ?? new Uint8Array(0);
    root.setAttribute("aria-label", model.get("label"));
    root.replaceChildren(...model.get("names").map((name, index) => item(name, index, bytes, side)));
    mark();
  }

  function mark() {
    const selected = model.get("selected");
    [...root.children].forEach((node, index) => {
      const chosen = index === selected;
      node.setAttribute("aria-checked", chosen);
      node.tabIndex = chosen || (selected < 0 && index === 0) ? 0 : -1;
    });
  }

  root.onkeydown = (event) => {
    if (!(event.key in STEPS)) return;
    event.preventDefault();
    const count = root.children.length;
    pick((model.get("selected") + STEPS[event.key] + count) % count, true);
  };
  const drawSoon = life.inNextFrame(draw);
  life.on(model, "change:pixels change:names change:side change:label", drawSoon);
  life.on(model, "change:selected", mark);
  draw();
  return () => life.end();
}

export default { render };
