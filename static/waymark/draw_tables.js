// The tables beside the map: territories, which take what is selected, and units, for the keyboard.

import { KEYS } from "./draw_state.js";

const ROW = 34; // pixels of a row of the units' table, as draw.css has it
const SPARE = 8; // rows drawn above and below those that show
const number = new Intl.NumberFormat("en-GB");

function make(name, fields = {}, ...inside) {
  const element = document.createElement(name);
  for (const [key, value] of Object.entries(fields)) {
    if (key === "class") element.className = value;
    else if (value !== null && value !== undefined) element.setAttribute(key, value);
  }
  element.append(...inside);
  return element;
}

// --- What is known of territories at once --------------------------------------------------------
const FAR = 20; // points of an index from the mean that are said in colour, as on the balance page
const tenths = new Intl.NumberFormat("en-GB", { maximumFractionDigits: 1 });
const wholes = new Intl.NumberFormat("en-GB", { maximumFractionDigits: 0 });
const written = (amount) => (Math.abs(amount) >= 1000 ? wholes : tenths).format(amount);

function owner(plan, territory) {
  const known = plan.territories[territory];
  return { text: known?.owner ?? "", isVacant: Boolean(known && !known.owner) };
}

// An amount with its index: 100 is the mean of the territories.
function against(amount, mean, territory) {
  const index = territory < 0 || !mean ? null : Math.round((100 * amount) / mean);
  return { text: amount || territory >= 0 ? written(amount) : "—", index, isFar: index !== null && Math.abs(index - 100) > FAR };
}

// Units and people, as the state of the workspace has them; draw_weights.js knows more, later.
class Counts {
  constructor(plan, deeds) {
    Object.assign(this, { plan, deeds });
    this.usual = ["units", "people"];
    this.choices = [
      { key: "units", label: "Units" },
      ...(plan.hasPeople ? [{ key: "people", label: "People" }] : []),
      { key: "owner", label: "Owner" },
    ];
  }
  count() {
    this.balance = this.plan.balance();
    const gaps = this.deeds.gaps();
    this.free = { units: gaps.length, people: gaps.reduce((sum, unit) => sum + (this.plan.units.people[unit] ?? 0), 0) };
  }
  cell(key, territory) {
    const { plan, free, balance: { rows, means } } = this;
    return key === "owner" ? owner(plan, territory) : against((rows[territory] ?? free)[key], means[key], territory);
  }
}

// --- Territories ----------------------------------------------------------------------------------
export class Territories {
  constructor(root, plan, map, deeds) {
    Object.assign(this, { root, plan, map, deeds });
    [this.head] = root.querySelector("thead").rows;
    this.body = root.querySelector("tbody");
    this.chosen = chosenBy(root.closest("[data-user]").dataset.user);
    root.addEventListener("click", (event) => {
      const row = event.target.closest("tr[data-territory]");
      if (!row) return;
      const territory = Number(row.dataset.territory);
      if (event.target.closest("[data-select]")) deeds.selectTerritory(territory);
      else if (event.target.closest("[data-give]") || plan.selected.size) deeds.give(territory);
    });
  }

  // Take figures from whoever knows more, or from the state again; or other columns.
  use(figures, chosen = this.chosen) {
    Object.assign(this, { figures, chosen });
    this.build();
  }

  // The rows anew: territories came, went, or have other names; or other columns are wanted.
  build() {
    const { plan } = this;
    this.figures ??= new Counts(plan, this.deeds);
    const wanted = this.chosen ?? this.figures.usual;
    this.columns = this.figures.choices.filter(({ key }) => wanted.includes(key));
    const heads = this.columns.map(({ key, label, title, unit }) =>
      make("th", { scope: "col", class: key === "owner" ? "" : "number", title: title ?? label }, make("span", { class: "draw-label" }, label), ...(unit ? [make("span", { class: "draw-unit" }, ` ${unit}`)] : [])));
    this.head.replaceChildren(this.head.firstElementChild, ...heads, this.head.lastElementChild);
    const focused = document.activeElement?.closest?.("tr[data-territory]")?.dataset.territory;
    this.body.replaceChildren(...[-1, ...plan.territories.keys()].map((territory) => this.row(territory)));
    if (focused) this.body.querySelector(`[data-territory="${focused}"] [data-give]`)?.focus({ preventScroll: true });
    this.show();
  }

  row(territory) {
    const { plan } = this;
    const known = plan.territories[territory];
    const key = territory < 0 ? "0" : KEYS[territory];
    const swatch = make("canvas", { class: territory < 0 ? "draw-swatch is-free" : "draw-swatch", width: 12, height: 12, "aria-hidden": "true" });
    const name = known ? [make("span", { class: "code" }, known.code), ` ${known.name}`] : ["No territory"];
    const isVacant = known && !known.owner && !this.columns.some((column) => column.key === "owner");
    const vacant = isVacant ? [make("span", { class: "nobody draw-vacant" }, " vacant")] : [];
    const give = make("button", { type: "button", class: "draw-give", "data-give": "", title: plan.called(territory), ...(key ? { "aria-keyshortcuts": key } : {}) },
      make("kbd", { "aria-hidden": "true" }, key ?? "·"), swatch, make("span", { class: "draw-called" }, ...name), ...vacant);
    const select = make("button", { type: "button", class: "draw-select", "data-select": "", "aria-label": `Select all of ${plan.called(territory)}` }, "select");
    const cells = this.columns.map((column) => (column.key === "owner"
      ? make("td", { class: "draw-owner", "data-figure": "owner" })
      : make("td", { class: "number", "data-figure": column.key }, make("span", { class: "draw-amount" }), make("span", { class: "draw-index" }))));
    return make("tr", { "data-territory": territory }, make("td", {}, give), ...cells, make("td", {}, select));
  }

  // The figures alone, from what is shown now: once a frame, however much changed within it.
  fill() { this.asked ??= requestAnimationFrame(() => { this.asked = undefined; this.show(); }); }
  show() {
    this.figures.count();
    const gaps = this.deeds.gaps().length;
    for (const row of this.body.rows) {
      const territory = Number(row.dataset.territory);
      this.columns.forEach(({ key }, i) => this.tell(row.cells[i + 1], this.figures.cell(key, territory)));
      row.classList.toggle("is-wanting", territory < 0 && gaps > 0);
      if (territory < 0) continue;
      const swatch = row.querySelector("canvas").getContext("2d");
      swatch.fillStyle = this.map.fill(territory);
      swatch.fillRect(0, 0, 12, 12);
    }
  }
  tell(cell, { text, title = "", index = null, isFar = false, isVacant = false }) {
    if (cell.title !== title) cell.title = title;
    if (cell.classList.contains("draw-owner")) {
      cell.replaceChildren(isVacant ? make("span", { class: "nobody" }, "vacant") : text);
      return;
    }
    const [amount, against] = cell.children;
    if (amount.textContent !== text) amount.textContent = text;
    amount.classList.toggle("is-far", isFar && index === null);
    const shown = index === null ? "" : String(index);
    if (against.textContent !== shown) against.textContent = shown;
    against.classList.toggle("is-far", isFar);
  }

  under(x, y) {
    const row = document.elementFromPoint(x, y)?.closest?.("tr[data-territory]");
    for (const other of this.body.rows) other.classList.toggle("is-over", other === row);
    return row ? Number(row.dataset.territory) : null;
  }
  let_go() { for (const row of this.body.rows) row.classList.remove("is-over"); }
}

// Which columns somebody wants is kept in their browser; null is the usual ones.
const store = (user) => `waymark columns ${user}`;
function chosenBy(user) {
  try {
    const kept = JSON.parse(localStorage.getItem(store(user)));
    return Array.isArray(kept) ? kept : null;
  } catch {
    return null; // nothing may be kept here, or it is none of ours
  }
}
function keepChosen(user, chosen) {
  try {
    if (chosen) localStorage.setItem(store(user), JSON.stringify(chosen));
    else localStorage.removeItem(store(user));
  } catch { /* as above */ }
}

export { against, keepChosen, make, owner, written };

// --- Units: only the rows that show are in the page ------------------------------------------------
export class Units {
  constructor(root, plan, map, deeds) {
    Object.assign(this, { root, plan, map, deeds });
    this.scroller = root.querySelector("[data-scroller]");
    this.grid = root.querySelector("[role=grid]");
    this.body = this.grid.tBodies[0];
    this.words = root.querySelector("[data-words]");
    this.show = root.querySelector("[data-show]");
    this.said = root.querySelector("[data-found]");
    this.active = 0;
    this.anchor = 0;
    this.listed = [];
    this.scroller.addEventListener("scroll", () => this.draw(), { passive: true });
    new ResizeObserver(() => this.draw()).observe(this.scroller);
    this.words.addEventListener("input", () => this.list());
    this.words.addEventListener("keydown", (event) => {
      if (event.key === "ArrowDown" || event.key === "Enter") {
        event.preventDefault();
        if (event.key === "Enter") this.deeds.select(this.listed);
        this.grid.focus();
      }
    });
    this.show.addEventListener("change", () => this.list());
    root.querySelector("[data-all]").addEventListener("click", () => this.deeds.select(this.listed));
    this.scroller.addEventListener("click", (event) => this.click(event));
    this.grid.addEventListener("keydown", (event) => this.key(event));
    this.body.addEventListener("pointerover", (event) => {
      const row = event.target.closest("tr[data-unit]");
      this.map.hovered = row ? Number(row.dataset.unit) : -1;
      this.map.mark();
    });
    this.body.addEventListener("pointerleave", () => {
      this.map.hovered = -1;
      this.map.mark();
    });
  }

  choices() {
    const { plan } = this;
    const now = this.show.value;
    const option = (value, text) => make("option", { value }, text);
    const territories = make("optgroup", { label: "Territory" });
    territories.append(...plan.territories.map((territory, place) => option(`territory ${territory.key}`, plan.called(place))));
    const systems = make("optgroup", { label: "System" });
    systems.append(...plan.systems.map(([code, name], place) => option(`system ${place}`, `${name} (${code})`)));
    this.show.replaceChildren(
      option("", "All units"), option("gaps", "Without a territory"), option("selected", "Selected"),
      option("undeclared", "Overlaps not declared"), territories, systems);
    this.show.value = now;
    if (this.show.selectedIndex < 0) this.show.value = "";
  }

  list() {
    const { plan } = this;
    const words = this.words.value.trim().toLowerCase().split(/\s+/).filter(Boolean);
    const [what, key] = this.show.value.split(" ");
    const among = {
      gaps: () => new Set(this.deeds.gaps()),
      selected: () => plan.selected,
      undeclared: () => this.deeds.undeclared(),
    }[what]?.();
    const territory = what === "territory" ? plan.territoryPlace(Number(key)) : null;
    this.listed = plan.every((unit) =>
      (!among || among.has(unit)) &&
      (territory === null || plan.held[unit] === territory) &&
      (what !== "system" || plan.units.system[unit] === Number(key)) &&
      words.every((word) => plan.words[unit].includes(word)));
    this.active = Math.min(this.active, Math.max(0, this.listed.length - 1));
    this.grid.setAttribute("aria-rowcount", this.listed.length + 1);
    this.said.textContent = this.listed.length === 1 ? "1 unit" : `${number.format(this.listed.length)} units`;
    this.draw();
  }

  // Once a frame, however much changed within it.
  draw() { this.asked ??= requestAnimationFrame(() => { this.asked = undefined; this.paint(); }); }
  paint() {
    const { listed } = this;
    const first = Math.max(0, Math.floor(this.scroller.scrollTop / ROW) - SPARE);
    const last = Math.min(listed.length, first + Math.ceil((this.scroller.clientHeight || 400) / ROW) + 2 * SPARE);
    const space = (rows) => {
      const row = make("tr", { "aria-hidden": "true", class: "draw-space" });
      row.style.height = `${rows * ROW}px`;
      return row;
    };
    const rows = [];
    if (first) rows.push(space(first));
    for (let at = first; at < last; at += 1) rows.push(this.row(at));
    if (last < listed.length) rows.push(space(listed.length - last));
    this.body.replaceChildren(...rows);
    const active = listed.length && this.active >= first && this.active < last ? `unit-${listed[this.active]}` : null;
    if (active) this.grid.setAttribute("aria-activedescendant", active);
    else this.grid.removeAttribute("aria-activedescendant");
  }

  row(at) {
    const { plan } = this;
    const unit = this.listed[at];
    const { code, name, people } = plan.units;
    const isSelected = plan.selected.has(unit);
    const territory = plan.held[unit];
    const gone = plan.lives(unit) ? [] : [make("span", { class: "gone" }, " closed")];
    const where = territory < 0 ? make("span", { class: "muted" }, "—") : make("span", { class: "code", title: plan.called(territory) }, plan.territories[territory].code);
    const system = plan.systemOf(unit);
    const cell = (fields, ...inside) => make("td", { role: "gridcell", ...fields }, ...inside);
    return make("tr", { role: "row", id: `unit-${unit}`, "data-unit": unit, "aria-selected": isSelected, "aria-rowindex": at + 2, class: at === this.active ? "is-active" : "" },
      cell({ class: "draw-tick" }, isSelected ? "✓" : ""),
      cell({ class: "draw-name", title: name[unit] }, make("span", { class: "code" }, code[unit]), ` ${name[unit]}`, ...gone),
      cell({ class: "off-card", title: system?.[1] }, system?.[0] ?? ""),
      cell({ class: "number off-card" }, people[unit] === null ? "—" : number.format(people[unit])),
      cell({}, where));
  }

  click(event) {
    // Where the rows were drawn anew between press and release, the row is what lies there now.
    const meant = event.target.closest("tr[data-unit]") ?? document.elementFromPoint(event.clientX, event.clientY);
    const row = meant?.closest("tr[data-unit]");
    if (!row) return;
    const at = this.listed.indexOf(Number(row.dataset.unit));
    if (event.shiftKey) this.extend(at);
    else {
      this.anchor = at;
      this.deeds.select([this.listed[at]], { toggle: true });
    }
    this.go(at);
  }

  extend(at) {
    const [from, to] = [Math.min(at, this.anchor), Math.max(at, this.anchor)];
    this.deeds.select(this.listed.slice(from, to + 1), { add: true });
  }

  go(at) {
    this.active = Math.max(0, Math.min(at, this.listed.length - 1));
    const top = this.active * ROW, { scrollTop, clientHeight } = this.scroller;
    const head = this.grid.tHead.offsetHeight;
    if (top < scrollTop) this.scroller.scrollTop = top;
    else if (top + ROW > scrollTop + clientHeight - head) this.scroller.scrollTop = top + ROW + head - clientHeight;
    this.draw();
    const unit = this.listed[this.active];
    this.map.hovered = unit ?? -1;
    this.map.mark();
  }

  // To a unit that was meant on the map, where it is listed.
  find(unit) {
    const at = this.listed.indexOf(unit);
    if (at >= 0) {
      this.anchor = at;
      this.go(at);
    }
    this.grid.focus({ preventScroll: true });
  }

  key(event) {
    const page = Math.max(1, Math.floor(this.scroller.clientHeight / ROW) - 2);
    const steps = { ArrowDown: 1, ArrowUp: -1, PageDown: page, PageUp: -page, Home: -Infinity, End: Infinity };
    if (event.key in steps && !event.altKey) {
      const to = Math.max(0, Math.min(this.active + steps[event.key], this.listed.length - 1));
      if (event.shiftKey) this.extend(to);
      else this.anchor = to;
      this.go(to);
    } else if (event.key === " ") {
      this.anchor = this.active;
      if (this.listed.length) this.deeds.select([this.listed[this.active]], { toggle: true });
    } else if (event.key.toLowerCase() === "a" && (event.ctrlKey || event.metaKey)) this.deeds.select(this.listed);
    else return;
    event.preventDefault();
    event.stopPropagation();
  }
  get meant() { return this.listed[this.active]; }
}
