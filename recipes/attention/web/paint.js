// Colours, and canvases that are sharp on any screen. Ink grows with a power of a number: of many
// keys each is read little, and is seen still. A scale reaches at least three times what each of
// them would be if all were read alike, so that even attention looks even.

const ALIKE = 3;

const colours = {};

function readColours() {
  const style = getComputedStyle(document.documentElement);
  for (const name of ["card", "ink", "muted", "line", "accent", "deep", "against"]) {
    const hex = style.getPropertyValue(`--${name}`).trim();
    colours[name] = [1, 3, 5].map((at) => parseInt(hex.slice(at, at + 2), 16));
  }
}

const mixed = (from, to, share) => from.map((value, i) => value + (to[i] - value) * share);
const css = ([r, g, b], alpha = 1) =>
  `rgba(${Math.round(r)}, ${Math.round(g)}, ${Math.round(b)}, ${alpha})`;
const power = (count) => Math.max(0.4, 1 - Math.log10(Math.max(1, count)) / 4);
const ink = (value, largest, count = grid.columns.length) =>
  Math.min(1, Math.abs(value) / largest) ** power(count);
const scaleOf = (largest) =>
  grid.isSigned ? largest : Math.min(1, Math.max(largest, ALIKE / grid.columns.length));

function ramp(share, isAgainst = false) {
  if (isAgainst) return mixed(colours.card, colours.against, share);
  const { card, accent, deep } = colours;
  return share < 0.7 ? mixed(card, accent, share / 0.7) : mixed(accent, deep, (share - 0.7) / 0.3);
}

const rampSigned = (share, isAgainst) =>
  mixed(colours.card, isAgainst ? colours.against : colours.accent, share);

function colourOf(value, largest = grid.largest) {
  const share = ink(value, largest);
  return grid.isSigned ? rampSigned(share, value < 0) : ramp(share);
}

function luminance(colour) {
  const [r, g, b] = colour.map((value) => (value / 255) ** 2.2);
  return 0.2126 * r + 0.7152 * g + 0.0722 * b;
}

// Black or white, whichever can be read better on a colour.
const readable = (colour) => (luminance(colour) > 0.19 ? "#16161a" : "#ffffff");

function sized(canvas, width, height) {
  const scale = Math.min(2, window.devicePixelRatio || 1);
  const [w, h] = [Math.max(1, Math.round(width * scale)), Math.max(1, Math.round(height * scale))];
  if (canvas.width !== w || canvas.height !== h) Object.assign(canvas, { width: w, height: h });
  canvas.style.width = `${width}px`;
  canvas.style.height = `${height}px`;
  const context = canvas.getContext("2d");
  context.setTransform(scale, 0, 0, scale, 0, 0);
  context.clearRect(0, 0, width, height);
  return context;
}

function make(tag, className = "", text = "") {
  const element = document.createElement(tag);
  if (className) element.className = className;
  if (text) element.textContent = text;
  return element;
}

function number(value) {
  const isTiny = value !== 0 && Math.abs(value) < 0.0005;
  return (isTiny ? value.toExponential(1) : value.toFixed(3)).replaceAll("-", "−");
}

function percent(share) {
  if (!Number.isFinite(share)) return "no number";
  if (share > 0 && share < 0.0005) return "< 0.1%";
  if (share < 1 && share >= 0.9995) return "> 99.9%";
  return `${(100 * share).toFixed(1)}%`;
}
