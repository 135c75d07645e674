// Pick, drop or paste one picture. A small file goes to the kernel as it is, so that Python decodes the original;
// a large one is drawn smaller here first: a websocket message of more than 10 MB would be lost without a word.

import { blobOf } from "./drawing.js";
import { button, h, keepKeys, Lifetime } from "./page.js";

const AS_IT_IS = 2e6; // bytes
const LARGEST = 100e6; // bytes: more than this is not even opened
const LONGEST = 1024; // px of the longest side after shrinking
const TOLD = 5000; // ms that a picture is said to be sent
const PNG_AT_MOST = 2e6; // bytes: a photograph as PNG is larger, then it becomes a JPEG

/** The first bytes of the formats that Python decodes; "...." is any four bytes. */
const SIGNATURES = ["\x89PNG", "\xff\xd8\xff", "RIFF....WEBP", "GIF8", "BM", "II*\0", "MM\0*"];

export async function isKnownFormat(file) {
  const head = String.fromCharCode(...new Uint8Array(await file.slice(0, 12).arrayBuffer()));
  return SIGNATURES.some((s) => [...s].every((c, i) => c === "." || head[i] === c));
}

const megabytes = (bytes) => `${Math.round(bytes / 1e6)} MB`;

/** The picture, upright, its longest side at most LONGEST px. */
async function shrink(file) {
  const bitmap = await createImageBitmap(file, { imageOrientation: "from-image" });
  const scale = Math.min(1, LONGEST / Math.max(bitmap.width, bitmap.height));
  const [width, height] = [bitmap.width, bitmap.height].map((side) => Math.max(1, Math.round(side * scale)));
  const canvas = h("canvas", { width, height });
  const context = canvas.getContext("2d");
  context.imageSmoothingQuality = "high";
  context.drawImage(bitmap, 0, 0, canvas.width, canvas.height);
  bitmap.close();
  const png = await blobOf(canvas);
  if (png.size <= PNG_AT_MOST) return png;
  context.globalCompositeOperation = "destination-over"; // JPEG knows no transparency: white, as on paper
  context.fillStyle = "#fff";
  context.fillRect(0, 0, canvas.width, canvas.height);
  return blobOf(canvas, "image/jpeg", 0.92);
}

/** What is sent for a file; throws an Error with a sentence for the person when it is no picture. */
export async function prepare(file) {
  if (!file.size) throw new Error(`“${file.name}” is empty.`);
  if (file.size > LARGEST)
    throw new Error(`“${file.name}” has ${megabytes(file.size)}; at most ${megabytes(LARGEST)} can be opened.`);
  if (file.size < AS_IT_IS && (await isKnownFormat(file))) return file;
  try {
    return await shrink(file);
  } catch {
    throw new Error(`“${file.name}” is not a picture that this browser can read (PNG, JPEG, WebP, GIF, BMP).`);
  }
}

function render({ model, el }) {
  const life = new Lifetime();
  const label = h("b"),
    hint = h("small", { textContent: "or drop it here, or paste it" });
  const tip =
    "Choose a picture, drop one here, or paste one (Ctrl+V) while this button is focused. " +
    "Files of 2 MB or more are made smaller in the browser (1024 px) before they are sent.";
  const choose = button("", tip);
  choose.append(label, hint);
  const input = h("input", { type: "file", accept: "image/*", hidden: true }),
    status = h("div", { role: "status" });
  const root = h("div", { className: "cnnviz-upload" }, choose, input, status);
  keepKeys(root); // else Ctrl+V pastes a cell in JupyterLab
  el.append(root);

  const say = (text, isError = false) => {
    status.textContent = text;
    status.className = isError ? "cnnviz-error" : "";
  };
  const forget = life.afterRest(TOLD, () => status.className || say("")); // "sent" is no news for long; an error stays
  const showState = () => {
    label.textContent = model.get("label");
    if (model.get("error")) say(model.get("error"), true);
    else if (status.className) say("");
  };
  const report = (sentence) => {
    model.set("error", sentence);
    model.save_changes();
    showState();
  };

  let latest = 0; // of two files chosen quickly, the one chosen last counts
  async function take(file) {
    const turn = ++latest;
    say(`Reading “${file.name}” …`);
    try {
      const blob = await prepare(file),
        content = await blob.arrayBuffer();
      if (turn !== latest) return;
      report("");
      model.send({ name: file.name }, undefined, [content]);
      say(`Sent “${file.name}”.`);
      forget();
    } catch (error) {
      if (turn === latest) report(error.message);
    }
  }
  const takeFirst = (event, files) => {
    if (!files?.length) return;
    event.preventDefault();
    take(files[0]);
  };

  choose.onclick = () => input.click();
  input.onchange = (event) => {
    takeFirst(event, [...input.files]);
    input.value = ""; // so that the same file can be chosen again
  };
  const over = (on) => (event) => {
    event.preventDefault();
    event.stopPropagation(); // JupyterLab would open a dropped file in a tab of its own
    root.classList.toggle("cnnviz-over", on);
    if (event.type === "drop") takeFirst(event, event.dataTransfer.files);
  };
  root.ondragenter = root.ondragover = over(true);
  root.ondragleave = root.ondrop = over(false);
  root.addEventListener("paste", (event) => takeFirst(event, event.clipboardData.files));
  life.on(model, "change:error change:label", showState);
  showState();
  return () => life.end();
}

export default { render };
