// Holds what is chosen, and makes of it the one grid of numbers that every view draws.

const MEAN = -1; // of all heads
const state = {
  variant: 0,
  part: "",
  mode: "weights",
  layer: 0,
  head: MEAN,
  outcome: 0,
  special: true,
  view: "lines",
  focus: null,
  pinned: false,
};
let data = null;
let grid = null;
const listeners = [];

// What each measure is called, and what its numbers are.
const MODES = {
  weights: { label: "Attention", verb: "reads" },
  rollout: { label: "Rollout", verb: "holds" },
  contributions: { label: "Gradient × input", verb: "rests on" },
};

// What the queries and the keys of a part are called.
const TITLES = {
  encoder: ["Tokens", "Tokens"],
  decoder: ["Being written", "Written before"],
  cross: ["Translation", "Source"],
};

const variant = () => data.variants[state.variant];
const partsOf = () => Object.keys(variant().parts);
const part = () => data.parts[variant().parts[state.part]];
const numLayers = () => part().weights.shape[0];
const numHeads = () => part().weights.shape[1];
const isTranslation = () => "cross" in variant().parts;
const explained = () => (isTranslation() ? "cross" : "encoder"); // whose keys contributions are of
const fills = () =>
  !isTranslation() && variant().outcomes.some(({ position }) => position !== null);
const isPicture = () => Boolean(data.picture);

function modesOf() {
  const modes = ["weights"];
  if (part().rollout) modes.push("rollout");
  if (variant().outcomes.length && state.part === explained()) modes.push("contributions");
  return modes;
}

// Changes what is chosen. A grid is made anew only where its numbers change.
function choose(changes) {
  const before = { ...state };
  Object.assign(state, changes);
  if (!(state.part in variant().parts)) state.part = partsOf()[0];
  if (!modesOf().includes(state.mode)) state.mode = "weights";
  state.layer = Math.max(0, Math.min(numLayers() - 1, state.layer));
  state.head = Math.max(MEAN, Math.min(numHeads() - 1, state.head));
  const isOther = ["variant", "part", "mode"].some((name) => state[name] !== before[name]);
  if (isOther && !("focus" in changes)) Object.assign(state, { focus: null, pinned: false });
  const ofGrid = ["variant", "part", "mode", "layer", "head", "special"];
  const isNew = !grid || ofGrid.some((name) => state[name] !== before[name]);
  if (isNew) grid = makeGrid();
  for (const listener of listeners) listener(isNew, before);
}

// The numbers that are shown: rows are what reads, columns what is read.
function makeGrid() {
  const { mode } = state;
  const isSigned = mode === "contributions";
  const keys = part().keys;
  const queries = isSigned ? variant().outcomes.map(outcomeToken) : part().queries;
  let values = null;
  if (mode === "weights") values = headMatrix(part(), state.layer, state.head);
  if (mode === "rollout") values = part().rollout;
  if (isSigned) values = variant().contributions;
  const [rows, columns] = [queries, keys].map(shownOf);
  const largest = largestOf(values, keys.length, rows, columns);
  const alike = isSigned ? 0 : Math.min(1, ALIKE / columns.length);
  return {
    queries,
    keys,
    values,
    rows,
    columns,
    width: keys.length,
    isSigned,
    isOwn: part().isSelf && !isSigned,
    largest: Math.max(largest, alike),
  };
}

function outcomeToken({ label, position }) {
  const query = position === null ? null : part().queries[position];
  return { text: label, special: Boolean(query && query.special), spaced: !query || query.spaced };
}

function shownOf(tokens) {
  const all = tokens.map((_, index) => index);
  const shown = state.special ? all : all.filter((index) => !tokens[index].special);
  return shown.length ? shown : all;
}

function largestOf(values, width, rows, columns) {
  let largest = 0;
  for (const row of rows) {
    for (const column of columns) {
      largest = Math.max(largest, Math.abs(values[row * width + column]));
    }
  }
  return largest || 1;
}

const valueAt = (row, column) => grid.values[row * grid.width + column];

// The row that is looked at: what is pointed at, or else what the answer is made from.
function currentRow() {
  const { focus, mode, outcome } = state;
  if (focus && focus.side === "query") return focus.index;
  if (mode === "contributions") return outcome;
  return data.reader;
}

// The numbers to colour a side by: of the row or column that is looked at, or the mean of all rows.
function shares(side) {
  const { focus } = state;
  if (side === "query") {
    return focus && focus.side === "key"
      ? grid.queries.map((_, row) => valueAt(row, focus.index))
      : null;
  }
  if (focus && focus.side === "key") return grid.isOwn ? shares("query") : null;
  const row = currentRow();
  if (row !== null && row < grid.queries.length)
    return grid.keys.map((_, column) => valueAt(row, column));
  const count = grid.queries.length;
  return grid.keys.map(
    (_, column) => grid.queries.reduce((sum, _token, r) => sum + valueAt(r, column), 0) / count,
  );
}
