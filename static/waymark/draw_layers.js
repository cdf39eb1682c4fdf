// Layers of the map: squares for up to some hundred units, cells round the points of thousands.
// Each paints in its own measure (the context is already scaled), with lines in pixels of the view.

export function meet(neighbours, one, other) {
  if (one === other || one < 0 || other < 0) return;
  (neighbours[one] ??= new Set()).add(other);
  (neighbours[other] ??= new Set()).add(one);
}

export function label(context, map, text, x, y, size) {
  const pixel = 1 / map.view.k;
  context.font = `700 ${size * pixel}px ${getComputedStyle(map.root).fontFamily}`;
  context.textAlign = "center";
  context.textBaseline = "middle";
  context.lineJoin = "round";
  context.lineWidth = 3.5 * pixel;
  context.strokeStyle = map.colours.sheet;
  context.fillStyle = map.colours.ink;
  const shown = text.length <= 8 ? text : `${text.slice(0, 7)}…`;
  context.strokeText(shown, x, y);
  context.fillText(shown, x, y);
}

// --- Squares: the layout that the server worked out, a square of side 1 each -------------------------
export class TileLayer {
  constructor(plan) {
    this.plan = plan;
    this.cells = new Map();
    this.cx = new Float64Array(plan.count).fill(NaN);
    this.cy = new Float64Array(plan.count).fill(NaN);
    let right = 1, bottom = 1;
    plan.tiles.forEach((tile, unit) => {
      if (!tile) return;
      const [column, row] = tile;
      this.cells.set(column * 4096 + row, unit);
      this.cx[unit] = column + 0.5;
      this.cy[unit] = row + 0.5;
      right = Math.max(right, column + 1);
      bottom = Math.max(bottom, row + 1);
    });
    this.bounds = { left: 0, top: 0, right, bottom };
  }

  on(column, row) { return column < 0 || row < 0 ? -1 : this.cells.get(column * 4096 + row) ?? -1; }
  at(x, y) { return this.on(Math.floor(x), Math.floor(y)); }
  whose(column, row) {
    const unit = this.on(column, row);
    return unit < 0 ? -2 : this.plan.held[unit];
  }

  neighbours() {
    const found = [];
    for (const [unit, tile] of this.plan.tiles.entries()) {
      if (!tile) continue;
      const [column, row] = tile;
      for (const [dx, dy] of [[1, 0], [0, 1], [1, 1], [1, -1]])
        meet(found, this.plan.held[unit], this.whose(column + dx, row + dy));
    }
    return found;
  }

  paint(context, map) {
    const { plan } = this;
    const { k } = map.view;
    const pixel = 1 / k;
    const gap = 0.75 * pixel;
    for (const [unit, tile] of plan.tiles.entries()) {
      if (!tile) continue;
      const [column, row] = tile;
      const territory = plan.held[unit];
      context.fillStyle = territory < 0 ? map.colours.sheet : map.fill(territory);
      context.fillRect(column + gap, row + gap, 1 - 2 * gap, 1 - 2 * gap);
      if (territory >= 0) continue;
      context.strokeStyle = map.colours.control;
      context.lineWidth = pixel;
      context.setLineDash([3 * pixel, 3 * pixel]);
      context.strokeRect(column + 2.5 * pixel, row + 2.5 * pixel, 1 - 5 * pixel, 1 - 5 * pixel);
      context.setLineDash([]);
    }
    this.outline(context, map);
    if (k >= 26) {
      context.font = `${Math.min(11, k / 3.6) * pixel}px ui-monospace, monospace`;
      context.textAlign = "center";
      context.textBaseline = "alphabetic";
      context.fillStyle = map.colours["ink-2"];
      for (const [unit, tile] of plan.tiles.entries())
        if (tile) context.fillText(plan.units.code[unit], tile[0] + 0.5, tile[1] + 0.86);
    }
    for (const { territory, x, y } of this.labels())
      label(context, map, plan.territories[territory].code, x, y - (k >= 26 ? 0.14 : 0), Math.max(10, Math.min(15, k * 0.4)));
  }

  outline(context, map) {
    context.beginPath();
    for (const tile of this.plan.tiles) {
      if (!tile) continue;
      const [column, row] = tile;
      const here = this.whose(column, row);
      const edge = (dx, dy, x, y, toX, toY) => {
        const there = this.whose(column + dx, row + dy);
        // Each edge between two territories once; one to nobody's land by the territory itself.
        if (there === here || here < 0 || (there >= 0 && dx + dy < 0)) return;
        context.moveTo(column + x, row + y);
        context.lineTo(column + toX, row + toY);
      };
      edge(0, -1, 0, 0, 1, 0);
      edge(-1, 0, 0, 0, 0, 1);
      edge(0, 1, 0, 1, 1, 1);
      edge(1, 0, 1, 0, 1, 1);
    }
    context.lineWidth = 2.25 / map.view.k;
    context.lineCap = "round";
    context.strokeStyle = map.colours.ink;
    context.stroke();
  }

  // One label a patch of squares that hang together, on the square nearest its middle.
  labels() {
    const seen = new Set(), found = [];
    for (const [unit, tile] of this.plan.tiles.entries()) {
      const territory = this.plan.held[unit];
      if (!tile || territory < 0 || seen.has(unit)) continue;
      const patch = [], frontier = [unit];
      seen.add(unit);
      while (frontier.length) {
        const here = frontier.pop();
        patch.push(here);
        const [column, row] = this.plan.tiles[here];
        for (const [dx, dy] of [[1, 0], [-1, 0], [0, 1], [0, -1]]) {
          const near = this.on(column + dx, row + dy);
          if (near >= 0 && !seen.has(near) && this.plan.held[near] === territory) {
            seen.add(near);
            frontier.push(near);
          }
        }
      }
      found.push({ territory, ...middle(this, patch) });
    }
    return found;
  }

  mark(context, map, units, { colour, width, wash }) {
    const pixel = 1 / map.view.k;
    context.strokeStyle = context.fillStyle = colour;
    context.lineWidth = width * pixel;
    const inset = (width / 2) * pixel;
    for (const unit of units) {
      const tile = this.plan.tiles[unit];
      if (!tile) continue;
      if (wash) {
        context.globalAlpha = 0.22;
        context.fillRect(tile[0], tile[1], 1, 1);
        context.globalAlpha = 1;
      }
      context.strokeRect(tile[0] + inset, tile[1] + inset, 1 - 2 * inset, 1 - 2 * inset);
    }
  }
}

export function middle({ cx, cy }, units) {
  const east = units.reduce((sum, unit) => sum + cx[unit], 0) / units.length;
  const south = units.reduce((sum, unit) => sum + cy[unit], 0) / units.length;
  const far = (unit) => (cx[unit] - east) ** 2 + (cy[unit] - south) ** 2;
  const best = units.reduce((near, unit) => (far(unit) < far(near) ? unit : near));
  return { x: cx[best], y: cy[best] };
}

// --- Cells: the country in small squares, each of the nearest unit, so that thousands of points make
// a map of territories with borders. A square farther from any unit than its reach is sea. -----------
const CELLS = 150_000;
const TURN = Math.PI * (3 - Math.sqrt(5));

export class CellLayer {
  constructor(plan) {
    this.plan = plan;
    this.cx = Float64Array.from(plan.units.x, (x) => x ?? NaN);
    this.cy = Float64Array.from(plan.units.y, (y) => y ?? NaN);
    this.measure();
    this.apart();
    this.measure();
    this.nearest();
  }

  measure() {
    let left = Infinity, top = Infinity, right = -Infinity, bottom = -Infinity;
    this.placed = this.plan.every((unit) => !Number.isNaN(this.cx[unit]));
    for (const unit of this.placed) {
      left = Math.min(left, this.cx[unit]);
      right = Math.max(right, this.cx[unit]);
      top = Math.min(top, this.cy[unit]);
      bottom = Math.max(bottom, this.cy[unit]);
    }
    if (!this.placed.length) left = top = right = bottom = 0;
    const extent = Math.max(right - left, bottom - top, 1);
    const margin = extent * 0.02;
    this.bounds = { left: left - margin, top: top - margin, right: right + margin, bottom: bottom + margin };
    this.spacing = extent / Math.sqrt(this.placed.length || 1);
  }

  // Units on one spot, as those that stand where their parent is, go round it like seeds.
  apart() {
    const spots = new Map();
    for (const unit of this.placed) {
      const spot = `${this.cx[unit]} ${this.cy[unit]}`;
      const before = spots.get(spot) ?? 0;
      spots.set(spot, before + 1);
      if (!before) continue;
      const far = 0.32 * this.spacing * Math.sqrt(before);
      this.cx[unit] += far * Math.cos(TURN * before);
      this.cy[unit] += far * Math.sin(TURN * before);
    }
  }

  nearest() {
    const { left, top, right, bottom } = this.bounds;
    this.side = Math.sqrt(((right - left) * (bottom - top)) / CELLS);
    this.columns = Math.max(1, Math.ceil((right - left) / this.side));
    this.rows = Math.max(1, Math.ceil((bottom - top) / this.side));
    this.unit = new Int32Array(this.columns * this.rows).fill(-1);
    const far = new Float32Array(this.unit.length).fill(Infinity);
    const reach = Math.min(26, Math.max(5, Math.round(2.1 * Math.sqrt(CELLS / 2 / (this.placed.length || 1)))));
    for (const unit of this.placed) {
      const x = (this.cx[unit] - left) / this.side, y = (this.cy[unit] - top) / this.side;
      const column = Math.floor(x), row = Math.floor(y);
      for (let r = Math.max(0, row - reach); r <= Math.min(this.rows - 1, row + reach); r += 1) {
        const dy = (r + 0.5 - y) ** 2;
        for (let c = Math.max(0, column - reach); c <= Math.min(this.columns - 1, column + reach); c += 1) {
          const distance = dy + (c + 0.5 - x) ** 2;
          const cell = r * this.columns + c;
          if (distance < far[cell] && distance <= reach * reach) {
            far[cell] = distance;
            this.unit[cell] = unit;
          }
        }
      }
    }
    // The points in rows and columns of their own, so that the nearest is found among a few.
    this.bins = new Map();
    for (const unit of this.placed) {
      const bin = this.bin(this.cx[unit], this.cy[unit]);
      if (!this.bins.has(bin)) this.bins.set(bin, []);
      this.bins.get(bin).push(unit);
    }
  }
  bin(x, y, dx = 0, dy = 0) {
    return (Math.floor((x - this.bounds.left) / this.spacing) + dx) * 8192 + Math.floor((y - this.bounds.top) / this.spacing) + dy;
  }

  at(x, y, near) {
    let best = -1, least = near * near;
    for (let dx = -1; dx <= 1; dx += 1)
      for (let dy = -1; dy <= 1; dy += 1)
        for (const unit of this.bins.get(this.bin(x, y, dx, dy)) ?? []) {
          const distance = (this.cx[unit] - x) ** 2 + (this.cy[unit] - y) ** 2;
          if (distance < least) [least, best] = [distance, unit];
        }
    if (best >= 0) return best;
    const column = Math.floor((x - this.bounds.left) / this.side), row = Math.floor((y - this.bounds.top) / this.side);
    if (column < 0 || row < 0 || column >= this.columns || row >= this.rows) return -1;
    return this.unit[row * this.columns + column];
  }

  whose(cell) {
    const unit = this.unit[cell];
    return unit < 0 ? -2 : this.plan.held[unit];
  }
  neighbours() {
    const found = [];
    for (let cell = 0; cell < this.unit.length; cell += 1) {
      if ((cell + 1) % this.columns) meet(found, this.whose(cell), this.whose(cell + 1));
      if (cell + this.columns < this.unit.length) meet(found, this.whose(cell), this.whose(cell + this.columns));
    }
    return found;
  }

  // The picture of who has what is made again only where that, or a colour, changed.
  picture(map) {
    const { held } = this.plan;
    const inks = this.plan.territories.map((_, territory) => map.fill(territory)).join();
    const stamp = `${inks}${map.colours.sheet}`;
    if (this.drawn?.stamp === stamp && this.drawn.held.every((territory, unit) => territory === held[unit])) return this.drawn;
    const canvas = new OffscreenCanvas(this.columns, this.rows);
    const context = canvas.getContext("2d", { willReadFrequently: true });
    const rgb = (colour) => {
      context.fillStyle = colour;
      context.fillRect(0, 0, 1, 1);
      return context.getImageData(0, 0, 1, 1).data;
    };
    const fills = this.plan.territories.map((_, territory) => rgb(map.fill(territory)));
    const free = rgb(map.colours.sheet);
    const image = context.createImageData(this.columns, this.rows);
    for (let cell = 0; cell < this.unit.length; cell += 1) {
      const here = this.whose(cell);
      if (here > -2) image.data.set(here < 0 ? free : fills[here], 4 * cell);
    }
    context.putImageData(image, 0, 0);
    const of = this.plan.territories.map(() => []);
    for (const unit of this.placed) of[held[unit]]?.push(unit);
    const labels = of.flatMap((units, territory) => (units.length ? [{ territory, ...middle(this, units) }] : []));
    this.drawn = { canvas, borders: this.borders(), labels, stamp, held: Int32Array.from(held) };
    return this.drawn;
  }

  // The lines between territories, each as long as it is straight: a line a cell takes twice as long.
  borders() {
    const { columns, rows, side } = this;
    const { left, top } = this.bounds;
    const path = new Path2D();
    const runs = (lines, length, isEdge, draw) => {
      for (let line = 1; line < lines; line += 1)
        for (let at = 0, from = -1; at <= length; at += 1) {
          const edge = at < length && isEdge(line, at);
          if (edge && from < 0) from = at;
          if (edge || from < 0) continue;
          draw(line, from, at);
          from = -1;
        }
    };
    const differ = (one, other) => this.whose(one) !== this.whose(other);
    runs(rows, columns, (row, column) => differ(row * columns + column, (row - 1) * columns + column), (row, from, to) => {
      path.moveTo(left + from * side, top + row * side);
      path.lineTo(left + to * side, top + row * side);
    });
    runs(columns, rows, (column, row) => differ(row * columns + column, row * columns + column - 1), (column, from, to) => {
      path.moveTo(left + column * side, top + from * side);
      path.lineTo(left + column * side, top + to * side);
    });
    return path;
  }

  paint(context, map) {
    const { canvas, borders, labels } = this.picture(map);
    const pixel = 1 / map.view.k;
    const { left, top } = this.bounds;
    context.imageSmoothingEnabled = false;
    context.drawImage(canvas, left, top, this.columns * this.side, this.rows * this.side);
    context.lineWidth = 1.25 * pixel;
    context.strokeStyle = map.colours.ink;
    context.stroke(borders);
    const size = Math.max(1.6, Math.min(5, this.spacing * map.view.k * 0.22)) * pixel;
    const from = [-map.view.x * pixel - size, -map.view.y * pixel - size];
    const to = [(map.width - map.view.x) * pixel + size, (map.height - map.view.y) * pixel + size];
    for (const isFree of [false, true]) {
      context.fillStyle = isFree ? map.colours.act : map.colours.ink;
      context.globalAlpha = isFree ? 1 : 0.45;
      for (const unit of this.placed) {
        const x = this.cx[unit], y = this.cy[unit];
        if (this.plan.held[unit] < 0 !== isFree || x < from[0] || y < from[1] || x > to[0] || y > to[1]) continue;
        context.fillRect(x - size / 2, y - size / 2, size, size);
      }
    }
    context.globalAlpha = 1;
    for (const { territory, x, y } of labels) label(context, map, this.plan.territories[territory].code, x, y, 13);
  }

  mark(context, map, units, { colour, width }) {
    const pixel = 1 / map.view.k;
    const size = (Math.max(2, Math.min(6, this.spacing * map.view.k * 0.25)) + width) * pixel;
    context.fillStyle = colour;
    for (const unit of units) context.fillRect(this.cx[unit] - size / 2, this.cy[unit] - size / 2, size, size);
  }
}
