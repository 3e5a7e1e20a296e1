// Draws the tokens in two columns, with lines between: the more ink, the larger the weight.

const ROW = 24; // pixels
const SHADES = 24; // so that lines of a shade are drawn together
const MOST_LINES = 4000; // where none is looked at, the heaviest

function linesView(root) {
  const canvas = make("canvas");
  canvas.setAttribute("aria-hidden", "true");
  const left = make("div", "side left");
  const right = make("div", "side right");
  const middle = make("div", "middle");
  middle.append(canvas);
  root.append(left, middle, right);
  const settle = [roving(left), roving(right)];
  let rows = [];

  function column(root, side, tokens, shown) {
    root.replaceChildren();
    return shown.map((index) => {
      const label = make("button", "label", tokens[index].text);
      label.tabIndex = -1;
      label.dataset.item = "";
      if (tokens[index].special) label.classList.add("special");
      root.append(pointable(label, side, index));
      return { label, index, side };
    });
  }

  function build() {
    rows = [
      ...column(left, "query", grid.queries, grid.rows),
      ...column(right, "key", grid.keys, grid.columns),
    ];
    for (const each of settle) each();
  }

  // The lines to draw, by row and column of what is shown: those of the token that is looked at.
  function chosenLines() {
    const { focus } = state;
    const rowOf = focus && focus.side === "query" ? focus.index : null;
    const columnOf = focus && focus.side === "key" ? focus.index : null;
    const lines = [];
    grid.rows.forEach((row, y) => {
      if (rowOf !== null && row !== rowOf) return;
      grid.columns.forEach((column, x) => {
        if (columnOf !== null && column !== columnOf) return;
        const value = valueAt(row, column);
        if (Math.abs(value) > grid.largest / 200) lines.push([y, x, value]);
      });
    });
    if (focus || lines.length <= MOST_LINES) return lines;
    return lines.sort((a, b) => Math.abs(b[2]) - Math.abs(a[2])).slice(0, MOST_LINES);
  }

  function draw() {
    if (root.hidden) return;
    const height = ROW * Math.max(grid.rows.length, grid.columns.length);
    const width = middle.clientWidth;
    const context = sized(canvas, width, height);
    const lines = chosenLines();
    const own = lines.reduce((most, line) => Math.max(most, Math.abs(line[2])), 1e-9);
    const largest = state.focus ? scaleOf(own) : grid.largest;
    const shades = new Map();
    for (const line of lines) {
      const shade = Math.ceil((Math.abs(line[2]) / largest) * SHADES) * (line[2] < 0 ? -1 : 1);
      if (!shades.has(shade)) shades.set(shade, []);
      shades.get(shade).push(line);
    }
    for (const [shade, some] of [...shades].sort((a, b) => Math.abs(a[0]) - Math.abs(b[0]))) {
      const share = Math.abs(shade) / SHADES;
      context.strokeStyle = css(shade < 0 ? colours.against : colours.accent, 0.04 + 0.96 * share ** 1.4);
      context.lineWidth = 0.5 + 3 * share;
      context.beginPath();
      for (const [y, x] of some) {
        const [from, to] = [(y + 0.5) * ROW, (x + 0.5) * ROW];
        context.moveTo(0, from);
        context.bezierCurveTo(width * 0.4, from, width * 0.6, to, width, to);
      }
      context.stroke();
    }
    mark(largest);
  }

  function mark(largest) {
    const { focus } = state;
    for (const { label, side, index } of rows) {
      const isMarked = isAt(side, index);
      const other = focus && focus.side !== side;
      const [row, column] = side === "query" ? [index, focus && focus.index] : [focus && focus.index, index];
      const colour = other ? colourOf(valueAt(row, column), largest) : null;
      label.style.background = colour ? css(colour) : "";
      label.style.color = colour ? readable(colour) : "";
      label.classList.toggle("at", isMarked);
      label.setAttribute("aria-pressed", String(state.pinned && isMarked));
    }
  }

  listeners.push((isNew) => {
    root.hidden = isPicture() || state.view !== "lines";
    if (root.hidden) return;
    if (isNew || !rows.length) build();
    draw();
  });
  repaints.push(() => grid && draw());
}
