// Each widget on the fake page: what it draws of its model, and what hands make of the model.

import assert from "node:assert/strict";
import { File } from "node:buffer";
import test, { beforeEach } from "node:test";
import { nearest } from "../../cnnviz_widgets/widgets/front/diagram_hands.js";
import { drawn } from "../../cnnviz_widgets/widgets/front/pick_list.js";
import { isKnownFormat, prepare } from "../../cnnviz_widgets/widgets/front/upload.js";
import { FakeModel } from "./fake_model.js";
import { fakeEvent, openPage } from "./fake_page.js";
import { WIDGETS } from "./widgets.js";

let page;

beforeEach(() => {
  page = openPage();
});

/** A widget with some traits of its own: {model, el, find(selector), all(selector)}. */
async function shown(name, traits = {}) {
  const { default: widget } = await import(`../../cnnviz_widgets/widgets/front/${name}.js`);
  const model = new FakeModel({ ...WIDGETS[name], ...traits }),
    el = document.createElement("div");
  page.body.append(el);
  await widget.render({ model, el });
  page.nextFrame();
  return {
    model,
    el,
    find: (selector) => el.querySelector(selector),
    all: (selector) => el.querySelectorAll(selector),
  };
}

const texts = (nodes) => nodes.map((node) => node.textContent);
const press = (node, key, given = {}) => {
  const event = fakeEvent("keydown", { key, target: node, ...given });
  node.dispatchEvent(event);
  return event;
};

// ---- Pick list

test("a pick list stands in the order of its values, with one percentage format", async () => {
  const { all } = await shown("pick_list");
  assert.deepEqual(texts(all(".cnnviz-pick-name")), ["dog", "cat", "bird"]);
  assert.deepEqual(texts(all(".cnnviz-pick-value")), ["75.0 %", "25.0 %", "0 %"]);
});

test("a search in a pick list looks at names and hints", async () => {
  const { find, all } = await shown("pick_list"),
    search = find(".cnnviz-pick-search");
  search.value = "SINGS";
  search.dispatchEvent(fakeEvent("input"));
  assert.deepEqual(texts(all(".cnnviz-pick-name")), ["bird"]);
});

test("an arrow key picks the next row and sends it", async () => {
  const { model, find } = await shown("pick_list");
  assert.ok(press(find(".cnnviz-pick-list"), "ArrowUp").prevented);
  assert.equal(model.get("selected"), 1);
  assert.equal(model.saved, 1);
});

test("the row of no choice stands first, but not among what was searched", async () => {
  const { find, all } = await shown("pick_list", { none_name: "Top class" }),
    search = find(".cnnviz-pick-search");
  assert.equal(texts(all(".cnnviz-pick-name"))[0], "Top class");
  search.value = "cat";
  search.dispatchEvent(fakeEvent("input"));
  assert.deepEqual(texts(all(".cnnviz-pick-name")), ["cat"]);
});

test("below a list stands what is known of the row that was picked, also while searching", async () => {
  const { model, find, all } = await shown("pick_list", {
      hints: ["purrs", "barks", "sings"],
      values: new DataView(new ArrayBuffer(0)),
    }),
    search = find(".cnnviz-pick-search");
  model.set("selected", 0);
  assert.equal(find(".cnnviz-pick-rest").textContent, "purrs");
  search.value = "sings";
  search.dispatchEvent(fakeEvent("input"));
  all(".cnnviz-pick-row")[0].onclick();
  assert.equal(find(".cnnviz-pick-rest").textContent, "sings");
});

test("a short list has no search", async () => {
  const short = await shown("pick_list"),
    long = await shown("pick_list", { names: Array.from({ length: 7 }, (_, k) => `class ${k}`), hints: [] });
  assert.equal(short.find(".cnnviz-pick-search").style.display, "none");
  assert.equal(long.find(".cnnviz-pick-search").style.display, "");
});

test("other names are not searched for what was searched among the old ones", async () => {
  const { model, find, all } = await shown("pick_list"),
    search = find(".cnnviz-pick-search");
  search.value = "cat";
  search.dispatchEvent(fakeEvent("input"));
  model.set("names", ["one", "two", "three"]);
  page.nextFrame();
  assert.equal(search.value, "");
  assert.equal(all(".cnnviz-pick-row").length, 3);
});

test("scrolling to an end of a long list draws more of it, and what is in sight stays there", async () => {
  const names = Array.from({ length: 1000 }, (_, k) => `class ${k}`);
  const { find, all } = await shown("pick_list", { names, hints: [], by_value: false, selected: 500 }),
    list = find(".cnnviz-pick-list");
  const ends = () => [texts(all(".cnnviz-pick-name")).at(0), texts(all(".cnnviz-pick-name")).at(-1)];
  Object.defineProperty(list, "scrollHeight", { get: () => 20 * all(".cnnviz-pick-row").length });
  assert.deepEqual(ends(), ["class 400", "class 599"]);
  list.scrollTop = 0;
  list.dispatchEvent(fakeEvent("scroll"));
  assert.deepEqual(ends(), ["class 200", "class 599"]);
  assert.equal(list.scrollTop, 200 * 20);
  list.scrollTop = list.scrollHeight - list.clientHeight;
  list.dispatchEvent(fakeEvent("scroll"));
  assert.deepEqual(ends(), ["class 200", "class 799"]);
  assert.match(find(".cnnviz-pick-rest").textContent, /^400 more/);
});

test("of many rows those around the chosen one are drawn", () => {
  const all = Array.from({ length: 1000 }, (_, k) => k);
  assert.deepEqual([drawn(all, 3)[0], drawn(all, 3).length], [0, 200]);
  assert.deepEqual([drawn(all, 500)[0], drawn(all, 500).length], [400, 200]);
});

// ---- Gallery

test("a gallery wraps around at its ends", async () => {
  const { model, find } = await shown("gallery");
  press(find(".cnnviz-gallery"), "ArrowLeft");
  assert.equal(model.get("selected"), 2);
});

test("the chosen picture is the one in the tab order", async () => {
  const { model, all } = await shown("gallery");
  model.set("selected", 1);
  assert.deepEqual(
    all("button").map((node) => node.tabIndex),
    [-1, 0, -1],
  );
});

test("several changes of a gallery are drawn once, in the next frame", async () => {
  const { model, all } = await shown("gallery");
  model.set({ names: ["one"], label: "Others" });
  assert.equal(page.held.frames, 1);
  page.nextFrame();
  assert.deepEqual(texts(all("span")), ["one"]);
});

// ---- Layer table

const visible = (all) =>
  all("tr")
    .filter((node) => node.data && !node.hidden)
    .map((node) => node.data.path);

test("a table opens its only group, if it is small", async () => {
  const { all } = await shown("layer_table");
  assert.deepEqual(visible(all), ["block", "block/one", "block/two", "head"]);
});

test("a search with an x for the multiplication sign finds a layer and shows the groups around it", async () => {
  const { find, all } = await shown("layer_table"),
    search = find("input");
  search.value = "5x5";
  search.dispatchEvent(fakeEvent("input"));
  assert.deepEqual(visible(all), ["block", "block/two"]);
  assert.match(find(".cnnviz-table-found").textContent, /^1 of /);
});

test("keys walk over the rows, close a group and pick a layer", async () => {
  const { model, find, all } = await shown("layer_table"),
    body = find("tbody");
  press(body, "ArrowLeft");
  assert.deepEqual(visible(all), ["block", "head"]);
  press(body, "ArrowDown");
  press(body, "Enter");
  assert.equal(model.get("selected"), "head");
});

test("a layer that is picked elsewhere is shown, with the groups around it open", async () => {
  const { model, find, all } = await shown("layer_table");
  press(find("tbody"), "ArrowLeft");
  model.set("selected", "block/two");
  assert.ok(visible(all).includes("block/two"));
});

// ---- Number grids

test("cells have the one number format, and what is no number a dash", async () => {
  const { all } = await shown("number_grids");
  assert.deepEqual(texts(all("td")), ["0", "−0.5", "1 × 10⁻⁷", "–"]);
  assert.equal(all("td")[0].title, "padding: 0");
});

test("without lines there is nothing", async () => {
  const { find } = await shown("number_grids", { lines: [] });
  assert.ok(find(".cnnviz-numbers").hidden);
});

// ---- Occluder

test("the kernel is asked about the newest rectangle when it has answered the one before", async () => {
  const { model, find } = await shown("occluder"),
    frame = find(".cnnviz-occluder-frame");
  press(frame, "ArrowDown");
  assert.deepEqual([model.get("asked"), model.get("rectangle")], [1, [3, 2, 4, 4]]);
  press(frame, "ArrowDown");
  press(frame, "ArrowRight");
  assert.deepEqual([model.get("asked"), model.get("rectangle")], [1, [3, 2, 4, 4]]);
  model.set("answered", 1);
  assert.deepEqual([model.get("asked"), model.get("rectangle")], [2, [4, 3, 4, 4]]);
});

test("the bars say what was and what is", async () => {
  const { find, all } = await shown("occluder");
  assert.deepEqual(texts(all(".cnnviz-occluder-value")), ["75.0 % → 25.0 %", "25.0 % → 75.0 %"]);
  assert.equal(find(".cnnviz-occluder-verdict").textContent, "Top class now: dog, it was cat");
});

test("a screen reader is told when nothing has changed for a while", async () => {
  const { find } = await shown("occluder"),
    spoken = find(".cnnviz-occluder-spoken");
  assert.equal(spoken.textContent, "");
  page.timePasses();
  assert.match(spoken.textContent, /Nothing is covered/);
});

// ---- Diagram

test("the nearest box in a direction is one that lies there", () => {
  const at = (path, x, y) => ({ path, x, y, width: 100, height: 40 });
  const items = [at("here", 0, 0), at("below", 0, 60), at("aside", 200, 10), at("far", 0, 200)];
  assert.equal(nearest(items[0], items, 0, 1), "below");
  assert.equal(nearest(items[0], items, 1, 0), "aside");
  assert.equal(nearest(items[0], items, 0, -1), null);
});

test("keys walk down the diagram, open a group and pick a layer", async () => {
  const { model, find } = await shown("diagram", { selected: "one" }),
    window = find(".cnnviz-diagram-window");
  press(window, "ArrowDown");
  press(window, "Enter");
  assert.deepEqual(model.get("opened"), ["block"]);
  press(window, "ArrowDown");
  press(window, "Enter");
  assert.equal(model.get("selected"), "three");
});

test("a layer in a closed group is marked on the group", async () => {
  const { find } = await shown("diagram", { selected: "block/two" });
  assert.equal(find(".cnnviz-inside").item.path, "block");
});

test("zooming holds the middle of the window still", async () => {
  const { find } = await shown("diagram"),
    world = find("g");
  const middle = () => {
    const [x, y, scale] = world
      .getAttribute("transform")
      .match(/-?[\d.]+/g)
      .map(Number);
    return [(200 - x) / scale, (150 - y) / scale].map((n) => n.toFixed(6));
  };
  const before = middle();
  press(find(".cnnviz-diagram-window"), "+");
  assert.deepEqual(middle(), before);
});

// ---- Live image

test("a control changes the model at once and tells the kernel when it is let go", async () => {
  const { model, all } = await shown("live_image"),
    opacity = all("input").find((node) => node.name === "opacity");
  opacity.value = 30;
  opacity.dispatchEvent(fakeEvent("input"));
  assert.deepEqual([model.get("opacity"), model.saved], [0.3, 0]);
  opacity.dispatchEvent(fakeEvent("change"));
  assert.equal(model.saved, 1);
});

test("every control is named after the trait that it sets", async () => {
  const { model, all } = await shown("live_image");
  const names = new Set(
    all("*")
      .map((node) => node.name)
      .filter(Boolean),
  );
  assert.deepEqual([...names].sort(), ["colormap", "fade", "opacity", "saturation", "show", "smooth", "tile_scale"]);
  for (const name of names) assert.ok(name in model.traits);
});

test("several changes are one redraw", async () => {
  const { model, find } = await shown("live_image"),
    root = find(".cnnviz-live");
  assert.equal(root.dataset.drawn, 1);
  model.set({ opacity: 0.1, title: "second" });
  model.set("smooth", true);
  page.nextFrame();
  assert.equal(root.dataset.drawn, 2);
  assert.equal(find(".cnnviz-title").textContent, "second");
});

test("what is kept of a picture is told some time after the last turn of the wheel", async () => {
  const { model, find } = await shown("live_image"),
    picture = find(".cnnviz-picture");
  press(picture, "+");
  press(picture, "+");
  assert.deepEqual([model.get("zoom"), model.saved], [2.25, 0]);
  page.timePasses();
  assert.equal(model.saved, 1);
});

test("the read-out says the value under the pointer", async () => {
  const { find } = await shown("live_image"),
    picture = find(".cnnviz-picture");
  picture.dispatchEvent(fakeEvent("pointermove", { clientX: 390, clientY: 290 }));
  assert.equal(find(".cnnviz-readout").textContent, "row 3, column 3 · grey 90 · map 1 logit · cell (1, 1)");
});

test("a class map has a legend with shares, the commonest first", async () => {
  const categories = ["cat", "dog"].map((name) => ({ name, color: "#e69f00" }));
  const { all } = await shown("live_image", {
    categories,
    values: new DataView(new Float32Array([1, 1, 1, 0]).buffer),
  });
  assert.deepEqual(texts(all("li")), ["dog 75.0 %", "cat 25.0 %"]);
});

// ---- Upload

const file = (name, ...bytes) => new File([new Uint8Array(bytes)], name);

for (const [name, bytes, known] of [
  ["a.png", [0x89, 0x50, 0x4e, 0x47], true],
  ["a.webp", [..."RIFF1234WEBP"].map((c) => c.charCodeAt(0)), true],
  ["a.wav", [..."RIFF1234WAVE"].map((c) => c.charCodeAt(0)), false],
  ["a.txt", [104, 105], false],
]) {
  test(`${name} is ${known ? "" : "not "}sent as it is`, async () => {
    assert.equal(await isKnownFormat(file(name, ...bytes)), known);
  });
}

test("an empty file is refused in a sentence", async () => {
  await assert.rejects(prepare(file("a.png")), { message: "“a.png” is empty." });
});

test("an error of the kernel is shown, and taken away when it is over", async () => {
  const { model, el } = await shown("upload");
  model.set("error", "No picture.");
  assert.match(el.textContent, /No picture\./);
  model.set("error", "");
  assert.doesNotMatch(el.textContent, /No picture\./);
});

// ---- Live image

test("a picture of earlier settings looks so and says so, until its successor is there", async () => {
  const { model, find } = await shown("live_image"),
    root = find(".cnnviz-live"),
    looks = () => [
      root.classList.contains("cnnviz-behind"),
      find(".cnnviz-note").textContent.includes("settings before"),
    ];
  assert.deepEqual(looks(), [false, false]);
  model.set("behind", true);
  page.nextFrame();
  assert.deepEqual(looks(), [true, true]);
  assert.match(find(".cnnviz-picture").getAttribute("aria-label"), /^This picture is of the settings before. Grad-CAM/);
  model.set("behind", false);
  page.nextFrame();
  assert.deepEqual(looks(), [false, false]);
});

/** A signal as Lumino has them, and a kernel with the two that tell how it is. */
class FakeSignal {
  slots = new Set();
  connect = (slot) => this.slots.add(slot);
  disconnect = (slot) => this.slots.delete(slot);
  emit = (value) => this.slots.forEach((slot) => void slot(null, value));
}
const fakeKernel = (id) => ({ id, statusChanged: new FakeSignal(), connectionStatusChanged: new FakeSignal() });

/** A live view of a kernel, and what ends it. */
async function liveViewOf(kernel, traits = {}) {
  const { default: widget } = await import("../../cnnviz_widgets/widgets/front/live_image.js");
  const model = new FakeModel({ ...WIDGETS.live_image, ...traits }),
    el = document.createElement("div");
  model.widget_manager.kernel = kernel;
  page.body.append(el);
  return { el, end: await widget.render({ model, el }) };
}

for (const [signal, status, told] of [
  ["statusChanged", "autorestarting", true],
  ["statusChanged", "dead", true],
  ["statusChanged", "busy", false],
  ["connectionStatusChanged", "connecting", false],
  ["connectionStatusChanged", "disconnected", true],
]) {
  test(`a kernel that is ${status} ${told ? "has" : "has not"} ended`, async () => {
    const kernel = fakeKernel("one"),
      { el } = await liveViewOf(kernel);
    kernel[signal].emit(status);
    assert.equal(Boolean(el.querySelector(".cnnviz-ended")), told);
  });
}

test("the end of a kernel is told once on a page, in a view that can be seen, with a way to go on", async () => {
  const kernel = fakeKernel("one"),
    other = fakeKernel("two");
  const hidden = await liveViewOf(kernel);
  hidden.el.querySelector(".cnnviz-live").clientWidth = 0;
  await liveViewOf(kernel, { compact: true });
  await liveViewOf(kernel);
  await liveViewOf(kernel);
  await liveViewOf(other);
  for (const status of ["autorestarting", "restarting"]) kernel.statusChanged.emit(status);
  const banners = page.body.querySelectorAll(".cnnviz-ended");
  assert.equal(banners.length, 1);
  assert.equal(hidden.el.contains(banners[0]), false);
  assert.equal(banners[0].getAttribute("role"), "alert");
  assert.match(banners[0].textContent, /^The kernel has ended: .* Reload the page to go on.Reload$/);
  let loaded = 0;
  window.location = { reload: () => loaded++ };
  banners[0].querySelector("button").click();
  assert.equal(loaded, 1);
  other.statusChanged.emit("dead");
  assert.equal(page.body.querySelectorAll(".cnnviz-ended").length, 2);
});

test("a view that is gone does not listen to its kernel", async () => {
  const kernel = fakeKernel("one"),
    { end } = await liveViewOf(kernel);
  assert.equal(kernel.statusChanged.slots.size, 1);
  end();
  assert.equal(kernel.statusChanged.slots.size + kernel.connectionStatusChanged.slots.size, 0);
});
