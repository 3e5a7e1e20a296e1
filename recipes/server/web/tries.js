// Keeps the last tries in the page's memory, and lists them.

const MOST_TRIES = 20;

function triesView(card, list, onChoose) {
  let entries = [];

  function draw(current) {
    const hasKeyboard = list.contains(document.activeElement);
    card.hidden = !entries.length;
    list.replaceChildren(...entries.map((entry) => row(entry, entry === current)));
    if (hasKeyboard) list.querySelector("[aria-current=true]")?.focus({ preventScroll: true });
  }

  function row(entry, isCurrent) {
    const { question, problem } = entry;
    const item = make("li");
    const button = item.appendChild(make("button", "try"));
    button.setAttribute("aria-current", String(isCurrent));
    if (question.image) {
      const image = button.appendChild(make("img"));
      Object.assign(image, { src: question.image.url, alt: "" });
    }
    const asked = question.image
      ? question.image.name || "pasted"
      : [question.texts, question.pairs].filter((text) => text !== undefined).join(" | ");
    button.append(make("span", "asked", asked.slice(0, 300) || "(empty)"));
    button.append(make("span", problem ? "said wrong" : "said", inShort(entry).slice(0, 300)));
    button.addEventListener("click", () => onChoose(entry));
    return item;
  }

  function add(entry) {
    const isSame = (other) =>
      other.model === entry.model && sameQuestion(other.question, entry.question);
    entries = [entry, ...entries.filter((other) => !isSame(other))];
    for (const { question } of entries.slice(MOST_TRIES)) {
      if (question.image) URL.revokeObjectURL(question.image.url);
    }
    entries = entries.slice(0, MOST_TRIES);
  }
  return { add, draw };
}

function sameQuestion(one, other) {
  const [picture, another] = [one.image, other.image];
  if (picture || another) return Boolean(picture && another && picture.base64 === another.base64);
  return one.texts === other.texts && one.pairs === other.pairs;
}
