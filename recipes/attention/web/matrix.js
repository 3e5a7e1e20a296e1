// Draws all queries × keys as a matrix of cells, with the names of both where there is room.

const LARGEST_CELL = 40; // pixels
const NAMED_CELL = 11; // from this size on, rows and columns have names

function matrixView(root) {
  const canvas = root.appendChild(make("canvas"));
  canvas.tabIndex = 0;
  canvas.setAttribute("role", "img");
  canvas.setAttribute("aria-label", "All queries by all keys; arrow keys move, Enter pins.");
  const picture = document.createElement("canvas");
  let cursor = [0, 0]; // among the rows and columns that are shown
  let place = { left: 0, top: 0, cell: 1 };

  function measure() {
    const context = canvas.getContext("2d");
    context.font = FONT;
    const longest = (tokens, shown) =>
      Math.min(130, Math.max(...shown.map((i) => context.measureText(tokens[i].text).width)));
    const width = root.clientWidth;
    const names = longest(grid.queries, grid.rows) + 12;
    const tall = longest(grid.keys, grid.columns) * 0.87 + 14;
    let cell = Math.min(
      LARGEST_CELL,
      Math.floor((width - names - tall * 0.5) / grid.columns.length),
    );
    if (cell >= NAMED_CELL) {
      const spare = width - names - tall * 0.5 - cell * grid.columns.length;
      return { left: names + spare / 2, top: tall, cell };
    }
    cell = Math.min(NAMED_CELL - 1, width / grid.columns.length);
    return { left: 0, top: 0, cell };
  }

  function fill() {
    const [height, width] = [grid.rows.length, grid.columns.length];
    Object.assign(picture, { width, height });
    const pixels = new ImageData(width, height);
    let at = 0;
    for (const row of grid.rows) {
      for (const column of grid.columns) {
        const [r, g, b] = colourOf(valueAt(row, column));
        pixels.data[at] = r;
        pixels.data[at + 1] = g;
        pixels.data[at + 2] = b;
        pixels.data[at + 3] = 255;
        at += 4;
      }
    }
    picture.getContext("2d").putImageData(pixels, 0, 0);
  }

  function draw() {
    if (root.hidden) return;
    const { left, top, cell } = place;
    const [height, width] = [grid.rows.length * cell, grid.columns.length * cell];
    const isNamed = top > 0;
    const context = sized(canvas, isNamed ? root.clientWidth : width, top + height + 1);
    context.imageSmoothingEnabled = false;
    context.drawImage(picture, left, top, width, height);
    context.strokeStyle = css(colours.line);
    context.strokeRect(left + 0.5, top + 0.5, width - 1, height - 1);
    if (isNamed) {
      gaps(context);
      names(context);
    }
    crosshair(context, width, height);
  }

  function gaps(context) {
    const { left, top, cell } = place;
    context.fillStyle = css(colours.card);
    grid.rows.forEach((_, y) =>
      context.fillRect(left, top + y * cell, grid.columns.length * cell, 1),
    );
    grid.columns.forEach((_, x) =>
      context.fillRect(left + x * cell, top, 1, grid.rows.length * cell),
    );
  }

  function names(context) {
    const { left, top, cell } = place;
    context.font = FONT;
    context.textBaseline = "middle";
    context.textAlign = "right";
    grid.rows.forEach((row, y) => {
      context.fillStyle = css(isRow(row) ? colours.ink : colours.muted);
      context.fillText(fitted(context, grid.queries[row].text), left - 6, top + (y + 0.5) * cell);
    });
    context.textAlign = "left";
    grid.columns.forEach((column, x) => {
      context.save();
      context.translate(left + (x + 0.5) * cell, top - 5);
      context.rotate(-Math.PI / 3);
      context.fillStyle = css(isAt("key", column) ? colours.ink : colours.muted);
      context.fillText(fitted(context, grid.keys[column].text), 0, 0);
      context.restore();
    });
  }

  const isRow = (row) => isAt("query", row);

  function fitted(context, text) {
    let short = text;
    while (short.length > 1 && context.measureText(short).width > 130) short = short.slice(0, -2);
    return short === text ? text : `${short}…`;
  }

  function crosshair(context, width, height) {
    const { left, top, cell } = place;
    context.strokeStyle = css(colours.ink);
    context.lineWidth = 1.5;
    const { focus } = state;
    if (focus && focus.side === "query") {
      const y = grid.rows.indexOf(focus.index);
      if (y >= 0) context.strokeRect(left, top + y * cell, width, Math.max(3, cell));
    }
    if (focus && focus.cell !== undefined) {
      const [y, x] = cursor;
      context.strokeRect(left + x * cell, top + y * cell, Math.max(3, cell), Math.max(3, cell));
    }
    if (focus && focus.side === "key") {
      const x = grid.columns.indexOf(focus.index);
      if (x >= 0) context.strokeRect(left + x * cell, top, Math.max(3, cell), height);
    }
  }

  function move(y, x, pinned = state.pinned) {
    cursor = [
      Math.max(0, Math.min(grid.rows.length - 1, y)),
      Math.max(0, Math.min(grid.columns.length - 1, x)),
    ];
    const cell = grid.columns[cursor[1]];
    choose({ focus: { side: "query", index: grid.rows[cursor[0]], cell }, pinned });
  }

  function under(event) {
    const box = canvas.getBoundingClientRect();
    const { left, top, cell } = place;
    const x = Math.floor((event.clientX - box.left - left) / cell);
    const y = Math.floor((event.clientY - box.top - top) / cell);
    const isIn = y >= 0 && x >= 0 && y < grid.rows.length && x < grid.columns.length;
    return isIn ? [y, x] : null;
  }

  canvas.addEventListener("pointermove", (event) => {
    const found = under(event);
    if (state.pinned) return;
    if (found) move(...found);
    else if (state.focus) choose({ focus: null });
  });
  canvas.addEventListener("pointerleave", () => !state.pinned && choose({ focus: null }));
  canvas.addEventListener("click", (event) => {
    const found = under(event);
    const isSame = found && state.pinned && String(found) === String(cursor);
    if (found) move(...found, !isSame);
    else choose({ focus: null, pinned: false });
  });
  canvas.addEventListener("keydown", (event) => {
    const step = { ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1] }[
      event.key
    ];
    if (event.key === "Enter" || event.key === " ") move(...cursor, !state.pinned);
    else if (step) move(cursor[0] + step[0], cursor[1] + step[1]);
    else return;
    event.preventDefault();
  });

  function renew() {
    if (root.hidden) return;
    place = measure();
    fill();
    draw();
  }
  let wasHidden = true;
  listeners.push((isNew) => {
    root.hidden = isPicture() || state.view !== "matrix";
    if (isNew || wasHidden) renew();
    else draw();
    wasHidden = root.hidden;
  });
  repaints.push(() => grid && renew());
}
