// How compact territories are, 0 to 1: a territory's own units over all units of the map that lie
// within the convex hull of its own. As accounts/territories/balance.py says it, worked out where
// the page has time for it, of those territories alone whose units changed.

const hundredths = new Intl.NumberFormat("en-GB", { minimumFractionDigits: 2, maximumFractionDigits: 2 });
const idle = window.requestIdleCallback ?? ((deed) => setTimeout(deed, 50));

// Twice the area of the triangle, above nothing where c lies to the left of the way from a to b.
const turn = (a, b, c) => (b[0] - a[0]) * (c[1] - a[1]) - (b[1] - a[1]) * (c[0] - a[0]);

// The corners of the least convex shape round the points (Andrew's monotone chain).
export function hull(points) {
  const sorted = [...points].sort((a, b) => a[0] - b[0] || a[1] - b[1]);
  const half = (some) => {
    const way = [];
    for (const point of some) {
      while (way.length > 1 && turn(way.at(-2), way.at(-1), point) <= 0) way.pop();
      way.push(point);
    }
    return way.slice(0, -1);
  };
  const corners = [...half(sorted), ...half(sorted.reverse())];
  return corners.length ? corners : sorted.slice(0, 1);
}

export function isWithin(corners, point) {
  for (let i = 0, j = corners.length - 1; i < corners.length; j = i, i += 1)
    if (turn(corners[j], corners[i], point) < 0) return false;
  return true;
}

export class Compactness {
  constructor(plan, changed) {
    Object.assign(this, { plan, changed, wanted: false, stale: new Set(), found: [], whose: [] });
  }

  // The units that count: those that are weighed and have a place of their own.
  place(at) {
    const { x, y, near } = this.plan.units;
    this.spots = at.map((unit) => (unit < 0 || x[unit] === null || near[unit] ? null : [x[unit], y[unit]]));
    this.found = [];
    this.whose = [];
  }

  // Which territories have other units than when it was looked last.
  look(whose) {
    const isInPlay = (one) => one !== -2;
    if (whose.length !== this.whose.length || whose.some((one, i) => isInPlay(one) !== isInPlay(this.whose[i])))
      this.stale = new Set(this.plan.territories.keys());
    else
      whose.forEach((one, i) => {
        if (one === this.whose[i]) return;
        this.stale.add(one);
        this.stale.add(this.whose[i]);
      });
    this.whose = whose;
    if (this.wanted) this.later();
  }

  want() {
    this.wanted = true;
    this.later();
  }
  later() {
    if (this.asked || !this.stale.size) return;
    this.asked = idle(() => {
      this.asked = undefined;
      this.work();
    });
  }

  work() {
    const own = this.plan.territories.map(() => []);
    const all = [];
    this.whose.forEach((territory, i) => {
      const spot = this.spots[i];
      if (!spot || territory === -2) return;
      all.push(spot);
      own[territory]?.push(spot);
    });
    for (const territory of this.stale) if (own[territory]) this.found[territory] = compact(own[territory], all);
    this.stale.clear();
    this.changed();
  }

  cell(territory) {
    const found = this.found[territory];
    return { text: territory < 0 ? "" : found === undefined ? "…" : found === null ? "—" : hundredths.format(found) };
  }
}

function compact(own, all) {
  if (!own.length) return null;
  const corners = hull(own);
  const [xs, ys] = [corners.map(([x]) => x), corners.map(([, y]) => y)];
  const [left, right, top, bottom] = [Math.min(...xs), Math.max(...xs), Math.min(...ys), Math.max(...ys)];
  let within = 0;
  for (const spot of all) {
    const [x, y] = spot;
    if (x >= left && x <= right && y >= top && y <= bottom && isWithin(corners, spot)) within += 1;
  }
  return own.length / Math.max(within, own.length);
}
