// Disruption: what another person would have than by the plan that this one is set beside. Judged
// as accounts/comparing judges it; the server says what each unit carries, here it is counted.

const number = new Intl.NumberFormat("en-GB");

export class Beside {
  constructor(plan, found) {
    this.plan = plan;
    this.read(found);
  }

  read(found) {
    const { plan } = this;
    this.found = found;
    const { unit, to } = found.pairs;
    this.to = to.map((key) => (key === null ? -1 : plan.placeOf.get(key) ?? -1));
    const ordinals = new Map();
    this.counted = unit.map((key) => ordinals.get(key) ?? ordinals.set(key, ordinals.size).get(key));
    this.unitAt = unit.map((key) => plan.placeOf.get(key) ?? -1);
    this.number = ordinals.size;
    this.strangers = found.strangers.map((key) => plan.placeOf.get(key) ?? -1);
    this.isCounted = found.pairs.people.every((people) => people !== null);
    this.hasAccounts = found.accounts.length > 0;
  }

  // Who holds a unit, or else the nearest body above it that somebody holds.
  holder(unit) {
    const { held, units } = this.plan;
    for (let at = unit, steps = 0; at >= 0 && steps < 9; at = units.up[at], steps += 1)
      if (held[at] >= 0) return held[at];
    return -1;
  }

  count() {
    const { plan } = this;
    const { had, has, pairs, accounts, met_if_held: metIfHeld } = this.found;
    const persons = plan.territories.map(({ key }) => has[key] ?? 0);
    const changes = (was, now) => had[was] !== 0 && had[was] !== (persons[now] ?? 0);
    const after = this.to.map((unit) => this.holder(unit));
    const seen = new Uint8Array(this.number);
    const found = { units: 0, people: 0, accounts: 0, relationships: 0 };
    for (let i = 0; i < after.length; i += 1) {
      if (!changes(pairs.was[i], after[i])) continue;
      found.people += pairs.people[i] ?? 0;
      if (seen[this.counted[i]]) continue;
      seen[this.counted[i]] = 1;
      found.units += 1;
      const unit = this.unitAt[i];
      const isHeld = unit >= 0 && plan.held[unit] >= 0;
      found.relationships += pairs.met[i] || ((isHeld && metIfHeld[pairs.unit[i]]) || 0);
    }
    const paired = accounts.some(([, named]) => named === null) ? this.paired(after) : new Map();
    for (const [was, named] of accounts)
      if (changes(was, named === null ? paired.get(was) ?? -1 : plan.territoryPlace(named))) found.accounts += 1;
    return found;
  }

  // Territory of then → the one of now that it is paired with: by code between kin, else by what
  // they have in common, in people where all are counted.
  paired(after) {
    const { plan } = this;
    const { codes, pairs, is_kin: isKin } = this.found;
    const found = new Map(), taken = new Set();
    const pair = (was, now) => {
      found.set(was, now);
      taken.add(now);
    };
    if (isKin) {
      const now = new Map(plan.territories.map(({ code }, place) => [code, place]));
      codes.forEach((code, was) => now.has(code) && pair(was, now.get(code)));
    }
    const inPeople = this.isCounted && !this.strangers.some((unit) => plan.held[unit] >= 0);
    const common = new Map();
    after.forEach((now, i) => {
      if (now < 0) return;
      const way = pairs.was[i] * plan.territories.length + now;
      common.set(way, (common.get(way) ?? 0) + (inPeople ? pairs.people[i] : 1));
    });
    const less = (one, other) => (one < other ? -1 : one > other ? 1 : 0);
    const ways = [...common].map(([way, size]) => {
      const now = way % plan.territories.length, was = (way - now) / plan.territories.length;
      return { was, now, size };
    });
    ways.sort((one, other) => other.size - one.size || less(codes[one.was], codes[other.was]) ||
      less(plan.territories[one.now].code, plan.territories[other.now].code));
    for (const { was, now } of ways) if (!found.has(was) && !taken.has(now)) pair(was, now);
    return found;
  }

  // The line that is always on screen.
  show(place) {
    const { units, people, accounts, relationships } = this.count();
    const several = (many, one, more) => (many ? [`${number.format(many)} ${many === 1 ? one : more}`] : []);
    const what = [
      ...several(units, "unit", "units"), ...several(people, "person", "people"),
      ...several(accounts, "account", "accounts"), ...several(relationships, "relationship", "relationships"),
    ];
    const verb = what.length === 1 && units + people + accounts + relationships === 1 ? "changes" : "change";
    place.textContent = what.length ? `${what.join(" · ")} ${verb} hands` : "nothing changes hands";
    place.classList.toggle("is-calm", !what.length);
  }
}
