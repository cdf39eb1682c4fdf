// Give to any territory from the keyboard, past the last key too: a field that finds it by code,
// name or owner. Arrows choose, enter gives what is selected, escape leaves all as it was.

import { make } from "./draw_tables.js";

const MOST = 8; // that are shown at once

export class Give {
  constructor(root, plan, deeds) {
    Object.assign(this, { plan, deeds });
    this.dialog = root.querySelector("[data-giving]");
    this.field = this.dialog.querySelector("input");
    this.list = this.dialog.querySelector("ul");
    this.field.addEventListener("input", () => this.find());
    this.field.addEventListener("keydown", (event) => this.key(event));
    this.list.addEventListener("click", (event) => {
      const option = event.target.closest("li");
      if (option) this.give(Number(option.dataset.place));
    });
  }

  // For these units; `after` gets the focus back.
  open(units, after) {
    this.units = [...units];
    this.dialog.querySelector("h2").textContent = `Give ${this.units.length === 1 ? "1 unit" : `${this.units.length.toLocaleString("en-GB")} units`} to`;
    this.field.value = "";
    this.active = 0;
    this.find();
    this.dialog.addEventListener("close", () => after.focus({ preventScroll: true }), { once: true });
    this.dialog.showModal();
    this.field.focus();
  }

  // What begins with the words comes before what holds them somewhere.
  find() {
    const { plan } = this;
    const words = this.field.value.trim().toLowerCase();
    const rank = ({ code, name, owner }) => {
      const [first, ...rest] = [code, name, owner].map((text) => (text ?? "").toLowerCase());
      if (first.startsWith(words)) return first === words ? 0 : 1;
      return rest.some((text) => text.startsWith(words)) ? 2 : [first, ...rest].some((text) => text.includes(words)) ? 3 : 9;
    };
    const ranked = plan.territories.map((territory, place) => [rank(territory), place]).filter(([how]) => how < 9);
    ranked.sort(([a, one], [b, other]) => a - b || one - other);
    this.found = ranked.slice(0, MOST).map(([, place]) => place);
    this.active = 0;
    const more = ranked.length - this.found.length;
    this.dialog.querySelector("[data-more]").textContent = !ranked.length ? "No territory is called that." : more ? `and ${more} more` : "";
    this.show();
  }
  show() {
    const { plan } = this;
    this.list.replaceChildren(...this.found.map((place, i) =>
      make("li", { role: "option", id: `give-${place}`, "data-place": place, "aria-selected": i === this.active },
        make("span", { class: "code" }, plan.territories[place].code), ` ${plan.territories[place].name}`)));
    if (this.found.length) this.field.setAttribute("aria-activedescendant", `give-${this.found[this.active]}`);
    else this.field.removeAttribute("aria-activedescendant");
  }

  key(event) {
    const steps = { ArrowDown: 1, ArrowUp: -1 };
    if (event.key in steps) {
      this.active = (this.active + steps[event.key] + this.found.length) % (this.found.length || 1);
      this.show();
    } else if (event.key === "Enter") {
      if (this.found.length) this.give(this.found[this.active]);
    } else return;
    event.preventDefault();
  }

  give(territory) {
    this.dialog.close();
    this.deeds.give(territory, this.units);
  }
}
