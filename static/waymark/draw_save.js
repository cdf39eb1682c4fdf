// Saving: gestures go to the server one after another, and what others did meanwhile comes back.
// Nothing is dropped for want of a connection: what waits is kept in the tab, over a reload too.

const EVERY = 3000; // milliseconds between two looks at what others did, and two tries to save

export class Refusal extends Error {
  constructor(answer) {
    super(answer.says);
    Object.assign(this, answer);
  }
}

const cookie = (name) =>
  document.cookie.split("; ").find((pair) => pair.startsWith(`${name}=`))?.slice(name.length + 1) ?? "";

async function ask(address, body) {
  const how = { signal: AbortSignal.timeout(30_000), headers: { Accept: "application/json" } };
  if (body !== undefined) {
    how.method = "POST";
    how.body = JSON.stringify(body);
    // From the cookie, not the page: who signs in again in another tab gets another token.
    Object.assign(how.headers, { "Content-Type": "application/json", "X-CSRFToken": cookie("csrftoken") });
  }
  const response = await fetch(address, how);
  const isJson = response.headers.get("Content-Type")?.startsWith("application/json");
  if (response.ok && isJson) return response.json();
  if (isJson) throw new Refusal(await response.json());
  if (response.status === 403 || response.status === 404)
    throw new Refusal({ problem: "refused", says: "This plan is not yours to draw any more." });
  throw new Error(`The server answered ${response.status}.`);
}

export class Saver {
  // `say(state, words)` shows how saving stands; `settle(refusal)` asks "theirs" or "mine".
  constructor(plan, addresses, { say, settle, tellOthers }) {
    Object.assign(this, { plan, addresses, say, settle, tellOthers });
    this.tasks = [];
    this.busy = false;
    this.stopped = false;
    this.store = `draw${location.pathname}`;
    this.restore();
    setInterval(() => this.tick(), EVERY);
    addEventListener("online", () => this.tick());
    document.addEventListener("visibilitychange", () => this.tick());
    addEventListener("beforeunload", (event) => {
      if (this.tasks.length && !this.stopped) event.preventDefault();
    });
  }

  restore() {
    let kept = [];
    try {
      kept = JSON.parse(sessionStorage.getItem(this.store) ?? "[]");
    } catch { /* a tab that may keep nothing works without */ }
    for (const packed of kept) {
      const gesture = this.plan.unpacked(packed);
      if (!gesture.units.length) continue;
      this.plan.waiting.push(gesture);
      this.tasks.push({ gesture });
    }
    if (this.tasks.length) {
      this.plan.overlay();
      this.run();
    }
  }
  keep() {
    try {
      const gestures = this.tasks.filter(({ gesture }) => gesture).map(({ gesture }) => this.plan.packed(gesture));
      if (gestures.length) sessionStorage.setItem(this.store, JSON.stringify(gestures));
      else sessionStorage.removeItem(this.store);
    } catch { /* as above */ }
  }

  save(gesture) {
    if (!gesture) return;
    this.tasks.push({ gesture });
    this.keep();
    this.run();
  }

  again(deed) {
    const last = this.tasks.at(-1);
    if (deed === "undo" && last?.gesture && !last.isSent) {
      // It never left this tab: taking it back is no news to anybody.
      this.tasks.pop();
      this.plan.settle(last.gesture);
      this.plan.overlay();
      this.keep();
      this.say(this.tasks.length ? "waiting" : "saved");
      return;
    }
    this.tasks.push({ deed, settled: {} });
    this.run();
  }

  async run() {
    if (this.busy || this.stopped) return;
    this.busy = true;
    while (this.tasks.length && !this.stopped) {
      this.say("saving");
      if (!(await this.one(this.tasks[0]))) break;
      this.keep();
    }
    this.busy = false;
    if (!this.tasks.length && !this.stopped) this.say("saved");
  }

  // Do the first task; false where it has to wait.
  async one(task) {
    const { plan, addresses } = this;
    try {
      task.isSent = true;
      const answer = task.gesture
        ? await ask(addresses.change, { ...plan.packed(task.gesture), since: plan.revision })
        : await ask(addresses[task.deed], { ...task.settled, since: plan.revision });
      this.tasks.shift();
      if (task.gesture) plan.settle(task.gesture);
      if (answer.revision === plan.revision + 1) plan.revision = answer.revision;
      plan.can = { undo: answer.undo, redo: answer.redo };
      plan.take(answer.rows);
      plan.tell("can");
      if (task.deed) this.tellOthers([{ says: answer.says, mine: true }]);
      return true;
    } catch (error) {
      if (error instanceof Refusal) return this.refused(task, error);
      this.say("waiting");
      return false;
    }
  }

  async refused(task, refusal) {
    const { plan } = this;
    if (refusal.problem === "signed_out") {
      this.say("signed_out", refusal.says);
      return false;
    }
    if (refusal.problem === "stands" || refusal.problem === "refused") {
      this.stop(refusal.says);
      return false;
    }
    if (refusal.problem !== "moved") {
      this.tasks.shift();
      if (task.gesture) plan.settle(task.gesture);
      plan.overlay();
      this.tellOthers([{ says: refusal.says, mine: true, isError: refusal.problem !== "nothing" }]);
      if (task.deed) plan.can[task.deed] = null;
      plan.tell("can");
      return true;
    }
    const keep = await this.settle(refusal, task);
    const now = refusal.units.map(([unit, , , , territory]) => [unit, territory]);
    if (task.deed) task.settled = { keep, units: [...(keep === task.settled.keep ? task.settled.units : []), ...now] };
    else this.resolve(task.gesture, now, keep);
    plan.take(now);
    return true;
  }

  resolve(gesture, now, keep) {
    const there = new Map(now.map(([key, territory]) => [this.plan.placeOf.get(key), this.plan.territoryPlace(territory)]));
    if (keep === "mine") {
      gesture.expected = gesture.units.map((unit, i) => (there.has(unit) ? there.get(unit) : gesture.expected[i]));
      return;
    }
    // Theirs: the units leave this gesture, and those after it that were made upon it.
    for (const task of [...this.tasks]) {
      if (!task.gesture) continue;
      const stays = task.gesture.units.map((unit) => !there.has(unit));
      task.gesture.expected = task.gesture.expected.filter((_, i) => stays[i]);
      task.gesture.units = task.gesture.units.filter((_, i) => stays[i]);
      if (!task.gesture.units.length) {
        this.tasks.splice(this.tasks.indexOf(task), 1);
        this.plan.settle(task.gesture);
      }
    }
  }

  stop(says) {
    this.stopped = true;
    this.say("stopped", says);
  }

  async tick() {
    if (this.stopped || this.busy || document.hidden) return;
    if (this.tasks.length) {
      this.run();
      return;
    }
    const { plan } = this;
    try {
      const address = `${this.addresses.since}?revision=${plan.revision}&day=${plan.day}`;
      const found = await ask(address);
      if (this.busy || this.tasks.length) return; // the next look tells it again
      if (found.whole) plan.read(await ask(this.addresses.state));
      else if (found.changes.length) this.others(found.changes);
      if (found.whole) plan.tell("all", "held", "selected", "can");
      plan.revision = Math.max(plan.revision, found.revision);
      if (found.stands) this.stop(found.stands);
      else this.say("saved");
    } catch (error) {
      if (!(error instanceof Refusal)) this.say("away");
      else if (error.problem === "signed_out") this.say("signed_out", error.message);
      else this.stop(error.message);
    }
  }

  others(changes) {
    for (const change of changes) change.touched = this.plan.take(change.rows);
    this.tellOthers(changes.filter((change) => !change.mine));
  }

  async addTerritory(code, name) {
    const answer = await ask(this.addresses.territory, { code, name });
    const { plan } = this;
    if (!plan.territoryAt.has(answer.territory.key)) plan.territories.push(answer.territory);
    plan.findTerritories();
    if (answer.revision === plan.revision + 1) plan.revision = answer.revision;
    plan.tell("territories", "held");
    return answer.territory;
  }

  // What was not saved, as a person can paste it elsewhere: nothing is lost with a closed plan.
  unsaved() {
    const { plan } = this;
    const lines = this.tasks.filter(({ gesture }) => gesture).flatMap(({ gesture }) =>
      gesture.units.map((unit) => `${plan.units.code[unit]}\t${gesture.to < 0 ? "" : plan.territories[gesture.to].code}`));
    return ["code\tterritory", ...lines].join("\n");
  }
}

export { ask };
