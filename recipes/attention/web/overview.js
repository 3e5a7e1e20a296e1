// Draws all layers × heads small, with the mean of each layer's heads at the end of its row.

const SIDE = 56; // pixels that a small picture is made of

function overviewView(root) {
  const table = root.appendChild(make("div", "grid"));
  table.setAttribute("role", "group");
  table.setAttribute("aria-label", "Layers by heads; arrow keys move, Enter chooses.");
  const settle = roving(table, () => numHeads() + 1);
  let cells = [];

  function build() {
    table.replaceChildren(make("span"));
    cells = [];
    const side = "minmax(0, 1fr)";
    table.style.gridTemplateColumns = `auto repeat(${numHeads()}, ${side}) 6px ${side}`;
    for (let head = 0; head < numHeads(); head += 1)
      table.append(make("span", "name", `${head + 1}`));
    table.append(make("span"), make("span", "name mean", "mean"));
    for (let layer = 0; layer < numLayers(); layer += 1) {
      table.append(make("span", "name", `${layer + 1}`));
      for (let head = 0; head < numHeads(); head += 1) cell(layer, head);
      table.append(make("span"));
      cell(layer, MEAN);
    }
    settle();
  }

  function cell(layer, head) {
    const button = make("button", "small");
    button.tabIndex = -1;
    button.dataset.item = "";
    const name = head === MEAN ? "mean of the heads" : `head ${head + 1}`;
    button.setAttribute("aria-label", `layer ${layer + 1}, ${name}`);
    button.title = `Layer ${layer + 1}, ${name}`;
    button.addEventListener("click", () => choose({ mode: "weights", layer, head }));
    const canvas = button.appendChild(make("canvas"));
    table.append(button);
    cells.push({ button, canvas, layer, head });
  }

  // The largest of the numbers below each pixel, so that thin lines stay.
  function pooled(matrix, rows, columns, width) {
    const [high, wide] = [Math.min(SIDE, rows.length), Math.min(SIDE, columns.length)];
    const pixels = new Float32Array(high * wide);
    let largest = Math.min(1, ALIKE / columns.length);
    rows.forEach((row, y) => {
      const start = Math.floor((y * high) / rows.length) * wide;
      columns.forEach((column, x) => {
        const at = start + Math.floor((x * wide) / columns.length);
        const value = matrix[row * width + column];
        if (value > pixels[at]) pixels[at] = value;
        if (value > largest) largest = value;
      });
    });
    return { pixels, high, wide, largest };
  }

  function paintPixels(canvas, { pixels, high, wide, largest }) {
    Object.assign(canvas, { width: wide, height: high });
    const image = new ImageData(wide, high);
    pixels.forEach((value, i) =>
      image.data.set([...ramp(ink(value, largest, part().keys.length)), 255], 4 * i),
    );
    canvas.getContext("2d").putImageData(image, 0, 0);
  }

  function drawAll() {
    const width = part().keys.length;
    const [rows, columns] = [shownOf(part().queries), shownOf(part().keys)];
    for (const { canvas, layer, head } of cells) {
      const matrix = headMatrix(part(), layer, head);
      if (isPicture()) {
        const map = patchMap(matrix, width);
        const { rows: high, columns: wide } = data.picture;
        paintPixels(canvas, { pixels: map, high, wide, largest: scaleOf(Math.max(...map)) });
      } else paintPixels(canvas, pooled(matrix, rows, columns, width));
    }
  }

  function mark() {
    for (const { button, layer, head } of cells) {
      const isChosen = state.mode === "weights" && layer === state.layer && head === state.head;
      button.setAttribute("aria-pressed", String(isChosen));
    }
  }

  let before = "";
  listeners.push(() => {
    const now = `${state.variant} ${state.part}`;
    const drawn = `${now} ${state.special} ${isPicture() && rowOfPicture()}`;
    if (!before.startsWith(`${now} `)) build();
    if (drawn !== before) drawAll();
    before = drawn;
    mark();
  });
  repaints.push(() => grid && drawAll());
}
