// Asks the server, and says in words why it does not answer.

const MEGABYTE = 1e6;
const MOST_FILE = 48; // MB: in base64 that is 64 MB, which a request may have
const WRONG = {
  400: "The model does not take this",
  403: "The server refuses this",
  404: "The server does not know this model",
  413: "This is too long",
  429: "The server has too much to do",
  503: "The server has too much to do",
};

async function post(path, body, signal) {
  const headers = { "Content-Type": "application/json" };
  let response;
  try {
    response = await fetch(path, { method: "POST", headers, body, signal });
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new Error("The server does not answer. Is regard serve still running?");
  }
  const text = await response.text();
  if (!response.ok) throw new Error(reasonOf(response.status, text));
  return text;
}

function reasonOf(status, text) {
  let said = text.trim().slice(0, 500);
  try {
    said = JSON.parse(text).error || said;
  } catch {
    // not from this server: said as it came
  }
  return `${WRONG[status] || `The server fails (status ${status})`}: ${said || "it says no more."}`;
}

// What a client sends to the Predict API.
function bodyOf({ kind }, question) {
  if (kind === "other") return `{"instances": ${question.texts.trim()}}`;
  const { texts, pairs, image } = question;
  const instance = {
    image: () => ({ image_bytes: { b64: image.base64 } }),
    pair: () => ({ texts, pairs }),
  }[kind];
  return JSON.stringify({ instances: [instance ? instance() : texts] });
}

const pathOf = (model) => `/v1/models/${encodeURIComponent(model.name)}:predict`;

// Returns the first row of predictions; of what is asked in JSON the whole answer.
async function predict(model, question, signal) {
  const text = await post(pathOf(model), bodyOf(model, question), signal);
  let found;
  try {
    found = JSON.parse(text);
  } catch {
    throw new Error(
      /NaN|Infinity/.test(text)
        ? "The model answers with what is no number (NaN or Infinity): it is broken."
        : "The server's answer is not JSON.",
    );
  }
  if (model.kind === "other") return found;
  const [row] = found.predictions;
  return typeof row === "number" ? { value: row } : row; // an only output stands by itself
}

// Returns, as text, what the attention's views read.
function attend({ name, kind }, { texts, pairs, image }, signal) {
  const inputs = {
    image: () => ({ image_bytes: { b64: image.base64 } }),
    pair: () => ({ texts, pairs }),
  };
  const own = inputs[kind] ? inputs[kind]() : { texts };
  return post("/playground/attend", JSON.stringify({ model: name, inputs: own }), signal);
}

// Reads a file as a picture to ask about.
async function pictureOf(file) {
  if (!file.size) throw new Error(`${file.name || "The file"} is empty.`);
  if (file.size > MOST_FILE * MEGABYTE) {
    const size = Math.round(file.size / MEGABYTE);
    throw new Error(`${file.name} has ${size} MB; the server takes ${MOST_FILE} MB at most.`);
  }
  const base64 = await new Promise((done, fail) => {
    const reader = new FileReader();
    reader.onload = () => done(reader.result.slice(reader.result.indexOf(",") + 1));
    reader.onerror = () => fail(new Error(`${file.name} cannot be read.`));
    reader.readAsDataURL(file);
  });
  return { base64, name: file.name, url: URL.createObjectURL(file) };
}
