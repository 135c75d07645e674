// A strip of small pictures, one of them chosen. Click, or walk with the arrow keys.

function thumbnail(pixels, side) {
  const canvas = document.createElement("canvas");
  canvas.width = canvas.height = side;
  const data = new ImageData(side, side);
  for (let i = 0, j = 0; i < data.data.length; i += 4, j += 3) {
    data.data[i] = pixels[j];
    data.data[i + 1] = pixels[j + 1];
    data.data[i + 2] = pixels[j + 2];
    data.data[i + 3] = 255;
  }
  canvas.getContext("2d").putImageData(data, 0, 0);
  return canvas;
}

function caption(name) {
  const words = document.createElement("span");
  words.textContent = name;
  return words;
}

function render({ model, el }) {
  const root = document.createElement("div");
  root.className = "cnnviz-gallery";
  root.classList.toggle("cnnviz-named", model.get("named"));
  root.setAttribute("role", "radiogroup");
  el.append(root);

  function pick(index, focus) {
    model.set("selected", index);
    model.save_changes();
    if (focus) root.children[index]?.focus();
  }

  function draw() {
    const side = model.get("side"), names = model.get("names"), view = model.get("pixels");
    const bytes = new Uint8Array(view.buffer, view.byteOffset, view.byteLength), size = side * side * 3;
    root.setAttribute("aria-label", model.get("label"));
    root.replaceChildren(
      ...names.map((name, index) => {
        const button = document.createElement("button");
        button.type = "button";
        button.title = name;
        button.setAttribute("role", "radio");
        button.setAttribute("aria-label", name);
        button.append(thumbnail(bytes.subarray(index * size, (index + 1) * size), side));
        if (model.get("named")) button.append(caption(name));
        button.onclick = () => pick(index, false);
        return button;
      }),
    );
    mark();
  }

  function mark() {
    [...root.children].forEach((button, index) => {
      const chosen = index === model.get("selected");
      button.setAttribute("aria-checked", chosen);
      button.tabIndex = chosen || (model.get("selected") < 0 && index === 0) ? 0 : -1;
    });
  }

  const STEPS = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 };
  root.onkeydown = (event) => {
    event.stopPropagation();
    if (!(event.key in STEPS)) return;
    event.preventDefault();
    const count = root.children.length;
    pick((model.get("selected") + STEPS[event.key] + count) % count, true);
  };
  let waiting = false;
  for (const name of ["pixels", "names", "side", "label"]) {
    model.on(`change:${name}`, () => {
      if (!waiting) requestAnimationFrame(() => ((waiting = false), draw()));
      waiting = true;
    });
  }
  model.on("change:selected", mark);
  draw();
}

export default { render };
