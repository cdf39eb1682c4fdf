// A map of the page as a picture to keep (PNG), with its title, legend and credit; or on paper.
// The drawing is drawn again on a canvas, shape by shape, in the colours that the page shows: the
// page's policy lets no script style a copy of it, and a copy without its styles would be black.
const WIDTH = 1600; // of the picture, in its own points
const EDGE = 40;
const INK = "#16242b";
const FINER = 0.46; // of a line in a window on the drawing, where all is larger

// What a shape is painted with, as the page's style sheet has it on paper.
function paint(context, shape, path, finer = 1) {
  const style = getComputedStyle(shape);
  const wide = (parseFloat(style.strokeWidth) || 0) * finer;
  if (style.fill !== "none") {
    context.fillStyle = style.fill;
    context.fill(path, style.fillRule);
  }
  if (style.stroke !== "none" && wide) {
    context.strokeStyle = style.stroke;
    context.lineWidth = wide;
    context.lineJoin = style.strokeLinejoin;
    context.lineCap = style.strokeLinecap;
    context.setLineDash(style.strokeDasharray === "none" ? [] : style.strokeDasharray.split(/[ ,]+/).map(parseFloat));
    context.stroke(path);
    context.setLineDash([]);
  }
}

function write(context, text) {
  const style = getComputedStyle(text);
  if (style.display === "none") return;
  context.font = `${style.fontWeight} ${style.fontSize} ${style.fontFamily}`;
  context.textAlign = { middle: "center", end: "right" }[style.textAnchor] || "left";
  const [x, y] = ["x", "y"].map((name) => Number(text.getAttribute(name)));
  if (style.stroke !== "none") {
    context.strokeStyle = style.stroke;
    context.lineWidth = parseFloat(style.strokeWidth) || 0;
    context.lineJoin = "round";
    context.strokeText(text.textContent, x, y);
  }
  context.fillStyle = style.fill;
  context.fillText(text.textContent, x, y);
}

const number = (node, name) => Number(node.getAttribute(name));

function draw(context, node, finer = 1) {
  const name = node.localName;
  if (name === "title") return;
  if (name === "text") return write(context, node);
  if (name === "path") return paint(context, node, new Path2D(node.getAttribute("d")), finer);
  if (name === "rect") {
    const path = new Path2D();
    path.rect(...["x", "y", "width", "height"].map((side) => number(node, side)));
    return paint(context, node, path, finer);
  }
  if (name === "use") return draw(context, document.querySelector(node.getAttribute("href")), finer);
  context.save();
  const moved = node.transform?.baseVal.consolidate();
  if (moved) {
    const { a, b, c, d, e, f } = moved.matrix;
    context.transform(a, b, c, d, e, f);
  }
  if (name === "svg") {
    // A window on the drawing, as the one on London: only what lies in it is seen.
    const [x, y, width, height] = ["x", "y", "width", "height"].map((side) => number(node, side));
    const seen = node.viewBox.baseVal;
    context.beginPath();
    context.rect(x, y, width, height);
    context.clip();
    context.translate(x, y);
    context.scale(width / seen.width, height / seen.height);
    context.translate(-seen.x, -seen.y);
    finer = FINER;
  }
  for (const child of node.children) draw(context, child, finer);
  context.restore();
}

// The legend's items, each its colour and words, in as many columns as there is room for.
function legendOf(figure, context) {
  const items = [...figure.querySelectorAll("[data-legend] > li")].map((item) => ({
    swatch: item.querySelector("rect"),
    text: item.textContent.replace(/\s+/g, " ").trim(),
  }));
  context.font = `400 22px ${getComputedStyle(document.body).fontFamily}`;
  const widest = Math.max(0, ...items.map((item) => context.measureText(item.text).width)) + 62;
  const columns = Math.max(1, Math.floor((WIDTH - 2 * EDGE) / widest));
  return { items, widest, columns, rows: Math.ceil(items.length / columns) };
}

function pictureOf(figure, button) {
  const svg = figure.querySelector("[data-picture]");
  const { x, y, width, height } = svg.viewBox.baseVal;
  const scale = (WIDTH - 2 * EDGE) / width;
  const canvas = document.createElement("canvas");
  canvas.width = WIDTH;
  let context = canvas.getContext("2d");
  const legend = legendOf(figure, context);
  const credit = figure.querySelector(".credit")?.textContent || "";
  const label = figure.querySelector(".map-legend strong")?.parentElement.textContent.replace(/\s+/g, " ").trim();
  const top = EDGE + 86;
  const under = top + height * scale + 34;
  const line = 32;
  canvas.height = under + (label ? line + 8 : 0) + legend.rows * line + (credit ? 40 : 0) + EDGE;
  context = canvas.getContext("2d");
  context.fillStyle = "#fff";
  context.fillRect(0, 0, canvas.width, canvas.height);

  const family = getComputedStyle(document.body).fontFamily;
  const say = (text, left, down, font) => {
    context.font = `${font} ${family}`;
    context.fillStyle = INK;
    context.textAlign = "left";
    context.fillText(text, left, down, WIDTH - EDGE - left);
  };
  say(button.dataset.title, EDGE, EDGE + 30, "600 34px");
  say(button.dataset.under, EDGE, EDGE + 64, "400 22px");

  context.save();
  context.translate(EDGE, top);
  context.scale(scale, scale);
  context.translate(-x, -y);
  for (const child of svg.children) draw(context, child);
  context.restore();

  let down = under;
  if (label) {
    say(label, EDGE, down, "600 22px");
    down += line + 8;
  }
  legend.items.forEach((item, place) => {
    const left = EDGE + (place % legend.columns) * legend.widest;
    const at = down + Math.floor(place / legend.columns) * line;
    const path = new Path2D();
    path.rect(left, at - 19, 24, 24);
    paint(context, item.swatch, path);
    say(item.text, left + 34, at, "400 22px");
  });
  if (credit) say(credit, EDGE, canvas.height - EDGE, "400 17px");
  return canvas;
}

// On paper and in a picture the page is light, whatever the screen is.
function inDaylight(deed) {
  const root = document.documentElement;
  const theme = root.dataset.theme;
  root.dataset.theme = "light";
  try {
    return deed();
  } finally {
    if (theme === undefined) delete root.dataset.theme;
    else root.dataset.theme = theme;
  }
}

for (const tools of document.querySelectorAll("[data-picture-tools]")) {
  const figure = tools.closest("figure");
  const button = tools.querySelector("[data-save]");
  button.addEventListener("click", () => {
    inDaylight(() => pictureOf(figure, button)).toBlob((blob) => {
      const link = document.createElement("a");
      link.href = URL.createObjectURL(blob);
      link.download = `${button.dataset.save}.png`;
      link.click();
      setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
    }, "image/png");
  });
  tools.querySelector("[data-print]").addEventListener("click", () => window.print());
  tools.hidden = false;
}
