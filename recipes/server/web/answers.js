// Shows an answer: classes with bars, a translation, or what came as JSON.

const MOST_SHOWN = 10; // classes; the others are found by a search
const LONG_LABEL = 60; // characters
const SCORES = "Scores are logarithms of probabilities, by length: the nearer to 0, the surer.";
const NONE = "(none)"; // of several labels, or where none is sure enough
const NEAR = 0.02; // by how much the score of an export in bfloat16 may be another

// What an answer is in short, for the list of tries.
function inShort({ model, prediction, attention, problem }) {
  if (problem) return problem;
  if (model.kind === "mask") return attention ? firstGuesses(attention) : "…";
  if (model.kind === "other") return "answered";
  if (model.kind === "translation") return prediction.translations;
  if (model.kind === "tokens") {
    const kinds = entitiesOf(prediction).map(({ kind }) => kind);
    return kinds.join(", ") || "no entity";
  }
  return titleOf(prediction);
}

// What a classifier says in short: a label with its probability, several labels, or a number.
function titleOf(prediction) {
  if ("value" in prediction) return number(prediction.value);
  if (!("chosen" in prediction)) return `${prediction.label || NONE} ${percent(prediction.score)}`;
  return chosenOf(prediction).join(", ") || NONE;
}

function chosenOf({ chosen, classes, scores }) {
  const order = scores.map((_, index) => index).sort((a, b) => scores[b] - scores[a]);
  return order.filter((index) => chosen[index]).map((index) => classes[index]);
}

function firstGuesses(attention) {
  const best = new Map();
  for (const { label, position } of JSON.parse(attention).variants[0].outcomes) {
    if (!best.has(position)) best.set(position, label);
  }
  return [...best.values()].join(", ");
}

function answerOf(root, entry) {
  root.replaceChildren();
  const { kind } = entry.model;
  if (kind === "other") root.append(make("pre", "", JSON.stringify(entry.prediction, null, 2)));
  else if (kind === "translation") translationView(root, entry.prediction);
  else if (kind === "tokens") entitiesView(root, entry.prediction, entry.question.texts);
  else if ("value" in (entry.prediction || {})) verdict(root, titleOf(entry.prediction), "");
  else if (kind !== "mask") classesView(root, entry.prediction);
}

function translationView(root, { translations, scores }) {
  verdict(root, translations, "");
  root.append(make("p", "note", `Score ${number(scores)}. ${SCORES}`));
}

// The entities that words with labels in IOB2 are of; places are characters, an emoji is one.
function entitiesOf({ labels, scores, starts, ends }) {
  const found = [];
  let open = null;
  labels.forEach((label, at) => {
    const [prefix, kind] = label.startsWith("B-") || label.startsWith("I-")
      ? [label[0], label.slice(2)]
      : ["I", label === "O" ? "" : label];
    if (!kind) {
      open = null;
    } else if (open && open.kind === kind && prefix === "I") {
      open.end = ends[at];
      open.scores.push(scores[at]);
    } else {
      open = { kind, start: starts[at], end: ends[at], scores: [scores[at]] };
      found.push(open);
    }
  });
  return found;
}

function entitiesView(root, prediction, text) {
  const characters = [...text];
  const line = root.appendChild(make("p", "entities"));
  line.dir = "auto";
  let place = 0;
  const entities = entitiesOf(prediction);
  for (const { kind, start, end, scores } of entities) {
    line.append(characters.slice(place, start).join(""));
    const marked = line.appendChild(make("mark", "", characters.slice(start, end).join("")));
    const score = scores.reduce((sum, each) => sum + each, 0) / scores.length;
    marked.append(make("small", "", ` ${kind} ${percent(score)}`));
    place = end;
  }
  line.append(characters.slice(place).join(""));
  if (!entities.length) root.append(make("p", "note", "No entity is found."));
}

function verdict(root, label, score) {
  const line = root.appendChild(make("p", "verdict"));
  const name = line.appendChild(
    make("b", label.length > LONG_LABEL ? "long" : "", label || "(empty)"),
  );
  name.dir = "auto";
  if (score) line.append(make("span", "", score));
}

function classesView(root, prediction) {
  const { label, score, classes, scores, chosen } = prediction;
  if (chosen) verdict(root, titleOf(prediction), "");
  else verdict(root, label, percent(score));
  const order = scores.map((_, index) => index).sort((a, b) => scores[b] - scores[a]);
  const search = make("input");
  const list = make("ol", "bars");
  const count = make("p", "note");
  Object.assign(search, {
    type: "search",
    placeholder: `Search ${classes.length.toLocaleString("en")} classes`,
  });
  search.setAttribute("aria-label", "Search the classes");
  search.hidden = count.hidden = classes.length <= MOST_SHOWN;
  root.append(search, list, count);

  function draw() {
    const wanted = search.value.trim().toLowerCase();
    const found = order.filter((index) => classes[index].toLowerCase().includes(wanted));
    const shown = found.slice(0, MOST_SHOWN);
    list.replaceChildren(...shown.map((index) => classRow(classes[index], scores[index])));
    const all = found.length.toLocaleString("en");
    count.textContent = found.length
      ? `${shown.length} of ${all} ${wanted ? "that are found" : "classes"}, the most probable first.`
      : "No class has this in its name.";
  }
  search.addEventListener("input", draw);
  draw();
}

function classRow(label, score) {
  const item = make("li");
  const row = item.appendChild(make("div", "outcome"));
  const name = row.appendChild(make("span", "label", label || "(empty)"));
  name.dir = "auto";
  row.dataset.label = label;
  row.append(make("span", "score", percent(score)));
  const fill = row.appendChild(make("span", "track")).appendChild(make("span", "fill"));
  fill.style.width = `${100 * Math.max(0, Math.min(1, score)) || 0}%`;
  return item;
}

// Classes whose reasons are there become buttons that show them; others stay as they are.
function explainRows(root) {
  const list = root.querySelector(".bars");
  if (!list) return;
  const places = new Map(variant().outcomes.map(({ label }, at) => [label, at]));

  function replace() {
    for (const row of list.querySelectorAll("div.outcome")) {
      const at = places.get(row.dataset.label);
      if (at === undefined) continue;
      const button = make("button", "outcome");
      button.append(...row.childNodes);
      button.dataset.at = at;
      button.title = "What speaks for it: gradient × input";
      button.addEventListener("click", () =>
        choose({ outcome: at, mode: "contributions", focus: null, pinned: false }),
      );
      row.replaceWith(button);
    }
    mark();
  }

  function mark() {
    for (const button of list.querySelectorAll("button.outcome")) {
      const isChosen =
        state.mode === "contributions" && Number(button.dataset.at) === state.outcome;
      button.setAttribute("aria-pressed", String(isChosen));
    }
  }
  root.append(make("p", "note", "Choose a class to see what speaks for it and against it."));
  root.querySelector("input").addEventListener("input", replace);
  listeners.push(mark);
  replace();
}

// Says if the run that attention comes from is not the model that answers.
function differenceOf({ model, prediction }) {
  const { label, score } = data.variants[0];
  const isOther = {
    translation: () => label !== prediction.translations,
    mask: () => false,
    tokens: () => false,
  }[model.kind];
  const differs = isOther ? isOther() : differsFrom(prediction, label, score);
  if (!differs) return "";
  const hasScore = model.kind !== "translation" && "label" in prediction;
  const said = hasScore ? `${label}, ${percent(score)}` : label;
  return `The run answers otherwise: ${said}. It may have been trained again since this export.`;
}

// Several labels are compared by the surest of them, as one near its threshold may go either way.
function differsFrom(prediction, label, score) {
  if ("value" in prediction) {
    return Math.abs(score - prediction.value) > NEAR * Math.max(1, Math.abs(score));
  }
  const best = prediction.score ?? Math.max(...prediction.scores);
  return ("label" in prediction && label !== prediction.label) || Math.abs(score - best) > NEAR;
}
