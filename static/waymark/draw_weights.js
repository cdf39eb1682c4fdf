// What territories hold, weighed as the plan's balance weighs it: people, measures, days against
// capacity, compactness, each with its index (100 is the mean of the territories). The server says
// once what each unit weighs; who holds it is added up here, at every gesture.

import { Compactness } from "./draw_compact.js";
import { against, owner, written } from "./draw_tables.js";

const LOADED = 1.1; // of the capacity
const number = new Intl.NumberFormat("en-GB");

export class Weights {
  constructor(plan, deeds, found, changed) {
    Object.assign(this, { plan, deeds, changed });
    this.compactness = new Compactness(plan, changed);
    this.read(found);
  }

  // Take what the server says, or said: units and territories are found again by their keys.
  read(found) {
    const { plan } = this;
    this.found = found;
    this.columns = found.columns;
    this.at = found.units.map((key) => plan.placeOf.get(key) ?? -1);
    const place = new Map(found.units.map((key, i) => [key, i]));
    this.besides = new Map(found.held_besides.map(([unit, territory]) => [place.get(unit), territory]));
    this.shares = new Map();
    for (const [territory, unit, part] of found.shares) {
      const i = place.get(unit);
      if (i !== undefined) this.shares.set(i, (this.shares.get(i) ?? new Map()).set(territory, part));
    }
    const asking = this.columns.filter(({ days }) => days);
    this.hasDays = asking.some(({ amounts }) => amounts.some(Boolean));
    const hasLoad = this.hasDays && plan.territories.some(({ capacity }) => capacity);
    const measures = this.columns.filter(({ key }) => !["units", "people", "practices"].includes(key));
    const named = (key) => this.columns.filter((column) => column.key === key);
    const asks = asking.map(({ label }) => label).join(", ");
    this.choices = [
      ...named("units"), ...named("people"),
      ...(hasLoad ? [{ key: "load", label: "Load", title: `The working days a year that ${asks} ask for, against the capacity` }] : []),
      ...measures, ...named("practices"),
      ...(this.hasDays ? [{ key: "days", label: "Days", title: `Working days a year, for ${asks}` }] : []),
      { key: "compact", label: "Compact", title: "Its own units over all units that lie between them: 1 is as compact as can be" },
      ...(Object.keys(found.leads).length ? [{ key: "leads", label: "Leads", title: "Accounts that it leads on" }] : []),
      { key: "owner", label: "Owner" },
    ];
    this.usual = ["units", "people", "load", ...measures.slice(0, 1).map(({ key }) => key)];
    this.compactness.place(this.at);
  }

  // Who has each unit that is weighed: a place, or -1; -2 for what is no part of the plan any more.
  holders() {
    const { plan } = this;
    const isGap = new Uint8Array(plan.count);
    for (const unit of this.deeds.gaps()) isGap[unit] = 1;
    return this.at.map((unit, i) => {
      if (unit >= 0 && plan.held[unit] >= 0) return plan.held[unit];
      const besides = this.besides.get(i);
      if (besides !== undefined) return plan.territoryPlace(besides);
      return unit >= 0 && !isGap[unit] ? -2 : -1;
    });
  }

  count() {
    const { plan } = this;
    const whose = this.holders();
    const free = plan.territories.length;
    this.sums = new Map();
    this.days = new Float64Array(free + 1);
    for (const { key, amounts, is_credit: isCredit, days } of this.columns) {
      const sums = new Float64Array(free + 1);
      for (let i = 0; i < whose.length; i += 1) {
        if (whose[i] === -2) continue;
        const territory = whose[i] < 0 ? free : whose[i];
        const parts = isCredit && territory < free ? this.shares.get(i) : undefined;
        const amount = (amounts ? amounts[i] : 1) * (parts?.get(plan.territories[territory].key) ?? 1);
        sums[territory] += amount;
        this.days[territory] += amount * days;
      }
      const total = sums.subarray(0, free).reduce((sum, amount) => sum + amount, 0);
      this.sums.set(key, { sums, mean: total / (free || 1) });
    }
    this.compactness.look(whose);
  }

  cell(key, territory) {
    const { plan } = this;
    const known = plan.territories[territory];
    if (key === "owner") return owner(plan, territory);
    if (key === "compact") return this.compactness.cell(territory);
    if (key === "leads") return { text: known ? number.format(this.found.leads[known.key] ?? 0) : "" };
    const days = this.days[known ? territory : plan.territories.length];
    if (key === "days") return { text: written(days) };
    if (key === "load") {
      if (!known?.capacity) return { text: "—", title: known ? `${written(days)} days; no capacity is set` : `${written(days)} days` };
      const load = days / known.capacity;
      return { text: `${Math.round(100 * load)} %`, title: `${written(days)} of ${written(known.capacity)} days`, isFar: load > LOADED };
    }
    const { sums, mean } = this.sums.get(key);
    return against(sums[known ? territory : plan.territories.length], mean, territory);
  }
}
