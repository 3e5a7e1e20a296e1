// Puts the playground together: a question, its answer, and what the model attends to.

const element = (id) => document.getElementById(id);
const KEPT = ["part", "mode", "layer", "head", "view", "special"];
let model = null;
let fields = null;
let asking = null; // the controller of what is being asked
let attended = null; // the model whose attention is shown

function say(id, text, isWrong = false) {
  element(id).textContent = text;
  element(id).classList.toggle("wrong", isWrong);
}

function chooseModel(chosen) {
  model = chosen;
  element("model").value = chosen.name;
  fields = inputsView(element("inputs"), model, send, takeFile);
  element("sending").hidden = model.kind === "image";
  element("insert").hidden = model.kind !== "mask";
  element("insert").textContent = `Insert ${model.mask}`;
  element("subject").textContent = `${model.name}, version ${model.version}`;
  element("command").hidden = true;
  asking?.abort();
  element("result").replaceChildren();
  element("result").className = "";
  say("status", "The answer will be here.");
  forgetAttention();
}

function forgetAttention() {
  listeners.length = 0;
  repaints.length = 0;
  delete keys.O;
  [data, grid, attended] = [null, null, null];
  element("attention").replaceChildren();
  element("attention").classList.remove("old");
  say("attends", model.attends ? "" : model.note);
}

function send() {
  if (model.kind !== "image") ask({ model, question: fields.read() });
}

async function takeFile(file) {
  const takes = ({ kind }) => kind === "image";
  const other = takes(model) ? model : models.find(takes);
  if (!other) return say("status", "None of the models takes pictures.", true);
  try {
    const image = await pictureOf(file);
    if (other !== model) chooseModel(other);
    fields.fill({ image });
    await ask({ model, question: { image } });
  } catch (error) {
    say("status", error.message, true);
  }
}

// Asks for the answer, and then for attention; what is asked later makes an answer old.
async function ask(entry) {
  asking?.abort();
  const { signal } = (asking = new AbortController());
  element("result").classList.add("old");
  element("attention").classList.add("old");
  say("status", "Asking …");
  entry.began = performance.now();
  try {
    if (entry.model.kind !== "mask") {
      entry.prediction = await predict(entry.model, entry.question, signal);
      entry.milliseconds = performance.now() - entry.began;
    }
  } catch (error) {
    if (signal.aborted) return;
    entry.problem = error.message;
  }
  tries.add(entry);
  await present(entry, signal);
}

// Shows what is known of a try, and asks for its attention where that is not known yet.
async function present(entry, signal) {
  tries.draw(entry);
  showCommand(entry.model, entry.question);
  element("result").classList.remove("old");
  answerOrProblem(entry);
  if (entry.problem || !entry.model.attends) return forgetAttention();
  say("attends", "Looking at what it attends to …");
  try {
    entry.attention = entry.attention || (await attend(entry.model, entry.question, signal));
    const read = await readData(JSON.parse(entry.attention));
    if (signal.aborted) return;
    entry.milliseconds = entry.milliseconds || performance.now() - entry.began;
    showAttention(entry, read);
    tries.draw(entry);
  } catch (error) {
    if (signal.aborted) return;
    forgetAttention();
    if (entry.model.kind === "mask") entry.problem = error.message;
    const where = entry.model.kind === "mask" ? "status" : "attends";
    say(where, where === "status" ? error.message : `No attention. ${error.message}`, true);
    tries.draw(entry);
  }
}

function answerOrProblem(entry) {
  const { problem, milliseconds } = entry;
  element("result").className = "";
  if (problem) {
    element("result").replaceChildren();
    return say("status", problem, true);
  }
  if (milliseconds) sayTime(milliseconds);
  answerOf(element("result"), entry);
}

const sayTime = (milliseconds) =>
  say("status", `Answered in ${Math.max(1, Math.round(milliseconds))} ms.`);

function showAttention(entry, read) {
  const isSame = attended === entry.model;
  const kept = Object.fromEntries(KEPT.map((name) => [name, state[name]]));
  forgetAttention();
  [data, attended] = [read, entry.model];
  element("attention").append(element("sections").content.cloneNode(true));
  Object.assign(state, { variant: 0, outcome: 0, focus: null, pinned: false });
  const fresh = { mode: "weights", head: MEAN, special: true, ...data.start };
  const isList = ["translation", "mask"].includes(entry.model.kind);
  if (isList) {
    element("result").replaceChildren();
    element("result").className = "answer";
  }
  show(isList ? element("result") : null, isSame ? kept : fresh);
  if (!isList) explainRows(element("result"));
  if (entry.model.kind === "translation") element("result").append(make("p", "note", SCORES));
  sayTime(entry.milliseconds);
  say("attends", differenceOf(entry));
}

function again(entry) {
  if (entry.model !== model) chooseModel(entry.model);
  fields.fill(entry.question);
  asking?.abort();
  asking = new AbortController();
  present(entry, asking.signal);
}

let models = [];
const tries = triesView(element("tries"), element("list"), again);
const showCommand = commandView(element("command"), element("curl"), element("copy"));

async function startPlayground() {
  readColours();
  models = await (await fetch("/playground/models")).json();
  for (const { name } of models) element("model").append(new Option(name, name));
  element("models").hidden = models.length < 2;
  element("model").addEventListener("change", (event) =>
    chooseModel(models.find(({ name }) => name === event.target.value)),
  );
  element("ask").addEventListener("submit", (event) => {
    event.preventDefault();
    send();
  });
  element("insert").addEventListener("click", () => {
    const { first } = fields;
    first.setRangeText(model.mask, first.selectionStart, first.selectionEnd, "end");
    first.focus();
  });
  keys.Q = {
    does: "to the question",
    run: (_, event) => {
      event.preventDefault();
      fields.first.focus();
    },
    always: true,
  };
  listenToFiles(takeFile, () => say("status", "Drop the file of a picture.", true));
  listen();
  chooseModel(models[0]);
  repaint();
  // On a phone that would open its keyboard.
  if (!matchMedia("(pointer: coarse)").matches) fields.first.focus();
  document.documentElement.dataset.ready = "yes";
}

startPlayground();
