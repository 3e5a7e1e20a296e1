// Puts the views together, and listens to keys.

const FONT = '12px system-ui, "Noto Sans", "Noto Sans CJK SC", "PingFang SC", sans-serif';
const repaints = [];
// By key: what it does in words, and does.
const keys = {
  L: { does: "next layer (Shift: the one before)", run: (by) => stepLayer(by) },
  H: { does: "next head (Shift: the one before)", run: (by) => stepHead(by) },
  M: { does: "next measure", run: (by) => next("mode", modesOf(), by) },
  P: {
    does: "next part of the model",
    run: (by) => next("part", partsOf(), by),
    when: () => partsOf().length > 1,
  },
  A: { does: "next answer", run: (by) => nextAnswer(by) },
  V: {
    does: "lines or matrix",
    run: (by) => next("view", ["lines", "matrix"], by),
    when: () => !isPicture(),
  },
  S: {
    does: "special tokens on and off",
    run: () => choose({ special: !state.special, focus: null, pinned: false }),
    when: () => !isPicture(),
  },
  T: { does: "light or dark", run: () => turn(), always: true },
};

function next(name, all, by) {
  choose({ [name]: all[(all.indexOf(state[name]) + by + all.length) % all.length] });
}

function nextAnswer(by) {
  if (isTranslation())
    choose({ variant: wrapped(state.variant + by, 0, data.variants.length - 1) });
  else
    choose({
      outcome: wrapped(state.outcome + by, 0, variant().outcomes.length - 1),
      focus: null,
      pinned: false,
    });
}

const isDark = () => {
  const { theme } = document.documentElement.dataset;
  return theme ? theme === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
};

function turn() {
  document.documentElement.dataset.theme = isDark() ? "light" : "dark";
  repaint();
}

function repaint() {
  readColours();
  document.getElementById("theme").firstChild.textContent = isDark() ? "Light " : "Dark ";
  for (const each of repaints) each();
}

function keysTable() {
  const table = make("dl");
  const rows = Object.entries(keys).filter(([, each]) => isOn(each));
  const others = [
    ["Tab", "next control"],
    ["← ↑ ↓ →", "among tokens, cells and heads"],
    ["Enter", "pin, or choose"],
    ["Esc", "let go"],
    ["?", "these keys"],
  ];
  for (const [key, does] of [...rows.map(([key, each]) => [key, each.does]), ...others]) {
    const pair = table.appendChild(make("div"));
    pair.append(make("dt", "", key), make("dd", "", does));
  }
  return table;
}

function showKeys(root, button) {
  const toggle = () => {
    root.hidden = !root.hidden;
    root.replaceChildren(keysTable());
    button.setAttribute("aria-expanded", String(!root.hidden));
  };
  button.addEventListener("click", toggle);
  return toggle;
}

// A key that works: most of them need something to be shown.
const isOn = ({ always, when }) => always || (grid !== null && (!when || when()));
const isTyping = (element) => element.matches("input, textarea, select");

// Listens, once, to what is not of one view: keys, the theme and the window.
function listen() {
  const $ = (id) => document.getElementById(id);
  const toggleKeys = showKeys($("keys"), $("help"));
  $("theme").addEventListener("click", turn);
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || isTyping(event.target)) return;
    if (event.key === "Escape") grid && choose({ focus: null, pinned: false });
    else if (event.key === "?") toggleKeys();
    else {
      const key = keys[event.key.toUpperCase()];
      if (key && isOn(key)) key.run(event.shiftKey ? -1 : 1, event);
    }
  });
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", repaint);
  let width = window.innerWidth;
  window.addEventListener("resize", () => {
    if (window.innerWidth !== width) requestAnimationFrame(repaint);
    width = window.innerWidth;
  });
}

// Shows what `data` holds, each view in its element of the page; answers where `answers` is one.
function show(answers, chosen = data.start) {
  const $ = (id) => document.getElementById(id);
  $("note").textContent = data.note;
  $("special").hidden = isPicture();
  $("tokens").hidden = isPicture();
  readColours();
  if (answers) answerView(answers);
  partView($("part"));
  modeView($("mode"));
  viewView($("view"));
  steppersView($("steppers"));
  if (!isPicture()) tokensView($("tokens"));
  linesView($("lines"));
  matrixView($("matrix"));
  pictureView($("picture"));
  overviewView($("overview"));
  saidView($("said"), $("most-title"), $("most"), $("scale"));
  $("special").addEventListener("click", keys.S.run);
  listeners.push(() => $("special").setAttribute("aria-pressed", String(state.special)));
  choose(chosen);
  repaint();
}
