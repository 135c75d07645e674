import assert from "node:assert/strict";
import test, { beforeEach } from "node:test";
import {
  button,
  h,
  keepInSight,
  keepKeys,
  Lifetime,
  newId,
  segments,
  svg,
} from "../../cnnviz_widgets/widgets/front/page.js";
import { FakeModel } from "./fake_model.js";
import { fakeEvent, openPage } from "./fake_page.js";

let page;

beforeEach(() => {
  page = openPage();
});

test("an element takes properties, attributes and children", () => {
  const node = h(
    "div",
    { className: "box", hidden: true, role: "note", "aria-label": "a box", "data-edges": "nw" },
    "text ",
    h("b", {}, "bold"),
  );
  assert.equal(node.className, "box");
  assert.equal(node.hidden, true);
  assert.equal(node.getAttribute("role"), "note");
  assert.equal(node.getAttribute("aria-label"), "a box");
  assert.equal(node.dataset.edges, "nw");
  assert.equal(node.textContent, "text bold");
});

test("a text that looks like a page stays a text", () => {
  const node = h("p", { textContent: "<img src=x>" }, "<b>");
  assert.equal(node.children.length, 0);
});

test("an element of a drawing has attributes only", () => {
  const node = svg("rect", { class: "cnnviz-paper", x: 3 });
  assert.equal(node.getAttribute("x"), "3");
  assert.equal(node.getAttribute("class"), "cnnviz-paper");
});

test("a button is no submit button and has its words and its tip", () => {
  const node = button("1:1", "Show the whole image", { name: "whole" });
  assert.deepEqual(
    [node.type, node.textContent, node.title, node.name],
    ["button", "1:1", "Show the whole image", "whole"],
  );
});

test("segments are a group with a name", () => {
  const group = segments("Zoom", button("+", "in"), button("−", "out"));
  assert.equal(group.getAttribute("role"), "group");
  assert.equal(group.getAttribute("aria-label"), "Zoom");
  assert.equal(group.textContent, "+−");
});

test("two views have two ids", () => {
  assert.notEqual(newId(), newId());
});

test("keys pressed in a widget stay in it", () => {
  const root = h("div"),
    event = fakeEvent("keydown", { key: "0" });
  let stopped = false;
  event.stopPropagation = () => {
    stopped = true;
  };
  keepKeys(root);
  root.dispatchEvent(event);
  assert.ok(stopped);
  assert.equal(root.getAttribute("data-lm-suppress-shortcuts"), "true");
});

for (const [top, bottom, from, to] of [
  [50, 70, 0, 0],
  [310, 330, 0, 30],
  [10, 30, 100, 10],
]) {
  test(`a row from ${top} to ${bottom} is seen after scrolling from ${from} to ${to}`, () => {
    const list = Object.assign(h("ul"), { clientHeight: 300, scrollTop: from });
    keepInSight(list, top, bottom);
    assert.equal(list.scrollTop, to);
  });
}

test("a lifetime reacts to several events until it ends", () => {
  const life = new Lifetime(),
    model = new FakeModel({ a: 0, b: 0 });
  let calls = 0;
  life.on(model, "change:a change:b", () => calls++);
  model.set("a", 1);
  model.set("b", 1);
  life.end();
  model.set("a", 2);
  assert.equal(calls, 2);
  assert.equal(model.listeners, 0);
});

test("an observer ends with the lifetime", () => {
  const life = new Lifetime();
  life.observe(new ResizeObserver(() => {}), page.body);
  assert.equal(page.held.observers, 1);
  life.end();
  assert.equal(page.held.observers, 0);
});

for (const [name, pass] of [
  ["inNextFrame", "nextFrame"],
  ["within", "timePasses"],
  ["afterRest", "timePasses"],
]) {
  const start = (life, act) => (name === "inNextFrame" ? life.inNextFrame(act) : life[name](40, act));

  test(`${name}: asked for three times it acts once, and asked again it acts again`, () => {
    let calls = 0;
    const ask = start(new Lifetime(), () => calls++);
    for (let count = 0; count < 3; count++) ask();
    assert.equal(calls, 0);
    page[pass]();
    assert.equal(calls, 1);
    ask();
    page[pass]();
    assert.equal(calls, 2);
  });

  test(`${name}: what has been asked for does not act after the end`, () => {
    let calls = 0;
    const life = new Lifetime(),
      ask = start(life, () => calls++);
    ask();
    life.end();
    page[pass]();
    assert.equal(calls, 0);
  });
}
