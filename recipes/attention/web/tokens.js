// Shows the tokens as running text, coloured by what the one that is looked at reads.

// Makes a button that can be pointed at, pinned and reached with arrow keys.
function pointable(element, side, index) {
  const point = () => {
    if (!state.pinned) choose({ focus: { side, index } });
  };
  element.addEventListener("pointerenter", (event) => event.pointerType === "mouse" && point());
  element.addEventListener("pointerleave", () => !state.pinned && choose({ focus: null }));
  element.addEventListener("focus", () => element.matches(":focus-visible") && point());
  element.addEventListener("blur", () => !state.pinned && choose({ focus: null }));
  element.addEventListener("click", () => pin(side, index));
  return element;
}

const isAt = (side, index) =>
  state.focus !== null && state.focus.side === side && state.focus.index === index;

function pin(side, index) {
  const isOff = state.pinned && isAt(side, index);
  choose({ focus: { side, index }, pinned: !isOff });
}

// Lets arrow keys move among buttons, of which Tab reaches one; a grid has rows of `perRow`.
function roving(root, perRow = () => 1) {
  const items = () => [...root.querySelectorAll("[data-item]")];
  const enter = (to, list) => {
    for (const item of list) item.tabIndex = item === to ? 0 : -1;
  };
  root.addEventListener("focusin", (event) => enter(event.target, items()));
  root.addEventListener("keydown", (event) => {
    const list = items();
    const at = list.indexOf(document.activeElement);
    const row = perRow(list);
    const step = { ArrowRight: 1, ArrowLeft: -1, ArrowDown: row, ArrowUp: -row }[event.key];
    const ends = { Home: -list.length, End: list.length }[event.key];
    if (at < 0 || (step || ends) === undefined) return;
    event.preventDefault();
    list[Math.max(0, Math.min(list.length - 1, at + (step || ends)))].focus();
  });
  return () => {
    const list = items();
    if (list.length && !list.some((item) => item.tabIndex === 0)) list[0].tabIndex = 0;
  };
}

// The words that a masked language model puts behind each mask, by position.
function filledWords() {
  const filled = new Map();
  if (state.part !== explained() || !fills()) return filled;
  const { outcomes } = variant();
  for (const { label, position } of [...outcomes].reverse()) filled.set(position, label);
  const chosen = outcomes[state.outcome];
  if (chosen) filled.set(chosen.position, chosen.label);
  return filled;
}

// The largest of the numbers of a side that are shown; those of special tokens may not be.
function shownLargest(values) {
  const shown = values.length === grid.keys.length ? grid.columns : grid.rows;
  return shown.reduce((most, index) => Math.max(most, Math.abs(values[index])), 1e-9);
}

function tokensView(root) {
  let chips = [];
  const settle = roving(root, () => 1);

  function block(side, tokens, title) {
    const box = root.appendChild(make("div", "block"));
    if (title) box.append(make("h2", "", title));
    const text = box.appendChild(make("p", "tokens"));
    const filled = side === "key" || grid.isOwn ? filledWords() : new Map();
    tokens.forEach((token, index) => {
      if (token.special && !state.special) return;
      if (token.spaced) text.append(" ");
      const chip = make("button", "token", filled.get(index) || token.text);
      chip.tabIndex = -1;
      chip.dataset.item = "";
      if (token.special) chip.classList.add("special");
      if (filled.has(index)) chip.classList.add("filled");
      chips.push({ chip: pointable(chip, side, index), side, index });
      text.append(chip);
      if (token.special && index && index < tokens.length - 1) text.append(make("br"));
    });
  }

  function build() {
    root.replaceChildren();
    chips = [];
    const isAnswers = grid.isSigned && !isTranslation();
    const titles = TITLES[state.part];
    if (!grid.isOwn && !isAnswers) block("query", grid.queries, titles[0]);
    block(grid.isOwn ? "query" : "key", grid.keys, grid.isOwn || isAnswers ? "" : titles[1]);
    settle();
  }

  function paint() {
    const byKey = shares("key");
    const byQuery = shares("query");
    const largest = scaleOf(shownLargest(byKey || byQuery));
    for (const { chip, side, index } of chips) {
      const values = side === "key" || grid.isOwn ? byKey || byQuery : byQuery;
      const colour = values ? colourOf(values[index], largest) : colours.card;
      const isMarked = isAt(side, index);
      chip.style.background = values ? css(colour) : "";
      chip.style.color = values ? readable(colour) : "";
      chip.classList.toggle("at", isMarked);
      chip.setAttribute("aria-pressed", String(state.pinned && isMarked));
    }
  }

  let before = "";
  listeners.push((isNew) => {
    const now = JSON.stringify([
      state.variant,
      state.part,
      state.mode,
      state.special,
      fills() && state.outcome,
    ]);
    if (now !== before) build();
    before = now;
    paint();
  });
  repaints.push(paint);
}
