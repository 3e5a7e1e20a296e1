// Shows the command that asks the same from a terminal.

const MOST_ARGUMENT = 100000; // bytes: Linux takes 128 KiB in one argument

const quoted = (text) => `'${text.replaceAll("'", "'\\''")}'`;

function commandOf(model, question) {
  const url = quoted(location.origin + pathOf(model));
  if (model.kind === "image") {
    const file = question.image.name ? quoted(question.image.name) : "IMAGE";
    const body = '{"instances": [{"image_bytes": {"b64": "%s"}}]}';
    return `printf '${body}' "$(base64 < ${file} | tr -d '\\n')" | curl -d @- ${url}`;
  }
  const body = bodyOf(model, question);
  if (new Blob([body]).size > MOST_ARGUMENT) return `curl -d @- ${url} <<'END'\n${body}\nEND`;
  return `curl -d ${quoted(body)} ${url}`;
}

function commandView(root, text, button) {
  button.addEventListener("click", async () => {
    const isCopied = await copy(text.textContent);
    button.textContent = isCopied ? "Copied" : "Not copied: select it";
    setTimeout(() => (button.textContent = "Copy"), 1500);
  });
  return (model, question) => {
    root.hidden = model.kind === "mask"; // it answers here alone
    if (!root.hidden) text.textContent = commandOf(model, question);
  };
}

// A page that came over plain HTTP from another machine has no `navigator.clipboard`.
async function copy(text) {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    const [area, before] = [make("textarea", "away"), document.activeElement];
    area.value = text;
    document.body.append(area);
    area.select();
    const isCopied = document.execCommand("copy");
    area.remove();
    before.focus();
    return isCopied;
  }
}
