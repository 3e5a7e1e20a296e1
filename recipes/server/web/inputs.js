// Makes the fields that a model is asked by: texts, a picture, or JSON.

const LABELS = {
  text: ["Text"],
  pair: ["First text", "Second text"],
  translation: ["Source sentence"],
  tokens: ["Text"],
  other: ["Instances, in JSON"],
};
const NAMES = ["texts", "pairs"];

// Returns what the fields hold, and a way to fill them.
function inputsView(root, model, onSend, onPicture) {
  root.replaceChildren();
  if (model.kind === "image") return pictureInput(root, onPicture);
  const labels = LABELS[model.kind] || [`Text with ${model.mask}`];
  const areas = labels.map((label, at) => textInput(root, label, `field-${at}`, onSend));
  if (model.kind === "other") areas[0].classList.add("code");
  return {
    first: areas[0],
    read: () => Object.fromEntries(areas.map(({ value }, at) => [NAMES[at], value])),
    fill: (question) => areas.forEach((area, at) => (area.value = question[NAMES[at]] || "")),
  };
}

function textInput(root, label, id, onSend) {
  const box = root.appendChild(make("div", "field"));
  const name = box.appendChild(make("label", "", label));
  name.htmlFor = id;
  const area = box.appendChild(make("textarea"));
  Object.assign(area, { id, rows: 3, dir: "auto", spellcheck: false });
  area.addEventListener("keydown", (event) => {
    if (event.key === "Escape") area.blur();
    if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
    event.preventDefault();
    onSend();
  });
  return area;
}

function pictureInput(root, onPicture) {
  const box = root.appendChild(make("label", "drop"));
  const title = box.appendChild(make("b", "", "Drop, paste or choose a picture"));
  const shown = box.appendChild(make("img", "preview"));
  const name = box.appendChild(make("span", "name", "JPEG, PNG, GIF or BMP"));
  const input = box.appendChild(make("input"));
  Object.assign(input, { type: "file", accept: "image/jpeg,image/png,image/gif,image/bmp" });
  input.setAttribute("aria-label", "Choose a picture");
  shown.hidden = true;
  input.addEventListener("change", () => {
    if (input.files.length) onPicture(input.files[0]);
    input.value = ""; // so that the same file can be chosen again
  });
  return {
    first: input,
    read: () => null,
    fill: ({ image }) => {
      Object.assign(shown, { src: image.url, alt: image.name || "The picture", hidden: false });
      name.textContent = image.name || "pasted";
      title.hidden = true;
    },
  };
}

// Files that are dropped anywhere on the page, or pasted.
function listenToFiles(onFile, onNothing) {
  const mark = (isOver) => document.querySelector(".drop")?.classList.toggle("over", isOver);
  const hasFile = ({ dataTransfer }) => dataTransfer && [...dataTransfer.types].includes("Files");
  document.addEventListener("dragover", (event) => {
    if (!hasFile(event)) return;
    event.preventDefault();
    mark(true);
  });
  document.addEventListener("dragleave", (event) => event.relatedTarget === null && mark(false));
  document.addEventListener("drop", (event) => {
    mark(false);
    const [file] = event.dataTransfer.files;
    if (!file && isTyping(event.target)) return; // text for a field
    event.preventDefault();
    if (file) onFile(file);
    else onNothing();
  });
  document.addEventListener("paste", (event) => {
    const [file] = event.clipboardData.files;
    if (!file) return;
    event.preventDefault();
    onFile(file);
  });
}
