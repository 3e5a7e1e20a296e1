(() => {
"use strict";
const $ = (id) => document.getElementById(id);
const all = (selector, root = document) => [...root.querySelectorAll(selector)];
const make = (tag, text = "", kind = "") => {
  const element = document.createElement(tag);
  element.textContent = text;
  element.className = kind;
  return element;
};
const data = JSON.parse($("told").textContent);

// Light and dark: the system's, until somebody chooses.
const root = document.documentElement;
const isDark = () =>
  root.dataset.theme
    ? root.dataset.theme === "dark"
    : matchMedia("(prefers-color-scheme: dark)").matches;
const nameTheme = () => ($("theme").textContent = isDark() ? "Light" : "Dark");
$("theme").hidden = false;
$("theme").addEventListener("click", () => {
  root.dataset.theme = isDark() ? "light" : "dark";
  nameTheme();
});
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", nameTheme);
nameTheme();

// The section that is read is marked in the contents.
const marks = new Map(all("nav a").map((link) => [link.hash.slice(1), link]));
const seen = new IntersectionObserver(
  (entries) => {
    for (const { target, isIntersecting } of entries) target.dataset.seen = isIntersecting || "";
    const first = all("section").find((section) => section.dataset.seen);
    for (const [id, link] of marks) {
      if (first && id === first.id) link.setAttribute("aria-current", "true");
      else link.removeAttribute("aria-current");
    }
  },
  { rootMargin: "-10% 0px -50% 0px" },
);
for (const section of all("section")) seen.observe(section);

// Commands name the run where it lies now, as far as a file's address tells.
const quoted = (path) =>
  /^[\w@%+=:,./-]+$/.test(path) ? path : `'${path.replaceAll("'", "'\"'\"'")}'`;
if (location.protocol === "file:") {
  const [, folder] = /^(.*)\/[^/]*\/[^/]*$/.exec(decodeURIComponent(location.pathname)) || [];
  const run = (folder || "").replace(/^\/(?=[A-Za-z]:)/, "");
  if (run) for (const each of all("[data-run]")) each.textContent = quoted(run + each.dataset.run);
}
for (const each of all(".command")) {
  const button = each.appendChild(make("button", "Copy", "quiet"));
  button.addEventListener("click", async () => {
    const words = each.querySelector("code").textContent;
    try {
      await navigator.clipboard.writeText(words);
      button.textContent = "Copied";
    } catch {
      getSelection().selectAllChildren(each.querySelector("code"));
      button.textContent = "Selected";
    }
    setTimeout(() => (button.textContent = "Copy"), 2000);
  });
}

// A long table can be sorted by each column, and filtered.
const LONG = 12; // rows
const compared = new Intl.Collator(undefined, { numeric: true });
const valueOf = (row, column) => row.cells[column].textContent.replaceAll(",", "");

function sortable(table) {
  const body = table.tBodies[0];
  all("thead th", table).forEach((head, column) => {
    const button = make("button", head.textContent);
    head.replaceChildren(button);
    button.addEventListener("click", () => {
      const down = head.getAttribute("aria-sort") !== "descending";
      for (const other of all("thead th", table)) other.removeAttribute("aria-sort");
      head.setAttribute("aria-sort", down ? "descending" : "ascending");
      const rows = [...body.rows].map((row) => [valueOf(row, column), row]);
      rows.sort(([a], [b]) => compared.compare(a, b) * (down ? -1 : 1));
      body.append(...rows.map(([, row]) => row));
    });
  });
  if (body.rows.length <= LONG) return;
  const label = make("label", "Only rows with", "filter");
  const input = label.appendChild(make("input"));
  input.type = "search";
  input.addEventListener("input", () => {
    const wanted = input.value.toLowerCase();
    for (const row of body.rows) {
      const cells = [...row.cells].map((cell) => cell.textContent.toLowerCase());
      row.hidden = !cells.some((cell) => cell.includes(wanted));
    }
  });
  table.closest(".box").before(label);
}
for (const table of all("table.sorted")) sortable(table);

// The picture of a large confusion matrix says what its cells are.
function tellCells(matrix) {
  const { names, supports, cells } = data;
  const size = names.length;
  const counts = new Map();
  for (let i = 0; i < cells.length; i += 3) counts.set(cells[i] * size + cells[i + 1], cells[i + 2]);
  let at = [0, 0];
  const clamp = (place) => Math.max(0, Math.min(size - 1, place));
  const tell = (row, column) => {
    at = [clamp(row), clamp(column)];
    [row, column] = at;
    const count = (counts.get(row * size + column) || 0).toLocaleString("en");
    const many = supports[row].toLocaleString("en");
    $("cell").textContent =
      row === column
        ? `${names[row]}: ${count} of ${many} are recognized.`
        : `Truly ${names[row]}, taken for ${names[column]}: ${count} of ${many}.`;
    const cursor = $("cursor");
    cursor.hidden = false;
    const side = 100 / size;
    Object.assign(cursor.style, {
      left: `${column * side}%`,
      top: `${row * side}%`,
      width: `${side}%`,
      height: `${side}%`,
    });
  };
  matrix.addEventListener("pointermove", (event) => {
    const box = matrix.querySelector("img").getBoundingClientRect();
    const [x, y] = [(event.clientX - box.x) / box.width, (event.clientY - box.y) / box.height];
    tell(Math.floor(y * size), Math.floor(x * size));
  });
  const moves = { ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1] };
  matrix.addEventListener("keydown", (event) => {
    const move = moves[event.key];
    if (!move) return;
    event.preventDefault();
    const far = event.shiftKey ? 10 : 1;
    tell(at[0] + far * move[0], at[1] + far * move[1]);
  });
}
if ($("matrix") && data) tellCells($("matrix"));
root.dataset.ready = "true";
})();
