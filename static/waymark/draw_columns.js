// What comes once the workspace can be worked in: what units weigh, the columns to choose from, and
// the line that says whom the plan unsettles. Nothing here is waited for.

import { Beside } from "./draw_beside.js";
import { ask } from "./draw_save.js";
import { keepChosen, make } from "./draw_tables.js";
import { Weights } from "./draw_weights.js";

const AGAIN = 5000; // milliseconds before another try
const REST = 700; // milliseconds after the last change before it is asked about
const OLD = 300_000; // milliseconds after which somebody who comes back gets fresh figures

export function follow(root, plan, deeds, territories) {
  const { dataset } = root;
  const line = root.querySelector("[data-beside]");
  const menu = root.querySelector("[data-columns]");
  let weights, beside, asked, timer, drawn, fresh;

  // Which units are weighed, where a gesture may change that: in a plan of several levels, the
  // parts of a body count until somebody has the body.
  const isFlat = () => plan.units.up.every((above) => above < 0) && plan.units.kind.every((kind) => plan.kinds[kind]?.whole);
  const weighed = () => {
    let sign = 0;
    const take = (unit) => { sign = (sign + (unit + 1) * 2654435761) % 4294967296; };
    for (const unit of deeds.gaps()) take(unit);
    plan.held.forEach((territory, unit) => { if (territory >= 0) take(unit); });
    return sign;
  };

  function tell() {
    drawn ??= requestAnimationFrame(() => {
      drawn = undefined;
      if (line) beside?.show(line);
    });
  }

  async function fetch() {
    clearTimeout(timer);
    timer = undefined;
    const settled = !plan.waiting.length;
    const about = { revision: plan.revision, sign: weighed() };
    try {
      const found = await ask(dataset.weights);
      asked = settled ? about : undefined;
      fresh = performance.now();
      if (weights) weights.read(found);
      else weights = new Weights(plan, deeds, found, () => territories.fill());
      beside = found.beside ? new Beside(plan, found.beside) : undefined;
      choose();
      tell();
      look();
    } catch {
      timer = setTimeout(fetch, AGAIN);
    }
  }

  // Ask again where a saved gesture changed more than can be counted here.
  function look() {
    if (!weights || plan.waiting.length) return;
    const isOld = (!isFlat() && asked?.sign !== weighed()) || (beside && !beside.found.is_flat && asked?.revision !== plan.revision);
    if (!isOld) return;
    clearTimeout(timer);
    timer = setTimeout(fetch, REST);
  }

  // --- The menu of columns --------------------------------------------------------------------------
  function choose() {
    const wanted = () => territories.chosen ?? weights.usual;
    const boxes = weights.choices.map(({ key, label, unit }) => {
      const box = make("input", { type: "checkbox", value: key });
      box.checked = wanted().includes(key);
      return make("label", {}, box, ` ${label}`, ...(unit ? [make("span", { class: "muted" }, unit)] : []));
    });
    menu.querySelector("[data-choices]").replaceChildren(...boxes);
    menu.hidden = false;
    show();
  }
  function show(chosen = territories.chosen) {
    territories.use(weights, chosen);
    if (territories.columns.some(({ key }) => key === "compact")) weights.compactness.want();
    else weights.compactness.wanted = false;
  }
  menu.addEventListener("change", () => {
    const shown = [...menu.querySelectorAll("input:checked")].map(({ value }) => value);
    keepChosen(dataset.user, shown);
    show(shown);
  });
  menu.querySelector("[data-usual]").addEventListener("click", () => {
    keepChosen(dataset.user, null);
    territories.chosen = null;
    choose();
  });

  plan.listen((news) => {
    if (!weights) return;
    if (news.has("all")) {
      weights.read(weights.found);
      if (beside) beside.read(beside.found);
      choose();
      timer ??= setTimeout(fetch, REST);
    }
    if (news.has("held") || news.has("territories")) tell();
    if (news.has("held") || news.has("can")) look();
  });
  document.addEventListener("visibilitychange", () => {
    if (!document.hidden && weights && performance.now() - fresh > OLD) fetch();
  });
  fetch();
}
