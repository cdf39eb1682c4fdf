// What the workspace knows: units, territories, who has what, what is selected. No page, no network.
// A unit and a territory are named by their place; -1 is no territory. `base` is what the server
// said last; `held` is that with the gestures on it that are still being saved.

export const KEYS = "123456789abcdefghijklmnopqrstuvwxyz";

export class Plan {
  constructor(state) {
    this.heard = [];
    this.selected = new Set();
    this.waiting = []; // gestures that the server has not taken yet, the oldest first
    this.read(state);
  }

  // Take a whole state; what is selected and what waits stays, found again by keys.
  read(state) {
    const before = this.units;
    const keysOf = (places) => [...places].map((place) => before.key[place]);
    const selected = before ? keysOf(this.selected) : [];
    const waiting = before ? this.waiting.map((gesture) => this.packed(gesture)) : [];
    this.day = state.day;
    this.revision = state.revision;
    this.kinds = state.kinds;
    this.systems = state.systems;
    this.units = state.units;
    this.tiles = state.tiles;
    this.shapes = state.shapes; // where the boundaries are to be had, for kinds that have any
    this.bare = state.bare; // units without one
    this.territories = state.territories;
    this.elsewhere = state.elsewhere;
    this.can = { undo: state.undo, redo: state.redo };
    this.count = state.units.key.length;
    this.base = Int32Array.from(state.units.held);
    this.held = Int32Array.from(this.base);
    this.placeOf = new Map(state.units.key.map((key, place) => [key, place]));
    this.findTerritories();
    this.hasPeople = state.units.people.some((people) => people !== null);
    this.words = state.units.code.map((code, i) =>
      `${code} ${state.units.name[i]} ${this.systemOf(i)?.join(" ") ?? ""}`.toLowerCase());
    this.selected = new Set(selected.map((key) => this.placeOf.get(key)).filter((place) => place !== undefined));
    this.waiting = waiting.map((gesture) => this.unpacked(gesture)).filter((gesture) => gesture.units.length);
    this.overlay();
  }

  findTerritories() {
    this.territoryAt = new Map(this.territories.map((territory, place) => [territory.key, place]));
  }

  listen(what) { this.heard.push(what); }
  tell(...news) { for (const heard of this.heard) heard(new Set(news)); }

  territoryPlace(key) { return key === null ? -1 : this.territoryAt.get(key) ?? -1; }
  territoryKey(place) { return place < 0 ? null : this.territories[place].key; }
  called(place) {
    if (place < 0) return "no territory";
    const { code, name } = this.territories[place];
    return name ? `${code} ${name}` : code;
  }
  systemOf(unit) { return this.systems[this.units.system[unit]]; }
  kindOf(unit) { return this.kinds[this.units.kind[unit]]; }
  lives(unit) { return this.units.kind[unit] >= 0; }

  // --- Gestures ---------------------------------------------------------------------------------
  // Show it at once, and return what is to be saved; null where nothing would move.
  give(units, to) {
    const moving = [...units].filter((unit) => this.held[unit] !== to && (to < 0 || this.lives(unit)));
    if (!moving.length) return null;
    const gesture = { units: moving, expected: moving.map((unit) => this.held[unit]), to, day: this.day };
    this.waiting.push(gesture);
    for (const unit of moving) this.held[unit] = to;
    this.tell("held");
    return gesture;
  }

  settle(gesture) {
    this.waiting = this.waiting.filter((other) => other !== gesture);
  }

  // What the server says: [[unit's key, territory's key or null], …].
  take(rows) {
    const touched = [];
    for (const [key, territory] of rows) {
      const unit = this.placeOf.get(key);
      if (unit === undefined) continue;
      this.base[unit] = this.territoryPlace(territory);
      touched.push(unit);
    }
    this.overlay();
    return touched;
  }

  overlay() {
    this.held.set(this.base);
    for (const { units, to } of this.waiting) for (const unit of units) this.held[unit] = to;
    this.tell("held");
  }

  packed({ units, expected, to, day }) {
    return {
      day,
      to: this.territoryKey(to),
      units: units.map((unit, i) => [this.units.key[unit], this.territoryKey(expected[i])]),
    };
  }
  unpacked({ units, to, day }) {
    const known = units.filter(([key]) => this.placeOf.has(key));
    return {
      day,
      to: this.territoryPlace(to),
      units: known.map(([key]) => this.placeOf.get(key)),
      expected: known.map(([, territory]) => this.territoryPlace(territory)),
    };
  }

  // --- Selecting ----------------------------------------------------------------------------------
  select(units, { add = false, toggle = false } = {}) {
    if (!add && !toggle) this.selected.clear();
    for (const unit of units) {
      if (toggle && this.selected.has(unit)) this.selected.delete(unit);
      else this.selected.add(unit);
    }
    this.tell("selected");
  }
  every(test) {
    const found = [];
    for (let unit = 0; unit < this.count; unit += 1) if (test(unit)) found.push(unit);
    return found;
  }
  systemsOfSelected() {
    return new Set([...this.selected].map((unit) => this.units.system[unit]).filter((system) => system >= 0));
  }

  // --- Counting: always from what is shown, never by asking ---------------------------------------
  // A body of the plan's kinds is a gap unless a coarser unit that holds it has a territory, or it
  // is made of finer ones, which then are gaps or not themselves (as PlanOnDay.gaps says it).
  gaps() {
    const { up, kind } = this.units;
    const should = (unit) => kind[unit] >= 0 && this.kinds[kind[unit]].whole;
    const climb = (unit, what) => {
      for (let above = up[unit], steps = 0; above >= 0 && steps < 9; above = up[above], steps += 1) if (what(above)) return true;
      return false;
    };
    const isOfParts = new Uint8Array(this.count);
    for (let unit = 0; unit < this.count; unit += 1) {
      const isPart = kind[unit] >= 0 && this.held[unit] >= 0 && this.kinds[kind[unit]].part;
      if (isPart || should(unit)) climb(unit, (above) => { isOfParts[above] = 1; });
    }
    return this.every((unit) =>
      this.held[unit] < 0 && should(unit) && !isOfParts[unit] && !climb(unit, (above) => this.held[above] >= 0));
  }

  // Units that another active plan of the team has too, where the parts are not declared as one.
  undeclared() {
    const shared = new Map();
    for (const [unit, who, part, ours] of this.elsewhere) {
      const at = shared.get(unit) ?? { who: [], parts: [], ours };
      at.who.push(who);
      at.parts.push(part);
      shared.set(unit, at);
    }
    const found = new Map();
    for (const [unit, { who, parts, ours }] of shared) {
      const mine = ours[this.held[unit]];
      if (this.held[unit] < 0) continue;
      const all = [...parts, mine];
      const declared = all.every((part) => part !== null && part !== undefined);
      if (!declared || Math.abs(all.reduce((sum, part) => sum + part, 0) - 1) > 1e-6) found.set(unit, who.join("; "));
    }
    return found;
  }

  // Units and people by territory, and the means of both.
  balance() {
    const rows = this.territories.map(() => ({ units: 0, people: 0 }));
    for (let unit = 0; unit < this.count; unit += 1) {
      const row = rows[this.held[unit]];
      if (!row) continue;
      row.units += 1;
      row.people += this.units.people[unit] ?? 0;
    }
    const mean = (what) => rows.reduce((sum, row) => sum + row[what], 0) / (rows.length || 1);
    return { rows, means: { units: mean("units"), people: mean("people") } };
  }
}
