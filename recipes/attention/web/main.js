// Puts the page together.

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
  T: { does: "light or dark", run: () => turn() },
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

function showKeys(root, button) {
  const table = root.appendChild(make("dl"));
  const rows = Object.entries(keys).filter(([, { when }]) => !when || when());
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
  const toggle = () => {
    root.hidden = !root.hidden;
    button.setAttribute("aria-expanded", String(!root.hidden));
  };
  button.addEventListener("click", toggle);
  return toggle;
}

function listen(toggleKeys) {
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.key === "Escape") choose({ focus: null, pinned: false });
    else if (event.key === "?") toggleKeys();
    else {
      const key = keys[event.key.toUpperCase()];
      if (key && (!key.when || key.when())) key.run(event.shiftKey ? -1 : 1);
    }
  });
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", repaint);
  let width = window.innerWidth;
  window.addEventListener("resize", () => {
    if (window.innerWidth !== width) requestAnimationFrame(repaint);
    width = window.innerWidth;
  });
}

async function start() {
  const [$, root] = [(id) => document.getElementById(id), document.documentElement];
  data = await readData();
  $("subject").textContent = data.subject;
  $("note").textContent = data.note;
  $("special").hidden = isPicture();
  $("tokens").hidden = isPicture();
  readColours();
  answerView($("answer"));
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
  $("theme").addEventListener("click", turn);
  listen(showKeys($("keys"), $("help")));
  choose(data.start);
  repaint();
  root.dataset.ready = "yes";
}

start();
