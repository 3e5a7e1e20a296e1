// Says in words what is seen: the token that is looked at, what it reads most, and the scale.

const MOST = 8;

function hint() {
  if (isPicture() && grid.isSigned) return ".";
  const what = isPicture() ? "patch" : "token";
  return `. Point at another ${what} to see its own; click or Enter pins.`;
}

function nameOf(tokens, index) {
  if (!isPicture() || (tokens !== part().keys && tokens !== part().queries)) {
    const { text, special } = tokens[index];
    return special ? text : `“${text}”`;
  }
  const first = tokens.length - data.picture.rows * data.picture.columns;
  if (index < first) return "the class token";
  const { columns } = data.picture;
  const [row, column] = [Math.floor((index - first) / columns), (index - first) % columns];
  return `row ${row + 1}, column ${column + 1}`;
}

// Who reads, in words; what it reads, or who reads it; and the numbers.
function reading() {
  const { focus, mode } = state;
  const { verb } = MODES[mode];
  if (focus && focus.side === "key") {
    return {
      who: `What ${verb} ${nameOf(grid.keys, focus.index)}`,
      tokens: grid.queries,
      shown: grid.rows,
      values: shares("query"),
    };
  }
  const row = currentRow();
  const some = { tokens: grid.keys, shown: grid.columns, values: shares("key") };
  if (row === null || row >= grid.queries.length) {
    const all = isPicture() ? "all patches" : "all tokens";
    return { who: `What ${all} ${verb === "reads" ? "read" : "hold"} on average`, ...some };
  }
  return { who: `What ${nameOf(grid.queries, row)} ${verb}`, ...some };
}

function saidView(root, title, list, scale) {
  function say() {
    const { who, tokens, shown, values } = reading();
    const order = [...shown]
      .sort((a, b) => Math.abs(values[b]) - Math.abs(values[a]))
      .slice(0, MOST);
    const largest = Math.abs(values[order[0]]) || 1;
    title.textContent = who;
    list.replaceChildren();
    for (const index of order) {
      const item = list.appendChild(make("li"));
      item.append(
        make("span", "label", nameOf(tokens, index)),
        make("span", "score", number(values[index])),
      );
      const fill = item.appendChild(make("span", "track")).appendChild(make("span", "fill"));
      fill.style.width = `${(100 * Math.abs(values[index])) / largest}%`;
      fill.classList.toggle("against", values[index] < 0);
    }
    root.textContent = sentence(who, tokens, order, values);
    draw(scaleOf(shownLargest(values)));
  }

  function sentence(who, tokens, order, values) {
    const { focus } = state;
    if (focus && focus.cell !== undefined) {
      const value = valueAt(focus.index, focus.cell);
      const [from, to] = [nameOf(grid.queries, focus.index), nameOf(grid.keys, focus.cell)];
      const end = state.pinned ? ". Pinned: Esc lets go." : ".";
      return `${from} ${MODES[state.mode].verb} ${to}: ${number(value)}${end}`;
    }
    const most = order
      .slice(0, 3)
      .map((index) => `${nameOf(tokens, index)} ${number(values[index])}`);
    const end = state.pinned ? ". Pinned: Esc lets go." : focus ? "." : hint();
    return `${who}: ${most.join(", ")}${end}${specialShare(tokens, values)}`;
  }

  function specialShare(tokens, values) {
    if (state.special || grid.isSigned || (state.focus && state.focus.side === "key")) return "";
    const hidden = tokens.reduce(
      (sum, token, index) => sum + (token.special ? values[index] : 0),
      0,
    );
    return hidden > 0.0005 ? ` Special tokens, not shown: ${number(hidden)}.` : "";
  }

  function draw(largest) {
    scale.replaceChildren();
    const bar = make("span", "ramp");
    const stops = Array.from({ length: 9 }, (_, i) => (grid.isSigned ? i / 4 - 1 : i / 8));
    const shade = (at) => css(colourOf(at, 1));
    bar.style.background = `linear-gradient(90deg, ${stops.map(shade).join(", ")})`;
    const low = grid.isSigned ? `against ${number(-largest)}` : "0";
    scale.append(
      make("span", "", low),
      bar,
      make("span", "", `${grid.isSigned ? "for " : ""}${number(largest)}`),
    );
  }

  listeners.push(say);
  repaints.push(() => grid && say());
}
