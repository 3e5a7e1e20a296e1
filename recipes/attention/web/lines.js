// Draws the tokens in two columns, with lines between: the more ink, the larger the weight.

const LONG = 60; // tokens of either side
const ROW = 24; // pixels
const SHADES = 32; // so that lines of a shade are drawn together
const MOST_LINES = 1200; // where none is looked at, the heaviest

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
    root.classList.toggle("long", rows.length > 2 * LONG); // it scrolls by itself
    for (const each of settle) each();
  }

  // The lines to draw, those of a shade together: of the token that is looked at, or of all.
  function shadesOf(largest) {
    const { focus } = state;
    const only = (side) => (focus && focus.side === side ? focus.index : null);
    const [rowOf, columnOf] = [only("query"), only("key")];
    const shades = Array.from({ length: 2 * SHADES + 1 }, () => []);
    grid.rows.forEach((row, y) => {
      if (rowOf !== null && row !== rowOf) return;
      grid.columns.forEach((column, x) => {
        if (columnOf !== null && column !== columnOf) return;
        const shade = Math.round((valueAt(row, column) / largest) * SHADES);
        if (shade) shades[shade + SHADES].push([y, x]);
      });
    });
    return shades;
  }

  // What is looked at has a scale of its own.
  function scaleOfLines() {
    const { focus } = state;
    if (!focus) return grid.largest;
    const values = shares(focus.side === "query" ? "key" : "query");
    return scaleOf(shownLargest(values));
  }

  function draw() {
    if (root.hidden) return;
    const whole = ROW * Math.max(grid.rows.length, grid.columns.length);
    middle.style.minHeight = `${whole}px`;
    const [width, height] = [middle.clientWidth, Math.min(whole, root.clientHeight)];
    const context = sized(canvas, width, height);
    const top = Math.min(root.scrollTop, whole - height);
    context.translate(0, -top);
    const isSeen = (from, to) => Math.max(from, to) > top && Math.min(from, to) < top + height;
    const largest = scaleOfLines();
    const shades = shadesOf(largest);
    const from = state.focus ? 1 : firstShade(shades);
    for (let shade = from; shade <= SHADES; shade += 1) {
      for (const sign of [-1, 1])
        stroke(context, shades[SHADES + sign * shade], sign, shade, width, isSeen);
    }
    mark(largest);
  }

  // The faintest shade to draw, so that no more than `MOST_LINES` are drawn.
  function firstShade(shades) {
    let [shade, count] = [SHADES, 0];
    for (; shade > 0; shade -= 1) {
      count += shades[SHADES + shade].length + shades[SHADES - shade].length;
      if (count > MOST_LINES) break;
    }
    return Math.min(SHADES, shade + 1);
  }

  function stroke(context, lines, sign, shade, width, isSeen) {
    const share = shade / SHADES;
    const strength = share ** (state.focus ? 1.2 : 2); // of all lines the strong ones stand out
    context.strokeStyle = css(sign < 0 ? colours.against : colours.accent, 0.03 + 0.97 * strength);
    context.lineWidth = 0.5 + 3 * share;
    context.beginPath();
    for (const [y, x] of lines) {
      const [from, to] = [(y + 0.5) * ROW, (x + 0.5) * ROW];
      if (!isSeen(from, to)) continue;
      context.moveTo(0, from);
      context.bezierCurveTo(width * 0.4, from, width * 0.6, to, width, to);
    }
    context.stroke();
  }

  function mark(largest) {
    const { focus } = state;
    for (const { label, side, index } of rows) {
      const isMarked = isAt(side, index);
      const other = focus && focus.side !== side;
      const [row, column] =
        side === "query" ? [index, focus && focus.index] : [focus && focus.index, index];
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
  root.addEventListener("scroll", () => requestAnimationFrame(draw));
  repaints.push(() => grid && draw());
}
