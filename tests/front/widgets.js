// The traits of each widget with something in them, by the name of its file.

const bytes = (...numbers) => new DataView(new Uint8Array(numbers).buffer);
const floats = (...numbers) => new DataView(new Float32Array(numbers).buffer);
const grey = (side) => bytes(...new Array(3 * side * side).fill(90));

const LUTS = bytes(...Array.from({ length: 2 * 3 * 257 }, (_, i) => i % 256));

export const LIVE_IMAGE = {
  image: grey(4),
  image_shape: [4, 4],
  values: floats(0, 0.25, 0.5, 1),
  values_shape: [2, 2],
  on_image: true,
  names: [],
  struck: [],
  categories: [],
  signed: false,
  unit: "logit",
  limits: [0, 1],
  title: "Grad-CAM",
  alt: "",
  dimmed: false,
  busy: false,
  behind: false,
  box: [],
  compact: false,
  has_scale: true,
  enlarges: true,
  leader: null,
  tells_hover: false,
  luts: LUTS,
  families: { sequential: ["viridis"], diverging: ["RdBu_r"] },
  opacity: 0.6,
  colormap: "viridis",
  show: "both",
  smooth: false,
  fade: false,
  saturation: 1,
  zoom: 1,
  center: [0.5, 0.5],
  selected: -1,
  tile_scale: "shared",
  clicked: [],
  hovered: [],
};

const row = (path, level, more = {}) => ({
  path,
  name: path.split("/").at(-1),
  kind: "Conv2D",
  family: "conv",
  level,
  group: false,
  layer: true,
  output: "8 × 8 × 4",
  window: ["3×3", "same"],
  sees: ["3×3 px", "every 1 px"],
  parameters: "10",
  parameters_tip: "10 parameters",
  trainable: 0.5,
  fixed: 0,
  cost: "100",
  cost_tip: "100 multiply-adds",
  cost_share: 0.5,
  ...more,
});

export const LAYER_TABLE = {
  rows: [
    row("block", 1, { group: true, layer: false, kind: "block, 2 layers", family: "group" }),
    row("block/one", 2),
    row("block/two", 2, { window: ["5×5", "step 2"] }),
    row("head", 1, { kind: "Dense" }),
  ],
  total: { layers: "3 layers", parameters: "20", trained: "20 trainable, 0 not", cost: "200" },
  selected: "",
};

const box = (path, y, more = {}) => ({
  path,
  title: path,
  detail: "8×8×4",
  hint: `${path} · Conv2D`,
  family: "conv",
  layer: true,
  group: false,
  x: 10,
  y,
  width: 120,
  height: 40,
  ...more,
});

export const DIAGRAM = {
  scene: {
    name: "small",
    width: 140,
    height: 260,
    nodes: [box("one", 10), box("block", 80, { group: true, layer: false }), box("three", 150)],
    boxes: [],
    edges: [
      {
        from: "one",
        to: "block",
        points: [
          [70, 50],
          [70, 80],
        ],
        arrow: true,
      },
    ],
  },
  around: { one: [], three: [], "block/two": ["block"] },
  opened: [],
  selected: "",
};

export const GALLERY = {
  label: "Images",
  names: ["cat", "dog", "bird"],
  pixels: bytes(...new Array(3 * 3 * 4).fill(7)),
  side: 2,
  named: true,
  selected: 0,
};

export const NUMBER_GRIDS = {
  lines: [
    [
      {
        kind: "grid",
        title: "patch",
        digits: 3,
        rows: [
          [0, -0.5],
          [1e-7, null],
        ],
        limit: 1,
        outside: [
          [true, false],
          [false, false],
        ],
      },
      { kind: "sign", text: "×" },
      { kind: "number", value: 0, title: "bias", strong: true },
      { kind: "text", text: "the sum" },
    ],
  ],
};

export const OCCLUDER = {
  image: grey(8),
  image_shape: [8, 8],
  covering: grey(8),
  fills: { grey: "The mean.", black: "Zero." },
  window: [],
  bars: [
    { name: "cat", clean: 0.75, now: 0.25, target: true, top: false },
    { name: "dog", clean: 0.25, now: 0.75, target: false, top: true },
  ],
  quantities: false,
  caption: "Nothing is covered.",
  failed: false,
  answered: 0,
  rectangle: [2, 2, 4, 4],
  asked: 0,
  fill: "grey",
};

export const PICK_LIST = {
  label: "Class",
  placeholder: "search",
  names: ["cat", "dog", "bird"],
  details: ["a", "b", "c"],
  hints: ["purrs", "barks", "sings"],
  values: floats(0.25, 0.75, 0),
  by_value: true,
  none_name: "",
  height: 220,
  selected: 0,
};

export const UPLOAD = { error: "", label: "Upload image…" };

export const WIDGETS = {
  diagram: DIAGRAM,
  gallery: GALLERY,
  layer_table: LAYER_TABLE,
  live_image: LIVE_IMAGE,
  number_grids: NUMBER_GRIDS,
  occluder: OCCLUDER,
  pick_list: PICK_LIST,
  upload: UPLOAD,
};
