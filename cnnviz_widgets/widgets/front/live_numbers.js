// What the live view knows without a page: numbers -> colours -> drawing -> words. Pure functions, no model, no DOM but
// canvases. live_image.py puts this file in front of live_image.js: together they are the one module that is loaded.

const DISPLAY = 448; // CSS px: the picture's longest side
const MAX_WORK = 1024; // px: finest grid on which a map's values are turned into colours
const LEGEND = 12; // names before "and n more"
const HATCH = [0xff8c8c8c, 0xffc4c4c4]; // two greys, ABGR: "there is no number here"

// ---------------------------------------------------------------- numbers

const clamp = (x, low, high) => Math.min(Math.max(x, low), high);

/** Bytes as float32. The view may start at an odd byte, which a Float32Array cannot: then they are copied. */
function floats(bytes) {
  if (!bytes?.byteLength || bytes.byteLength % 4) return new Float32Array(0);
  const { buffer, byteOffset, byteLength } = bytes;
  if (byteOffset % 4 === 0) return new Float32Array(buffer, byteOffset, byteLength / 4);
  return new Float32Array(buffer.slice(byteOffset, byteOffset + byteLength));
}

/** What is to be drawn, read once a frame. kind: "none", "map", "categories" or "tiles". */
function readScene(get) {
  const shape = get("values_shape"), values = floats(get("values")), categories = get("categories");
  const usable = shape.length > 1 && values.length > 0 && shape.reduce((a, b) => a * b, 1) === values.length;
  const kind = !usable ? "none" : shape.length > 2 ? "tiles" : categories.length ? "categories" : "map";
  const tiles = kind === "tiles" ? shape[0] : 1;
  const [rows, cols] = kind === "tiles" ? shape.slice(1) : shape;
  const [height, width] = get("image_shape");
  const bytes = get("image"), signed = get("signed"), k = get("saturation");
  const image = height && bytes?.byteLength === height * width * 3
    ? new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength) : null;
  const [low, high] = get("limits");
  const onImage = Boolean(image) && get("on_image");
  return {
    kind, values, tiles, rows, cols, image, height, width, categories, signed, channels: shape.length > 3 ? 3 : 1,
    low: signed ? low * k : low, high: signed ? high * k : low + (high - low) * k,
    open: kind === "none" ? -1 : tiles < 2 ? 0 : get("enlarges") ? get("selected") : -1, // the tile on the stage
    // Pictures, the unsigned colours, are what they are.
    own: tiles > 1 && get("tile_scale") === "own" && (shape.length < 4 || signed), saturation: k,
    onImage, fade: get("fade") && onImage && kind !== "categories",
    // Between two weights of a kernel, or between two classes, there is nothing: those keep their cells.
    smooth: get("smooth") && get("on_image") && kind !== "categories",
  };
}

/** One pass over the values: finite range, that of each tile with zero in it, how many are not finite, which tiles are zero. */
function summarize({ values, tiles }) {
  let min = Infinity, max = -Infinity, odd = 0;
  const dead = new Uint8Array(tiles), lows = new Float32Array(tiles), highs = new Float32Array(tiles), size = values.length / tiles;
  for (let k = 0; k < tiles; k++) {
    let empty = true;
    for (let i = k * size; i < (k + 1) * size; i++) {
      const v = values[i];
      if (v !== 0) empty = false;
      if (v - v !== 0) { odd++; continue; } // only NaN and the infinities
      if (v < min) min = v;
      if (v > max) max = v;
      if (v < lows[k]) lows[k] = v;
      if (v > highs[k]) highs[k] = v;
    }
    dead[k] = empty ? 1 : 0;
  }
  return { min, max, odd, dead, lows, highs, deadCount: dead.reduce((a, b) => a + b, 0) };
}

/** The scene with the limits of tile k, where each tile has its own. */
function scaledFor(scene, { lows, highs }, k) {
  if (!scene.own || k < 0) return scene.own ? { ...scene, low: 0, high: 0 } : scene; // no one scale is true of all
  const most = Math.max(-lows[k], highs[k]) * scene.saturation;
  return scene.signed ? { ...scene, low: -most, high: most } : { ...scene, low: lows[k], high: lows[k] + (highs[k] - lows[k]) * scene.saturation };
}

/** The cell [tile, row, column] under a pixel of the stage; without a map the image's pixel, tile -1. */
function cellAt(scene, row, column) {
  const [height, width] = extent(scene);
  if (scene.open < 0) return [-1, row, column];
  return [scene.open, Math.floor(((row + 0.5) / height) * scene.rows), Math.floor(((column + 0.5) / width) * scene.cols)];
}

function plane({ values, rows, cols, channels }, k) {
  const size = rows * cols * channels;
  return values.subarray(k * size, (k + 1) * size);
}

/**
 * For each of `size` pixels along one side: the two cells between which it lies, and the second one's weight.
 * Half-pixel centres: cell k of n covers [k/n, (k+1)/n), its value is true at (k + 0.5)/n.
 */
function axis(n, size, smooth) {
  const first = new Int32Array(size), second = new Int32Array(size), weight = new Float32Array(size);
  for (let i = 0; i < size; i++) {
    const at = ((i + 0.5) * n) / size;
    const x = smooth ? clamp(at - 0.5, 0, n - 1) : Math.min(Math.floor(at), n - 1);
    first[i] = Math.floor(x);
    weight[i] = x - first[i];
    second[i] = weight[i] ? first[i] + 1 : first[i]; // a neighbour of weight 0 must not bring its NaN along
  }
  return { first, second, weight };
}

/** The value that is drawn at (fy, fx), both 0..1 of the extent. */
function valueAt(scene, data, fy, fx, channel = 0) {
  const at = (f, n) => { // the same arithmetic as axis(), for one point
    const x = scene.smooth ? clamp(f * n - 0.5, 0, n - 1) : clamp(Math.floor(f * n), 0, n - 1);
    const i = Math.floor(x);
    return [i, x > i ? i + 1 : i, x - i];
  };
  const [y0, y1, wy] = at(fy, scene.rows), [x0, x1, wx] = at(fx, scene.cols);
  const v = (y, x) => data[(y * scene.cols + x) * scene.channels + channel];
  const top = v(y0, x0) + (v(y0, x1) - v(y0, x0)) * wx, bottom = v(y1, x0) + (v(y1, x1) - v(y1, x0)) * wx;
  return wx || wy ? top + (bottom - top) * wy : v(y0, x0); // no arithmetic on a cell itself: Inf - Inf is NaN
}

// ---------------------------------------------------------------- colours

/** The chosen colour map as RGB triples, low to high; an odd number, so that zero has an entry of its own. */
function colorTable(get) {
  const names = Object.values(get("families")).flat(), luts = get("luts");
  const all = new Uint8Array(luts.buffer, luts.byteOffset, luts.byteLength), size = all.length / names.length;
  const k = Math.max(names.indexOf(get("colormap")), 0);
  return all.subarray(k * size, (k + 1) * size);
}

const pack = (r, g, b, a = 255) => ((a << 24) | (b << 16) | (g << 8) | r) >>> 0;
const hex = (c) => (/^#[0-9a-f]{6}$/i.test(c) ? [1, 3, 5].map((i) => parseInt(c.slice(i, i + 2), 16)) : [128, 128, 128]);

/** 0..1 between the limits. Limits without a span: below is 0, above is 1, equal is the middle when signed. */
function shareOf({ low, high, signed }) {
  const span = high - low;
  if (span > 0) return (v) => (v <= low ? 0 : v >= high ? 1 : (v - low) / span);
  return (v) => (v > low ? 1 : v < low || !signed ? 0 : 0.5);
}

/** A function from value to packed colour; the colours are made once, so that a pixel costs one look-up. */
function shader(scene, table) {
  if (scene.kind === "categories") {
    const colors = scene.categories.map(({ color }) => pack(...hex(color)));
    return (v) => colors[v];
  }
  const last = table.length / 3 - 1, colors = new Uint32Array(last + 1), share = shareOf(scene);
  for (let i = 0; i <= last; i++) {
    const strength = scene.signed ? Math.abs((2 * i) / last - 1) : i / last;
    colors[i] = pack(table[3 * i], table[3 * i + 1], table[3 * i + 2], scene.fade ? Math.round(255 * strength) : 255);
  }
  return (v) => colors[(share(v) * last + 0.5) | 0];
}

/** How far the strongest of three channels is from zero, 0..255. */
function strongest([r, g, b], signed) {
  const from = (x) => (signed ? Math.abs(2 * x - 255) : x);
  return Math.max(from(r), from(g), from(b));
}

/** Tile k as an ImageData of width x height. Values are interpolated, never colours: a colour map is not a line. */
function paint(scene, k, width, height, shade) {
  const out = new ImageData(width, height), pixels = new Uint32Array(out.data.buffer), data = plane(scene, k);
  const { channels, categories, kind, signed } = scene, share = shareOf(scene), rgb = [0, 0, 0];
  const X = axis(scene.cols, width, scene.smooth), Y = axis(scene.rows, height, scene.smooth);
  const length = scene.cols * channels, line = new Float32Array(length); // one row, interpolated from top to bottom
  const isNumber = kind === "categories" ? (v) => v >= 0 && v < categories.length && v % 1 === 0 : (v) => v - v === 0;
  for (let y = 0, i = 0; y < height; y++) {
    const top = Y.first[y] * length, bottom = Y.second[y] * length, wy = Y.weight[y];
    for (let j = 0; j < length; j++) line[j] = data[top + j] + (data[bottom + j] - data[top + j]) * wy;
    for (let x = 0; x < width; x++, i++) {
      const left = X.first[x] * channels, right = X.second[x] * channels, wx = X.weight[x];
      let v = line[left] + (line[right] - line[left]) * wx;
      if (channels === 1) {
        pixels[i] = isNumber(v) ? shade(v) : HATCH[((x + y) >> 2) & 1];
        continue;
      }
      let finite = true;
      for (let c = 0; c < 3; c++) {
        v = line[left + c] + (line[right + c] - line[left + c]) * wx;
        finite &&= isNumber(v);
        rgb[c] = (share(v) * 255 + 0.5) | 0;
      }
      pixels[i] = !finite ? HATCH[((x + y) >> 2) & 1] : pack(rgb[0], rgb[1], rgb[2], scene.fade ? strongest(rgb, signed) : 255);
    }
  }
  return out;
}

// ---------------------------------------------------------------- drawing

function canvasOf(width, height, data) {
  const canvas = new OffscreenCanvas(width, height);
  if (data) canvas.getContext("2d").putImageData(data, 0, 0);
  return canvas;
}

function baseCanvas({ image, width, height }) {
  const data = new ImageData(width, height);
  for (let i = 0, j = 0; i < image.length; j += 4) {
    data.data[j] = image[i++]; data.data[j + 1] = image[i++]; data.data[j + 2] = image[i++]; data.data[j + 3] = 255;
  }
  return canvasOf(width, height, data);
}

/** [height, width] of what the stage shows: the image's pixels, or the tile's own cells. */
const extent = (scene) => (scene.onImage || scene.open < 0 ? [scene.height, scene.width] : [scene.rows, scene.cols]);

/** The map in colours on a grid at least as fine as the screen's, so that smoothness is made of values. */
function mapCanvas(scene, shade) {
  const [height, width] = extent(scene), longest = Math.max(height, width);
  const scale = Math.min(Math.ceil(Math.max(DISPLAY, scene.rows, scene.cols) / longest), Math.max(1, MAX_WORK / longest));
  const w = Math.round(width * scale), h = Math.round(height * scale);
  return canvasOf(w, h, paint(scene, scene.open, w, h, shade));
}

/** Image, then map, then outlines, through zoom and pan: the same lines draw the screen and the saved picture. */
function compose(ctx, width, height, scene, layers, view) {
  composeLayers(ctx, width, height, scene, layers, view);
  const { zoom, center, box, clicked } = view, overImage = scene.image && (scene.onImage || scene.open < 0);
  const outline = (top, left, bottom, right, color) => {
    const [x, y] = [left, right].map((f) => ((f - center[0]) * zoom + 0.5) * width), [u, v] = [top, bottom].map((f) => ((f - center[1]) * zoom + 0.5) * height);
    for (const [line, style] of [[width / 90, "#000a"], [width / 200, color]]) {
      ctx.lineWidth = line; ctx.strokeStyle = style; ctx.strokeRect(x, u, y - x, v - u);
    }
  };
  const share = (f) => clamp(f, 0.004, 0.996); // an edge beyond the image is drawn along the image's
  if (clicked.length && clicked[0] === scene.open) {
    const [rows, cols] = scene.open < 0 ? [scene.height, scene.width] : [scene.rows, scene.cols], [, row, column] = clicked;
    outline(row / rows, column / cols, (row + 1) / rows, (column + 1) / cols, "#fff");
  }
  if (box.length && overImage) {
    const [top, left, bottom, right] = box;
    outline(share(top / scene.height), share(left / scene.width), share(bottom / scene.height), share(right / scene.width), "#ffb000");
  }
}

function composeLayers(ctx, width, height, scene, layers, view) {
  const { zoom, center, show, opacity } = view;
  const x = width * (0.5 - center[0] * zoom), y = height * (0.5 - center[1] * zoom);
  ctx.clearRect(0, 0, width, height);
  const withImage = layers.base && (scene.onImage || scene.open < 0) && (show !== "map" || !layers.map);
  if (withImage) {
    // A digit of 28 px is made of squares and shows them; a photograph is samples of something smooth.
    ctx.imageSmoothingEnabled = Math.max(scene.height, scene.width) >= 128;
    ctx.imageSmoothingQuality = "high";
    ctx.drawImage(layers.base, x, y, width * zoom, height * zoom);
  }
  if (!layers.map || (show === "image" && scene.onImage)) return;
  ctx.globalAlpha = withImage ? opacity : 1;
  ctx.imageSmoothingEnabled = scene.smooth;
  ctx.drawImage(layers.map, x, y, width * zoom, height * zoom);
  ctx.globalAlpha = 1;
}

function hatch(ctx, x, y, width, height) {
  ctx.save();
  ctx.beginPath(); ctx.rect(x, y, width, height); ctx.clip();
  ctx.fillStyle = "#9993"; ctx.fillRect(x, y, width, height);
  ctx.strokeStyle = "#8889"; ctx.lineWidth = 1; ctx.beginPath();
  for (let d = -height; d < width; d += 6) { ctx.moveTo(x + d, y + height); ctx.lineTo(x + d + height, y); }
  ctx.stroke(); ctx.restore();
}

function strike(ctx, x, y, width, height) {
  for (const [line, style] of [[3.5, "#fffb"], [1.5, "#000c"]]) {
    ctx.lineWidth = line; ctx.strokeStyle = style;
    ctx.beginPath(); ctx.moveTo(x + 2, y + height - 2); ctx.lineTo(x + width - 2, y + 2); ctx.stroke();
  }
}

/** Where each tile stands in a grid of that width, in CSS px. */
function gridLayout({ tiles, rows, cols }, width, captions) {
  const wanted = clamp(Math.sqrt((width * DISPLAY * 0.9) / tiles), 32, 112), gap = 4;
  const across = clamp(Math.floor((width + gap) / (wanted + gap)), Math.min(tiles, 3), tiles);
  const side = Math.min((width + gap) / across - gap, 112), high = (side * rows) / cols;
  const caption = captions && side >= 44 ? 14 : 0, stepX = side + gap, stepY = high + caption + gap;
  return { across, side, high, caption, stepX, stepY, height: Math.ceil(tiles / across) * stepY };
}

/** Every tile at its place. Cells stay squares; only a tile larger than its place is averaged down. */
function drawGrid(ctx, scene, table, summary, get, grid, color) {
  const { side, high, across, stepX, stepY, caption } = grid, sharp = { ...scene, smooth: false, fade: false };
  const shared = shader(sharp, table), names = get("names"), struck = new Set(get("struck"));
  ctx.imageSmoothingEnabled = scene.cols > side * devicePixelRatio;
  ctx.font = "10px sans-serif"; ctx.textAlign = "center"; ctx.textBaseline = "top";
  const stamp = canvasOf(scene.cols, scene.rows), stampContext = stamp.getContext("2d");
  for (let k = 0; k < scene.tiles; k++) {
    const x = (k % across) * stepX, y = Math.floor(k / across) * stepY;
    const own = scene.own && scaledFor(sharp, summary, k);
    stampContext.putImageData(paint(own || sharp, k, scene.cols, scene.rows, own ? shader(own, table) : shared), 0, 0);
    ctx.drawImage(stamp, x, y, side, high);
    if (summary.dead[k]) { ctx.clearRect(x, y, side, high); hatch(ctx, x, y, side, high); }
    if (struck.has(k)) strike(ctx, x, y, side, high);
    if (!caption) continue;
    ctx.fillStyle = color;
    const fitting = shorter(names[k] || String(k)).find((text) => ctx.measureText(text).width <= side);
    ctx.fillText(fitting ?? "", x + side / 2, y + high + 2);
  }
}

/** "filter 12 · dead", "12 · dead", "12": never the tile's place, which is another number once tiles are sorted. */
const shorter = (name) => [name, name.replace(/^[^\d]* (?=\d)/, ""), name.match(/\d+/)?.[0] ?? ""];

// ---------------------------------------------------------------- words

const power = (e) => "× 10" + String(e).replace(/./g, (c) => (c === "-" ? "⁻" : "⁰¹²³⁴⁵⁶⁷⁸⁹"[c]));
const exponentOf = (x) => { const e = Math.floor(Math.log10(x)); return x > 0 && (e < -3 || e > 4) ? e : 0; };
const minus = (text) => text.replace("-", "−");
const percent = (share) => (share > 0 && share < 0.001 ? "< 0.1 %" : `${(100 * share).toFixed(1)} %`);

/** Three digits, the way one would write them. */
function format(v) {
  if (!Number.isFinite(v)) return "not finite";
  if (v === 0) return "0.0";
  const e = exponentOf(Math.abs(v));
  return minus(e ? `${(v / 10 ** e).toFixed(2)} ${power(e)}` : String(Number(v.toPrecision(3))));
}

/** About five round numbers between the limits: [{at: 0..1, text, zero}], and the power of ten they share. */
function ticks(low, high) {
  if (!(high > low)) return { marks: [], exponent: 0 };
  const exponent = exponentOf(Math.max(Math.abs(low), Math.abs(high))), unit = 10 ** exponent;
  const rough = (high - low) / unit / 4.5, ten = 10 ** Math.floor(Math.log10(rough));
  const step = ten * [1, 2, 5, 10].find((m) => m * ten >= rough), digits = Math.max(0, -Math.floor(Math.log10(step) + 1e-9));
  const marks = [];
  for (let i = Math.ceil(low / unit / step - 1e-6); i * step <= (high / unit) * (1 + 1e-6) + 1e-12; i++) {
    marks.push({ at: clamp((i * step * unit - low) / (high - low), 0, 1), text: minus((i * step).toFixed(i ? digits : 0)), zero: i === 0 });
  }
  return { marks, exponent };
}

/** Share of the finite values that the colours cannot tell from the limits. */
function shareBeyond(scene, summary) {
  let beyond = 0;
  const { values, tiles } = scene, size = values.length / tiles;
  for (let k = 0; k < tiles; k++) {
    const { low, high } = scene.own ? scaledFor(scene, summary, k) : scene, slack = 1e-6 * (high - low);
    for (let i = k * size; i < (k + 1) * size; i++) if (values[i] < low - slack || values[i] > high + slack) beyond++;
  }
  return beyond / values.length;
}

/** What somebody must know to read the picture rightly. */
function remarks(scene, summary) {
  const said = [];
  if (scene.kind === "none") return [scene.image ? "No map yet: this is the image alone." : "Nothing to show yet."];
  if (scene.kind === "categories") return said;
  if (summary.odd) said.push(`${summary.odd} ${summary.odd > 1 ? "values are" : "value is"} not finite (hatched).`);
  if (summary.min === summary.max) said.push(`Constant map: value ${format(summary.min)}.`);
  else if (summary.deadCount) said.push(`${summary.deadCount} of ${scene.tiles} tiles are zero everywhere (hatched).`);
  if (scene.own) said.push("Each tile has its own scale: colours of two tiles do not compare.");
  const beyond = shareBeyond(scene, summary);
  if (beyond && summary.min < summary.max) said.push(`${percent(beyond)} of the values lie beyond the limits.`);
  return said;
}

/** "row 3, column 4 · RGB 1 2 3 · map 0.42 logit": everything about one pixel of the stage. */
function reading(scene, row, column, get) {
  const [height, width] = extent(scene), said = [`row ${row}, column ${column}`];
  if (scene.image && (scene.onImage || scene.open < 0)) {
    const rgb = scene.image.subarray((row * width + column) * 3, (row * width + column) * 3 + 3);
    said.push(rgb[0] === rgb[1] && rgb[1] === rgb[2] ? `grey ${rgb[0]}` : `RGB ${rgb.join(" ")}`);
  }
  if (scene.open < 0) return said.join(" · ");
  const fy = (row + 0.5) / height, fx = (column + 0.5) / width, data = plane(scene, scene.open);
  const read = Array.from({ length: scene.channels }, (_, c) => valueAt(scene, data, fy, fx, c));
  if (scene.kind === "categories") said.push(scene.categories[read[0]]?.name ?? "no category");
  else said.push(`${scene.onImage ? "map " : ""}${read.map(format).join(", ")} ${get("unit")}`.trim());
  if (scene.onImage && (scene.rows !== height || scene.cols !== width)) {
    said.push(`cell (${Math.floor(fy * scene.rows)}, ${Math.floor(fx * scene.cols)})`);
  }
  return said.join(" · ");
}
