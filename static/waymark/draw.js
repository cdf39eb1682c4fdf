// The workspace: puts the plan, its map, its tables and the saving together, and knows the keys.

import { DrawMap } from "./draw_map.js";
import { Saver, ask } from "./draw_save.js";
import { KEYS, Plan } from "./draw_state.js";
import { Territories, Units } from "./draw_tables.js";

const root = document.querySelector("[data-draw]");
const number = new Intl.NumberFormat("en-GB");
const find = (name) => root.querySelector(`[data-${name}]`);
const units = (count) => (count === 1 ? "1 unit" : `${number.format(count)} units`);

const SAYS = {
  saved: "Saved",
  saving: "Saving…",
  waiting: "Could not save: kept here, trying again",
  away: "Not connected: trying again",
};

async function open() {
  const { dataset } = root;
  const addresses = { state: dataset.state, change: dataset.change, undo: dataset.undo, redo: dataset.redo, since: dataset.since, territory: dataset.territory };
  const plan = new Plan(await ask(addresses.state));
  let gaps = null, undeclared = null; // counted once a change, for all who ask

  const deeds = {
    gaps: () => (gaps ??= plan.gaps()),
    undeclared: () => (undeclared ??= plan.undeclared()),
    select: (some, how) => plan.select(some, how),
    selectTerritory(territory) {
      plan.select(territory < 0 ? deeds.gaps() : plan.every((unit) => plan.held[unit] === territory));
    },
    give(territory, some = plan.selected) {
      if (!some.size && !some.length) {
        tell([{ says: "Select units first: on the map, or in the list.", mine: true }]);
        return;
      }
      const gesture = plan.give(some, territory);
      saver.save(gesture);
      if (!gesture) tell([{ says: `Nothing to change: ${plan.called(territory)} has them.`, mine: true }]);
    },
    focus: (unit) => list.find(unit),
    carry(x, y) {
      territories.under(x, y);
      find("carried").hidden = false;
      find("carried").textContent = units(plan.selected.size);
      find("carried").style.transform = `translate(${x + 12}px, ${y + 12}px)`;
    },
    drop(x, y) {
      const territory = territories.under(x, y);
      territories.let_go();
      find("carried").hidden = true;
      if (territory !== null) deeds.give(territory);
    },
    describe(card, unit) {
      const { people, code, name } = plan.units;
      const line = (text, kind = "") => Object.assign(document.createElement("span"), { textContent: text, className: kind });
      const system = plan.systemOf(unit);
      const more = [plan.kindOf(unit)?.name ?? "closed by this day", system?.[1], people[unit] === null ? null : `${number.format(people[unit])} people`];
      const also = deeds.undeclared().get(unit);
      card.replaceChildren(
        line(`${code[unit]} ${name[unit]}`, "draw-card-name"),
        line(more.filter(Boolean).join(" · ")),
        line(plan.held[unit] < 0 ? "no territory" : plan.called(plan.held[unit]), "draw-card-where"),
        ...(also ? [line(`also ${also}: not declared`, "gone")] : []));
    },
  };

  const map = new DrawMap(root, plan, deeds);
  const territories = new Territories(find("territories"), plan, map, deeds);
  const list = new Units(find("units"), plan, map, deeds);

  function tell(changes) {
    const place = find("news");
    const [last] = changes.slice(-1);
    if (!last) return;
    place.textContent = last.mine ? last.says : `${last.by || "Somebody"}: ${last.says}`;
    place.classList.toggle("is-error", Boolean(last.isError));
    const touched = changes.flatMap((change) => (change.mine ? [] : change.touched ?? []));
    if (touched.length) map.flash(touched);
  }

  const saver = new Saver(plan, addresses, {
    say(state, words) {
      const place = find("saved");
      if (place.dataset.saved === state && !words) return;
      place.dataset.saved = state;
      place.replaceChildren(SAYS[state] ?? words);
      if (state === "signed_out") {
        const link = Object.assign(document.createElement("a"), { href: "/sign-in/", target: "_blank", textContent: "Sign in" });
        place.append(" ", link, " What you did is kept here.");
      }
      if (state === "stopped" && saver.tasks.length) {
        place.append(` ${units(saver.tasks.reduce((sum, { gesture }) => sum + (gesture?.units.length ?? 0), 0))} not saved: `);
        const copy = Object.assign(document.createElement("button"), { type: "button", className: "btn btn-quiet btn-sm", textContent: "Copy them" });
        copy.addEventListener("click", () => navigator.clipboard.writeText(saver.unsaved()).then(() => tell([{ says: "Copied: paste them where they are to be kept.", mine: true }])));
        place.append(copy);
      }
      root.classList.toggle("is-stopped", state === "stopped");
    },
    tellOthers: tell,
    settle: askWhose,
  });

  // "This moved under you": which units, to where, by whom; the answer is theirs or mine.
  function askWhose(refusal, task) {
    const dialog = find("moved");
    dialog.querySelector("h2").textContent = refusal.says;
    const where = (key) => plan.called(plan.territoryPlace(key));
    const wanted = task.gesture ? plan.called(task.gesture.to) : "as it was";
    const lines = refusal.units.slice(0, 8).map(([, code, name, , now, by]) => {
      const item = document.createElement("li");
      const strong = Object.assign(document.createElement("span"), { className: "code", textContent: code });
      item.append(strong, ` ${name}: ${where(now)} now${by ? `, by ${by}` : ""}; you: ${wanted}`);
      return item;
    });
    if (refusal.units.length > 8) {
      const item = document.createElement("li");
      item.textContent = `and ${units(refusal.units.length - 8)} more`;
      lines.push(item);
    }
    dialog.querySelector("ul").replaceChildren(...lines);
    dialog.returnValue = "";
    dialog.showModal();
    return new Promise((done) => {
      dialog.addEventListener("close", () => {
        list.grid.focus({ preventScroll: true });
        done(dialog.returnValue === "mine" ? "mine" : "theirs");
      }, { once: true });
    });
  }

  // --- What is always on screen --------------------------------------------------------------------
  function tally() {
    const people = [...plan.selected].reduce((sum, unit) => sum + (plan.units.people[unit] ?? 0), 0);
    const systems = [...plan.systemsOfSelected()];
    find("selection").textContent = plan.selected.size
      ? `${units(plan.selected.size)} selected${people ? `, ${number.format(people)} people` : ""}`
      : "Nothing selected";
    const whole = find("system");
    whole.disabled = !systems.length;
    whole.textContent = systems.length === 1 ? `All of ${plan.systems[systems[0]][0]}` : systems.length ? `All of their ${systems.length} systems` : "All of its system";
    for (const name of ["near", "free", "clear", "give-to", "around"]) find(name).disabled = !plan.selected.size;
    if (!deeds.gaps().length) find("near").disabled = true;
    const wanting = find("gaps");
    wanting.textContent = deeds.gaps().length ? `${number.format(deeds.gaps().length)} without a territory` : plan.count ? "no gaps" : "no units";
    wanting.classList.toggle("is-wanting", deeds.gaps().length > 0);
    wanting.disabled = !deeds.gaps().length;
    const shared = find("undeclared");
    shared.hidden = !deeds.undeclared().size;
    shared.textContent = `${number.format(deeds.undeclared().size)} shared and not declared`;
  }
  function can() {
    for (const deed of ["undo", "redo"]) {
      const button = find(deed);
      button.disabled = !plan.can[deed] && !(deed === "undo" && plan.waiting.length);
      button.title = plan.can[deed] ? `${deed === "undo" ? "Undo" : "Do again"}: ${plan.can[deed]}` : "";
    }
  }
  plan.listen((news) => {
    if (news.has("all")) {
      map.begin();
      list.choices();
      territories.build();
    }
    if (news.has("territories")) {
      list.choices();
      territories.build();
    }
    if (news.has("held")) {
      gaps = undeclared = null;
      territories.fill();
      map.draw();
    }
    if (news.has("can") || news.has("held")) can();
    if (news.has("selected")) map.mark();
    tally();
    if (list.show.value || news.has("all")) list.list();
    else list.draw();
  });

  // Units without a territory that are nearest to any that is selected: a twentieth, five at least.
  function near() {
    const { cx, cy } = map.layer;
    const chosen = [...plan.selected].filter((unit) => !Number.isNaN(cx[unit]));
    const far = (unit) => chosen.reduce((least, other) => Math.min(least, (cx[unit] - cx[other]) ** 2 + (cy[unit] - cy[other]) ** 2), Infinity);
    const found = deeds.gaps()
      .filter((unit) => !plan.selected.has(unit) && !Number.isNaN(cx[unit]))
      .map((unit) => [far(unit), unit])
      .sort(([a], [b]) => a - b)
      .slice(0, Math.max(5, Math.round(plan.count / 200)));
    plan.select(found.map(([, unit]) => unit), { add: true });
  }

  // --- Buttons and keys ------------------------------------------------------------------------------
  const press = {
    undo: () => saver.again("undo"),
    redo: () => saver.again("redo"),
    clear: () => plan.select([]),
    free: () => deeds.give(-1),
    "give-to": findHome,
    near,
    // To the page that asks for a suggestion: what is selected stays where it is.
    around() {
      const { form } = find("around");
      const kept = [...plan.selected].filter((unit) => plan.held[unit] >= 0);
      form.elements.around.value = kept.map((unit) => plan.units.code[unit]).join(", ");
      form.elements.free.value = plan.selected.size - kept.length;
      if (form.elements.around.value) form.submit();
      else tell([{ says: "None of them has a territory yet: there is nothing to keep.", mine: true }]);
    },
    system() {
      const systems = plan.systemsOfSelected();
      plan.select(plan.every((unit) => systems.has(plan.units.system[unit])), { add: true });
    },
    gaps: () => deeds.selectTerritory(-1),
    undeclared: () => plan.select([...deeds.undeclared().keys()]),
    closer: () => map.zoom(1.5),
    farther: () => map.zoom(1 / 1.5),
    whole: () => map.fit(),
  };
  for (const [name, deed] of Object.entries(press))
    find(name).addEventListener("click", () => { if (!saver.stopped) deed(); });
  for (const tool of root.querySelectorAll("[data-tool]")) {
    tool.setAttribute("aria-pressed", tool.dataset.tool === map.tool);
    tool.addEventListener("click", () => {
      map.tool = tool.dataset.tool;
      for (const other of root.querySelectorAll("[data-tool]")) other.setAttribute("aria-pressed", other === tool);
    });
  }
  // Boundaries where every unit has one; else they are there to choose, and squares show all.
  const bounds = find("bounds");
  async function bound(isWanted) {
    try {
      await map.bound(isWanted);
      bounds.setAttribute("aria-pressed", isWanted);
      if (isWanted && plan.bare) tell([{ says: `${units(plan.bare)} without a boundary: in the list alone.`, mine: true }]);
    } catch {
      bounds.setAttribute("aria-pressed", "false");
      tell([{ says: "The boundaries did not come: try again.", mine: true, isError: true }]);
    }
  }
  bounds.hidden = !plan.shapes.length;
  bounds.addEventListener("click", () => bound(!map.topologies));
  if (plan.shapes.length && !plan.bare) bound(true);
  find("add").addEventListener("submit", async (event) => {
    event.preventDefault();
    const form = event.target;
    if (!form.code.value.trim()) return;
    try {
      const added = await saver.addTerritory(form.code.value.trim(), form.name_.value.trim());
      form.reset();
      form.code.focus();
      tell([{ says: `${added.code} is added.`, mine: true }]);
    } catch (error) {
      tell([{ says: error.problem ? error.message : "Not added: no connection. Try again.", mine: true, isError: true }]);
    }
  });

  const isTyping = (target) => target.closest("input, select, textarea, dialog");
  root.addEventListener("keydown", (event) => {
    const command = event.ctrlKey || event.metaKey;
    if (isTyping(event.target) || saver.stopped) return;
    const key = event.key.toLowerCase();
    if (command && (key === "z" || key === "y")) saver.again(key === "y" || event.shiftKey ? "redo" : "undo");
    else if (command || event.altKey) return;
    else if (key === "escape") plan.select([]);
    else if (key === "0" || key === "delete" || key === "backspace") meant(-1);
    else if (key === ".") findHome();
    else if (key.length === 1 && KEYS.includes(key) && KEYS.indexOf(key) < plan.territories.length) meant(KEYS.indexOf(key));
    else return;
    event.preventDefault();
    event.stopPropagation();
  });
  // What is selected; else the unit that the list's arrows stand on.
  function ofMine() {
    if (plan.selected.size || document.activeElement !== list.grid || list.meant === undefined) return plan.selected;
    return [list.meant];
  }
  function meant(territory) { deeds.give(territory, ofMine()); }
  // A field that finds a territory by its name comes when it is wanted first.
  let giving;
  async function findHome() {
    const some = ofMine(), after = document.activeElement;
    if (!some.size && !some.length) return deeds.give(-1, some); // says that nothing is selected
    giving ??= import(root.dataset.finder).then(({ Give }) => new Give(root, plan, deeds));
    try {
      (await giving).open(some, after.closest("[data-draw]") ? after : list.grid);
    } catch {
      giving = undefined;
      tell([{ says: "The list of territories did not come: try again.", mine: true, isError: true }]);
    }
  }

  list.choices();
  territories.build();
  list.list();
  tally();
  can();
  if (!saver.tasks.length) saver.say("saved");
  root.dataset.ready = Math.round(performance.now());
  follow(plan, deeds, territories);
}

// What comes after: measures, columns, whom it unsettles. Tried until it is there; whoever begins
// to draw at once has the server to themselves for a moment.
const MOMENT = 300; // milliseconds
function follow(...parts) {
  setTimeout(() => import(root.dataset.figures).then((found) => found.follow(root, ...parts), () => setTimeout(follow, 5000, ...parts)), MOMENT);
}

open().catch((error) => {
  const place = find("saved");
  place.dataset.saved = "stopped";
  place.textContent = error.problem ? error.message : "The plan did not come. Load the page again.";
});
