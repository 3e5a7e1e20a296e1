// Makes the controls: the answers, part, measure, layer, head and view.

// A row of buttons of which one is pressed.
function choices(root, labels, chosen, onChoose) {
  root.replaceChildren();
  root.hidden = labels.length < 2;
  for (const [name, label] of labels) {
    const button = root.appendChild(make("button", "", label));
    button.setAttribute("aria-pressed", String(name === chosen));
    button.addEventListener("click", () => {
      onChoose(name);
      refocus(root, label);
    });
  }
}

// The buttons are made anew by a choice: the one that was pressed keeps the keyboard.
function refocus(root, label) {
  const same = [...root.querySelectorAll("button")].find((each) => each.textContent === label);
  if (same) same.focus({ preventScroll: true });
}

const capital = (text) => text.charAt(0).toUpperCase() + text.slice(1);

function partView(root) {
  listeners.push(() => {
    const labels = partsOf().map((name) => [
      name,
      capital(name === "cross" ? "cross-attention" : name),
    ]);
    choices(root, labels, state.part, (name) => choose({ part: name }));
  });
}

function modeView(root) {
  listeners.push(() => {
    const labels = modesOf().map((name) => [name, MODES[name].label]);
    choices(root, labels, state.mode, (name) => choose({ mode: name }));
  });
}

function viewView(root) {
  listeners.push(() => {
    choices(
      root,
      [
        ["lines", "Lines"],
        ["matrix", "Matrix"],
      ],
      state.view,
      (name) => choose({ view: name }),
    );
    root.hidden = isPicture();
  });
}

function stepper(root, title, key, text, step) {
  const box = root.appendChild(make("div", "stepper"));
  box.setAttribute("role", "group");
  box.setAttribute("aria-label", title);
  const less = box.appendChild(make("button", "", "‹"));
  less.setAttribute("aria-label", `Previous ${title.toLowerCase()}`);
  const shown = box.appendChild(make("span"));
  const more = box.appendChild(make("button", "", "›"));
  more.setAttribute("aria-label", `Next ${title.toLowerCase()}`);
  shown.append(`${title} `, make("b"), make("kbd", "", key));
  less.addEventListener("click", () => step(-1));
  more.addEventListener("click", () => step(1));
  return () => {
    shown.querySelector("b").textContent = text();
  };
}

const wrapped = (value, low, high) => (value < low ? high : value > high ? low : value);
const stepLayer = (by) =>
  choose({ mode: "weights", layer: wrapped(state.layer + by, 0, numLayers() - 1) });
const stepHead = (by) =>
  choose({ mode: "weights", head: wrapped(state.head + by, MEAN, numHeads() - 1) });

function steppersView(root) {
  const refresh = [
    stepper(root, "Layer", "L", () => `${state.layer + 1} / ${numLayers()}`, stepLayer),
    stepper(
      root,
      "Head",
      "H",
      () => (state.head < 0 ? "mean" : `${state.head + 1} / ${numHeads()}`),
      stepHead,
    ),
  ];
  listeners.push(() => {
    root.classList.toggle("faint", state.mode !== "weights");
    for (const each of refresh) each();
  });
}

// The answers, the best first; each with a bar as long as its probability.
function answerView(root) {
  function answer(list, label, score, bar, isChosen, onChoose) {
    const button = list.appendChild(make("button", "outcome"));
    button.append(make("span", "label", label), make("span", "score", score));
    const track = button.appendChild(make("span", "track"));
    track.appendChild(make("span", "fill")).style.width = `${100 * bar}%`;
    button.setAttribute("aria-pressed", String(isChosen));
    button.addEventListener("click", () => {
      onChoose();
      const same = root.querySelectorAll("button")[index(button)];
      if (same) same.focus({ preventScroll: true });
    });
    button.dataset.index = root.querySelectorAll("button").length - 1;
  }
  const index = (button) => Number(button.dataset.index);

  function group(title) {
    const box = root.appendChild(make("div", "group"));
    if (title) box.append(make("h2", "", title));
    return box.appendChild(make("div", "outcomes"));
  }

  function translations() {
    const list = group(data.variants.length > 1 ? "Translations, the best first" : "Translation");
    list.classList.add("wide");
    data.variants.forEach(({ label, score }, at) => {
      const share = Math.exp(score - data.variants[0].score);
      answer(list, label, number(score), Math.min(1, share), at === state.variant, () =>
        choose({ variant: at }),
      );
    });
  }

  function outcomes() {
    let [list, position] = [null, undefined];
    variant().outcomes.forEach((outcome, at) => {
      if (outcome.position !== position || !list) {
        list = group(fills() ? `Behind [MASK] at token ${outcome.position}` : kindOfOutcome());
      }
      position = outcome.position;
      const isChosen = at === state.outcome;
      const { isValue } = variant();
      const said = isValue ? number(outcome.score) : percent(outcome.score);
      answer(list, outcome.label, said, isValue ? 1 : outcome.score, isChosen, () => {
        choose({ outcome: at, mode: "contributions", focus: null, pinned: false });
      });
    });
  }

  const kindOfOutcome = () => (variant().isValue ? "Value" : "Classes");

  let before = "";
  listeners.push(() => {
    const now = `${state.variant} ${state.outcome}`;
    if (now === before) return;
    before = now;
    root.replaceChildren();
    if (isTranslation()) translations();
    else outcomes();
  });
}
