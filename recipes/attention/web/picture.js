// Shows an image with what is read of it: a map of its patches over the picture.

// The row of the answer's maps: of the patch that is looked at, or what the answer is made from.
const rowOfPicture = () => (state.mode === "contributions" ? data.reader : currentRow());

// What a matrix (T × S) says of each patch: in the row that is looked at, or the mean of all.
function patchMap(matrix, width, row = rowOfPicture()) {
  const first = width - data.picture.rows * data.picture.columns; // after a class token
  const map = new Float32Array(width - first);
  const rows = row === null ? matrix.length / width : 1;
  for (let t = 0; t < rows; t += 1) {
    const start = (row === null ? t : row) * width + first;
    for (let s = 0; s < map.length; s += 1) map[s] += matrix[start + s] / rows;
  }
  return map;
}

function pictureView(root) {
  const box = root.appendChild(make("div", "picture"));
  const canvas = box.appendChild(make("canvas"));
  canvas.tabIndex = 0;
  canvas.setAttribute("role", "img");
  canvas.setAttribute("aria-label", "The image by its patches; arrow keys move, Enter pins.");
  const image = new Image();
  image.onload = () => draw();
  const own = box.appendChild(make("div", "choice"));
  const plain = own.appendChild(make("button", "toggle", "Map over the picture"));
  plain.append(make("kbd", "", "O"));
  plain.setAttribute("aria-pressed", "true");
  const whole = own.appendChild(make("button", "toggle", "The answer's own map"));
  let isOver = true;

  function toggle() {
    isOver = !isOver;
    plain.setAttribute("aria-pressed", String(isOver));
    draw();
  }
  plain.addEventListener("click", toggle);
  whole.addEventListener("click", () => choose({ focus: null, pinned: false }));

  const first = () => grid.width - data.picture.rows * data.picture.columns;
  function layout() {
    const { rows, columns } = data.picture;
    const width = Math.min(box.clientWidth || 320, (520 * columns) / rows);
    return { width, height: (width * rows) / columns, side: width / columns };
  }

  function draw() {
    if (!isPicture() || !grid) return;
    const { rows, columns } = data.picture;
    const { width, height, side } = layout();
    const context = sized(canvas, width, height);
    context.imageSmoothingEnabled = image.naturalWidth >= width / 2;
    // Colours of gradients are told from those of a picture by taking these away.
    context.filter = grid.isSigned && isOver ? "grayscale(1) brightness(0.75)" : "none";
    if (image.naturalWidth) context.drawImage(image, 0, 0, width, height);
    context.filter = "none";
    const row = state.mode === "contributions" ? state.outcome : rowOfPicture();
    const map = patchMap(grid.values, grid.width, row);
    const largest = map.reduce((most, value) => Math.max(most, Math.abs(value)), 1e-9);
    if (isOver) veil(context, map, largest, side, columns);
    outline(context, side, columns, rows);
  }

  // What is read stays light; the rest is veiled. Gradients have colours of their own.
  function veil(context, map, largest, side, columns) {
    map.forEach((value, patch) => {
      const [column, row] = [patch % columns, Math.floor(patch / columns)];
      const [x, y] = [column, row].map((at) => Math.round(at * side));
      const [right, bottom] = [column + 1, row + 1].map((at) => Math.round(at * side));
      const share = ink(value, largest);
      context.fillStyle = grid.isSigned
        ? css(value < 0 ? colours.against : colours.accent, 0.85 * share)
        : `rgba(8, 10, 24, ${0.86 * (1 - share)})`;
      context.fillRect(x, y, right - x, bottom - y);
    });
  }

  function outline(context, side, columns) {
    const { focus } = state;
    if (!focus || focus.index < first()) return;
    const patch = focus.index - first();
    const [x, y] = [(patch % columns) * side, Math.floor(patch / columns) * side];
    context.lineWidth = 3;
    context.strokeStyle = "#16161a";
    context.strokeRect(x, y, side, side);
    context.lineWidth = 1.5;
    context.strokeStyle = "#ffffff";
    context.strokeRect(x, y, side, side);
  }

  function under(event) {
    const frame = canvas.getBoundingClientRect();
    const { side } = layout();
    const { rows, columns } = data.picture;
    const x = Math.floor((event.clientX - frame.left) / side);
    const y = Math.floor((event.clientY - frame.top) / side);
    return x >= 0 && y >= 0 && x < columns && y < rows ? first() + y * columns + x : null;
  }

  const canPoint = () => state.mode !== "contributions";
  canvas.addEventListener("pointermove", (event) => {
    const patch = under(event);
    if (state.pinned || patch === null || !canPoint() || isAt("query", patch)) return;
    choose({ focus: { side: "query", index: patch } });
  });
  canvas.addEventListener("pointerleave", () => !state.pinned && choose({ focus: null }));
  canvas.addEventListener("click", (event) => {
    const patch = under(event);
    if (patch !== null && canPoint()) pin("query", patch);
  });
  canvas.addEventListener("keydown", (event) => {
    const { rows, columns } = data.picture;
    const step = { ArrowRight: 1, ArrowLeft: -1, ArrowDown: columns, ArrowUp: -columns }[event.key];
    const at = state.focus ? state.focus.index : first() - (step || 0);
    if (!canPoint()) return;
    if (step) {
      const next = Math.max(first(), Math.min(first() + rows * columns - 1, at + step));
      choose({ focus: { side: "query", index: next } });
    } else if (event.key === "Enter" || event.key === " ") pin("query", Math.max(first(), at));
    else return;
    event.preventDefault();
  });

  listeners.push(() => {
    root.hidden = !isPicture();
    if (!root.hidden) draw();
  });
  repaints.push(draw);
  keys.O = { does: "map over the picture", run: toggle, when: isPicture };
  if (isPicture()) image.src = data.picture.source;
}
