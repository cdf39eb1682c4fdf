// Real boundaries where they are loaded: each unit's own shape, in place of squares and cells.

import { label, meet, middle } from "./draw_layers.js";

export class ShapeLayer {
  // `topologies`: what the server has of the shapes of each kind that is drawn.
  constructor(plan, topologies) {
    this.plan = plan;
    this.cx = new Float64Array(plan.count).fill(NaN);
    this.cy = new Float64Array(plan.count).fill(NaN);
    this.shapes = new Array(plan.count); // of those that have one: its path and its box
    this.sets = topologies.map((topology) => {
      const { units } = topology.objects;
      for (const geometry of units.geometries) {
        const unit = plan.placeOf.get(geometry.properties.key);
        if (unit !== undefined) this.add(unit, topojson.feature(topology, geometry).geometry);
      }
      return { topology, units, path: (test) => pathOf(topojson.mesh(topology, units, test)) };
    });
    this.placed = plan.every((unit) => this.shapes[unit]);
    const boxes = this.placed.map((unit) => this.shapes[unit].box);
    this.bounds = {
      left: Math.min(...boxes.map((box) => box[0])), top: Math.min(...boxes.map((box) => box[1])),
      right: Math.max(...boxes.map((box) => box[2])), bottom: Math.max(...boxes.map((box) => box[3])),
    };
    this.context = new OffscreenCanvas(1, 1).getContext("2d");
    this.lines = this.sets.map((set) => set.path());
  }

  add(unit, { coordinates }) {
    const path = new Path2D();
    const box = [Infinity, Infinity, -Infinity, -Infinity];
    let best = { area: -1 };
    for (const polygon of coordinates) {
      for (const [at, ring] of polygon.entries()) {
        ring.forEach(([x, y], i) => (i ? path.lineTo(x, y) : path.moveTo(x, y)));
        path.closePath();
        if (!at) {
          const found = heart(ring, box);
          if (found.area > best.area) best = found;
        }
      }
    }
    this.shapes[unit] = { path, box };
    this.cx[unit] = best.x;
    this.cy[unit] = best.y;
  }

  at(x, y) {
    return this.placed.find((unit) => {
      const { path, box } = this.shapes[unit];
      return x >= box[0] && x <= box[2] && y >= box[1] && y <= box[3] && this.context.isPointInPath(path, x, y);
    }) ?? -1;
  }

  whose(geometry) {
    const unit = this.plan.placeOf.get(geometry.properties.key);
    return unit === undefined ? -2 : this.plan.held[unit];
  }
  neighbours() {
    const found = [];
    for (const { units } of this.sets) {
      topojson.neighbors(units.geometries).forEach((near, one) => {
        for (const other of near) meet(found, this.whose(units.geometries[one]), this.whose(units.geometries[other]));
      });
    }
    return found;
  }

  // The lines between territories are found again only where somebody moved something.
  picture() {
    const { held } = this.plan;
    if (this.drawn?.held.every((territory, unit) => territory === held[unit])) return this.drawn;
    const borders = this.sets.map((set) => set.path((one, other) => {
      const [here, there] = [this.whose(one), this.whose(other)];
      return here !== there || (one === other && here >= 0);
    }));
    const of = this.plan.territories.map(() => []);
    for (const unit of this.placed) of[held[unit]]?.push(unit);
    const labels = of.flatMap((units, territory) => (units.length ? [{ territory, ...middle(this, units) }] : []));
    this.drawn = { borders, labels, held: Int32Array.from(held) };
    return this.drawn;
  }

  paint(context, map) {
    const { plan } = this;
    const pixel = 1 / map.view.k;
    for (const unit of this.placed) {
      const territory = plan.held[unit];
      context.fillStyle = territory < 0 ? map.colours.sheet : map.fill(territory);
      context.fill(this.shapes[unit].path, "evenodd");
    }
    context.lineJoin = context.lineCap = "round";
    context.strokeStyle = map.colours.control;
    context.lineWidth = 0.6 * pixel;
    for (const line of this.lines) context.stroke(line);
    const { borders, labels } = this.picture();
    context.strokeStyle = map.colours.ink;
    context.lineWidth = 1.75 * pixel;
    for (const line of borders) context.stroke(line);
    for (const { territory, x, y } of labels) label(context, map, plan.territories[territory].code, x, y, 13);
  }

  mark(context, map, units, { colour, width, wash }) {
    context.strokeStyle = context.fillStyle = colour;
    context.lineWidth = width / map.view.k;
    for (const unit of units) {
      if (!this.shapes[unit]) continue;
      const { path } = this.shapes[unit];
      if (wash) {
        context.globalAlpha = 0.3;
        context.fill(path, "evenodd");
        context.globalAlpha = 1;
      }
      context.stroke(path);
    }
  }
}

function pathOf({ coordinates }) {
  const path = new Path2D();
  for (const line of coordinates) line.forEach(([x, y], i) => (i ? path.lineTo(x, y) : path.moveTo(x, y)));
  return path;
}

// The middle of a ring by its area; the box is stretched to hold it.
function heart(ring, box) {
  let area = 0, east = 0, south = 0;
  ring.forEach(([x, y], i) => {
    const [toX, toY] = ring[(i + 1) % ring.length];
    const part = x * toY - toX * y;
    area += part;
    east += (x + toX) * part;
    south += (y + toY) * part;
    box[0] = Math.min(box[0], x);
    box[1] = Math.min(box[1], y);
    box[2] = Math.max(box[2], x);
    box[3] = Math.max(box[3], y);
  });
  return area ? { area: Math.abs(area), x: east / (3 * area), y: south / (3 * area) } : { area: 0, x: ring[0][0], y: ring[0][1] };
}
