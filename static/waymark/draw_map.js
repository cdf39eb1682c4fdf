// The map: a canvas of layers that each know where a unit is, with pan, zoom and ways to select.
// A layer has bounds, cx and cy (each unit's middle; NaN without a place), at(x, y), paint(),
// mark() and neighbours(); another kind of layer, such as boundaries, can take its place.

import { CellLayer, TileLayer } from "./draw_layers.js";
import { ShapeLayer } from "./draw_shapes.js";

const NEAR = 9; // pixels: a pointer that close to a unit means it
const STEP = 5; // pixels before a press becomes a drag

export class DrawMap {
  constructor(root, plan, deeds) {
    Object.assign(this, { root, plan, deeds });
    this.field = root.querySelector("[data-field]");
    [this.under, this.over] = root.querySelectorAll("canvas");
    this.card = root.querySelector("[data-card]");
    this.tool = matchMedia("(pointer: coarse)").matches ? "pan" : "lasso";
    this.pointers = new Map();
    this.hovered = -1;
    this.flashed = new Set();
    this.view = { k: 1, x: 0, y: 0 };
    this.begin();
    this.wire();
    new ResizeObserver(() => this.resize()).observe(this.field);
  }

  begin() {
    const { plan } = this;
    this.layer = this.topologies ? new ShapeLayer(plan, this.topologies) : plan.tiles ? new TileLayer(plan) : new CellLayer(plan);
    this.colours = readColours(this.root);
    this.fills = dealFills(this.plan, this.layer.neighbours());
    this.resize(true);
  }

  // Real boundaries in place of squares, or squares again. What is not there yet is fetched.
  async bound(isWanted) {
    this.topologies = null;
    if (isWanted) {
      this.library ??= load(this.root.dataset.topojson);
      const [found] = await Promise.all([Promise.all(this.plan.shapes.map(get)), this.library]);
      this.topologies = found;
    }
    this.begin();
  }

  // A territory's fill is its own colour, or a class that its neighbours did not have at the start.
  fill(territory) {
    const { colour } = this.plan.territories[territory];
    if (this.fills.length < this.plan.territories.length) this.fills = dealFills(this.plan, this.layer.neighbours());
    return colour || this.colours.fills[this.fills[territory]];
  }

  resize(fit = false) {
    const { clientWidth: width, clientHeight: height } = this.field;
    if (!width || !height) return;
    const first = !this.width;
    if (this.width === width && this.height === height && !fit) return;
    Object.assign(this, { width, height, dots: devicePixelRatio || 1 });
    for (const canvas of [this.under, this.over]) {
      canvas.width = Math.round(width * this.dots);
      canvas.height = Math.round(height * this.dots);
    }
    // The whole map stays whole in a window of another size; a place somebody went to stays.
    if (fit || first || this.isWhole) this.fit();
    this.draw();
  }

  fit() {
    const { bounds } = this.layer;
    const margin = 10;
    const wide = bounds.right - bounds.left || 1, high = bounds.bottom - bounds.top || 1;
    const k = Math.min((this.width - 2 * margin) / wide, (this.height - 2 * margin) / high);
    this.least = k / 2;
    this.isWhole = true;
    this.view = { k, x: (this.width - k * wide) / 2 - k * bounds.left, y: (this.height - k * high) / 2 - k * bounds.top };
    this.draw();
  }
  zoom(by, x = this.width / 2, y = this.height / 2) {
    const k = Math.min(Math.max(this.view.k * by, this.least), this.least * 120);
    const real = k / this.view.k;
    this.isWhole = false;
    this.view = { k, x: x - (x - this.view.x) * real, y: y - (y - this.view.y) * real };
    this.draw();
  }

  // --- Drawing: at most once a frame, and the layer under it only where it changed -----------------
  draw() { this.isStale = true; this.mark(); }
  mark() {
    if (this.asked) return;
    this.asked = requestAnimationFrame(() => {
      this.asked = 0;
      if (this.isStale) this.paint(this.under, (context) => this.layer.paint(context, this));
      this.isStale = false;
      this.paint(this.over, (context) => this.paintOver(context));
    });
  }
  paint(canvas, how) {
    const context = canvas.getContext("2d");
    context.setTransform(1, 0, 0, 1, 0, 0);
    context.clearRect(0, 0, canvas.width, canvas.height);
    const { k, x, y } = this.view;
    context.setTransform(this.dots * k, 0, 0, this.dots * k, this.dots * x, this.dots * y);
    how(context);
  }
  paintOver(context) {
    const pixel = 1 / this.view.k;
    if (this.flashed.size) this.layer.mark(context, this, this.flashed, { colour: this.colours.past, width: 4 });
    this.layer.mark(context, this, this.plan.selected, { colour: this.colours.way, width: 3, wash: true });
    if (this.hovered >= 0) this.layer.mark(context, this, [this.hovered], { colour: this.colours.ink, width: 2 });
    if (!this.traced) return;
    context.beginPath();
    for (const [x, y] of this.outlined()) context.lineTo(x, y);
    context.closePath();
    context.lineWidth = 1.5 * pixel;
    context.setLineDash([5 * pixel, 4 * pixel]);
    context.strokeStyle = this.colours.ink;
    context.fillStyle = this.colours.way;
    context.globalAlpha = 0.1;
    context.fill();
    context.globalAlpha = 1;
    context.stroke();
    context.setLineDash([]);
  }
  flash(units) {
    this.flashed = new Set(units);
    this.mark();
    clearTimeout(this.calm);
    this.calm = setTimeout(() => { this.flashed.clear(); this.mark(); }, 1500);
  }

  // --- The pointer ----------------------------------------------------------------------------------
  world(event) {
    const box = this.over.getBoundingClientRect();
    return [(event.clientX - box.left - this.view.x) / this.view.k, (event.clientY - box.top - this.view.y) / this.view.k];
  }
  unitUnder(event) { return this.layer.at(...this.world(event), NEAR / this.view.k); }

  wire() {
    const { over } = this;
    over.addEventListener("pointerdown", (event) => this.down(event));
    over.addEventListener("pointermove", (event) => this.move(event));
    over.addEventListener("pointerup", (event) => this.up(event));
    over.addEventListener("pointercancel", (event) => this.cancel(event));
    over.addEventListener("pointerleave", () => this.hover(-1));
    over.addEventListener("dblclick", (event) => {
      const unit = this.unitUnder(event);
      if (unit >= 0 && this.plan.held[unit] >= 0) this.deeds.selectTerritory(this.plan.held[unit]);
    });
    over.addEventListener("wheel", (event) => {
      event.preventDefault();
      const box = over.getBoundingClientRect();
      this.zoom(1.0015 ** -event.deltaY, event.clientX - box.left, event.clientY - box.top);
    }, { passive: false });
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => this.recolour());
    new MutationObserver(() => this.recolour()).observe(document.documentElement, { attributeFilter: ["data-theme"] });
  }
  recolour() {
    this.colours = readColours(this.root);
    this.draw();
  }

  down(event) {
    if (event.button > 1) return;
    this.over.setPointerCapture(event.pointerId);
    this.pointers.set(event.pointerId, event);
    if (this.pointers.size > 1) {
      this.pressed = this.traced = null;
      return;
    }
    const unit = this.unitUnder(event);
    const carries = unit >= 0 && this.plan.selected.has(unit) && event.button === 0;
    const how = event.button === 1 || event.altKey ? "pan" : carries ? "carry" : this.tool;
    this.pressed = { event, unit, how, at: this.world(event), isDrag: false };
    this.deeds.focus(unit);
    event.preventDefault();
  }
  move(event) {
    if (!this.pointers.has(event.pointerId)) {
      this.hover(this.unitUnder(event), event);
      return;
    }
    const last = this.pointers.get(event.pointerId);
    if (this.pointers.size === 2) this.pinch(event, last);
    this.pointers.set(event.pointerId, event);
    const { pressed } = this;
    if (!pressed || this.pointers.size > 1) return;
    const far = Math.hypot(event.clientX - pressed.event.clientX, event.clientY - pressed.event.clientY);
    if (!pressed.isDrag && far < STEP) return;
    if (!pressed.isDrag) {
      pressed.isDrag = true;
      this.hover(-1);
      if (pressed.how === "lasso" || pressed.how === "box") this.traced = [pressed.at];
    }
    if (pressed.how === "pan") {
      this.isWhole = false;
      this.view.x += event.clientX - last.clientX;
      this.view.y += event.clientY - last.clientY;
      this.draw();
    } else if (pressed.how === "carry") this.deeds.carry(event.clientX, event.clientY);
    else if (this.traced) {
      this.traced.push(this.world(event));
      this.mark();
    }
  }
  pinch(event, last) {
    const [other] = [...this.pointers.values()].filter((pointer) => pointer.pointerId !== event.pointerId);
    const apart = (one) => Math.hypot(one.clientX - other.clientX, one.clientY - other.clientY) || 1;
    const box = this.over.getBoundingClientRect();
    this.view.x += (event.clientX - last.clientX) / 2;
    this.view.y += (event.clientY - last.clientY) / 2;
    this.zoom(apart(event) / apart(last), (event.clientX + other.clientX) / 2 - box.left, (event.clientY + other.clientY) / 2 - box.top);
  }
  up(event) {
    const { pressed } = this;
    this.cancel(event);
    if (!pressed) return;
    const adds = event.shiftKey || event.ctrlKey || event.metaKey || event.pointerType === "touch";
    if (!pressed.isDrag) {
      if (pressed.unit >= 0) this.plan.select([pressed.unit], adds ? { toggle: true } : {});
      else if (!adds) this.plan.select([]);
    } else if (pressed.how === "carry") this.deeds.drop(event.clientX, event.clientY);
    else if (pressed.ring) this.plan.select(this.within(pressed.ring), { add: adds });
  }
  cancel(event) {
    this.pointers.delete(event.pointerId);
    if (this.pressed && this.traced) this.pressed.ring = this.outlined();
    this.pressed = this.traced = null;
    this.mark();
  }

  // The line that is drawn: a lasso as it is, a box from its first corner to its last.
  outlined() {
    if (this.pressed?.how !== "box") return this.traced;
    const [[left, top], [right, bottom]] = [this.traced[0], this.traced.at(-1)];
    return [[left, top], [right, top], [right, bottom], [left, bottom]];
  }
  within(ring) {
    const { cx, cy } = this.layer;
    return this.plan.every((unit) => {
      const x = cx[unit], y = cy[unit];
      let isIn = false;
      for (let i = 0, j = ring.length - 1; i < ring.length; j = i, i += 1) {
        const [xi, yi] = ring[i], [xj, yj] = ring[j];
        if (yi > y !== yj > y && x < ((xj - xi) * (y - yi)) / (yj - yi) + xi) isIn = !isIn;
      }
      return isIn;
    });
  }

  hover(unit, event) {
    if (unit !== this.hovered) {
      this.hovered = unit;
      this.mark();
      this.card.hidden = unit < 0;
      if (unit >= 0) this.deeds.describe(this.card, unit);
    }
    if (unit < 0 || !event) return;
    const box = this.field.getBoundingClientRect();
    const x = event.clientX - box.left, y = event.clientY - box.top;
    const left = x + 16 + this.card.offsetWidth > box.width ? x - 12 - this.card.offsetWidth : x + 16;
    const top = Math.min(y + 12, box.height - this.card.offsetHeight - 4);
    this.card.style.transform = `translate(${Math.max(4, left)}px, ${Math.max(4, top)}px)`;
  }
}

async function get(address) {
  const answer = await fetch(address);
  if (!answer.ok) throw new Error(`The boundaries did not come (${answer.status}).`);
  return answer.json();
}

function load(src) {
  return new Promise((resolve, reject) => {
    const script = Object.assign(document.createElement("script"), { src, onload: resolve, onerror: reject });
    document.head.append(script);
  });
}

// Colours of the page's own theme: a probe, since light-dark() is resolved on use alone.
function readColours(root) {
  const probe = root.querySelector("[data-probe]");
  const read = (name) => {
    probe.dataset.probe = name;
    return getComputedStyle(probe).color;
  };
  return {
    fills: [1, 2, 3, 4, 5, 6, 7, 8].map((number) => read(`tile-${number}`)),
    ...Object.fromEntries(["ink", "ink-2", "paper", "sheet", "control", "way", "past", "act"].map((name) => [name, read(name)])),
  };
}

// Territory → one of eight fills: the least used that no neighbour has yet.
function dealFills(plan, neighbours) {
  const used = new Array(8).fill(0);
  const fills = [];
  plan.territories.forEach((_, territory) => {
    const set = plan.territories[territory].fill;
    if (set !== null) {
      used[set] += 1;
      fills.push(set);
      return;
    }
    const near = new Set([...(neighbours[territory] ?? [])].map((other) => plan.territories[other].fill ?? fills[other]));
    const free = [0, 1, 2, 3, 4, 5, 6, 7].filter((fill) => !near.has(fill));
    const fill = (free.length ? free : [0, 1, 2, 3, 4, 5, 6, 7]).reduce((best, one) => (used[one] < used[best] ? one : best));
    used[fill] += 1;
    fills.push(fill);
  });
  return fills;
}
