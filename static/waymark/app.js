// What the pages do beyond links and forms. Every page also works without this file.

const doc = document;
const typing = (target) =>
  target instanceof Element && target.closest("input:not([type=checkbox]), textarea, select, [contenteditable]");

// --- Light or dark: a cookie, so that the server draws the page right the first time --------------
function wireTheme() {
  const choice = doc.querySelector(".theme-choice");
  if (!choice) return;
  const now = doc.documentElement.dataset.theme ?? "";
  for (const radio of choice.querySelectorAll("input")) {
    radio.checked = radio.value === now;
    radio.addEventListener("change", () => {
      const age = radio.value ? 31536000 : 0;
      doc.cookie = `theme=${radio.value}; path=/; max-age=${age}; samesite=lax`;
      if (radio.value) doc.documentElement.dataset.theme = radio.value;
      else delete doc.documentElement.dataset.theme;
    });
  }
  choice.hidden = false;
}

// --- Menus: one open at a time; Escape and a click elsewhere close them ----------------------------
const menus = () => doc.querySelectorAll("details.menu[open], details.nav-fold[open]");

doc.addEventListener("click", (event) => {
  for (const menu of menus()) if (!menu.contains(event.target)) menu.open = false;
});

// --- Another day: of the page as it is now, since a list changes its address as it is narrowed -----
function onThatDay(asked) {
  const address = new URLSearchParams(location.search);
  for (const name of ["on", "known", "after", "before"]) address.delete(name);
  for (const name of ["on", "known"]) if (asked.get(name)) address.set(name, asked.get(name));
  return `${location.pathname}?${address}`;
}

doc.addEventListener("click", (event) => {
  const link = event.target.closest?.(".as-at a[href], .day-strip a[href]");
  if (link?.matches("[data-days]")) {
    // The page that lists every day comes back to this one.
    link.search = new URLSearchParams({ to: location.pathname + location.search });
  } else if (link) link.href = onThatDay(new URL(link.href).searchParams);
});

doc.addEventListener("submit", (event) => {
  if (!event.target.matches(".as-at-form")) return;
  event.preventDefault();
  location.assign(onThatDay(new FormData(event.target)));
});

// --- Tables: a row leads where its first link leads; the arrows walk the rows ----------------------
doc.addEventListener("click", (event) => {
  const row = event.target.closest?.("table[data-rows] tbody tr");
  if (!row || event.target.closest("a, button, input, label, summary")) return;
  if (getSelection()?.toString()) return; // somebody is copying a code
  const link = row.querySelector("a[href]");
  if (!link) return;
  if (event.ctrlKey || event.metaKey) open(link.href, "_blank", "noopener");
  else link.click();
});

const rowLinks = () => [...doc.querySelectorAll("table[data-rows] tbody tr")].map((row) => row.querySelector("a[href]") ?? row.querySelector("input")).filter(Boolean);

function walk(step) {
  const links = rowLinks();
  if (!links.length) return false;
  const row = doc.activeElement?.closest("table[data-rows] tbody tr");
  const at = row ? links.findIndex((link) => row.contains(link)) : -1;
  const next = at < 0 ? (step > 0 ? 0 : links.length - 1) : at + step;
  if (next < 0 || next >= links.length) return true;
  links[next].focus();
  links[next].closest("tr").scrollIntoView({ block: "nearest" });
  return true;
}

function countSelected() {
  const bar = doc.querySelector("[data-selected]");
  const boxes = [...doc.querySelectorAll("table[data-rows] tbody input[name=row]")];
  const ticked = boxes.filter((box) => box.checked).length;
  if (bar) bar.textContent = ticked === 1 ? "1 row" : `${ticked} rows`;
  const all = doc.querySelector("[data-select-all]");
  if (all) {
    all.checked = ticked > 0 && ticked === boxes.length;
    all.indeterminate = ticked > 0 && ticked < boxes.length;
  }
}

doc.addEventListener("change", (event) => {
  if (event.target.matches?.("[data-select-all]")) {
    for (const box of doc.querySelectorAll("table[data-rows] tbody input[name=row]")) box.checked = event.target.checked;
  }
  if (event.target.closest?.("table[data-rows]")) countSelected();
});

// --- Keys ---------------------------------------------------------------------------------------------
doc.addEventListener("keydown", (event) => {
  const search = doc.getElementById("search");
  if (event.key.toLowerCase() === "k" && (event.metaKey || event.ctrlKey) && search) {
    event.preventDefault();
    search.focus();
    search.select();
    return;
  }
  if (event.key === "Escape") {
    for (const menu of menus()) {
      menu.open = false;
      menu.querySelector("summary").focus();
    }
    return;
  }
  if (event.metaKey || event.ctrlKey || event.altKey || typing(event.target)) return;
  const go = (selector) => doc.querySelector(selector)?.click();
  switch (event.key) {
    case "/":
      if (!search) return;
      search.focus();
      search.select();
      break;
    case "?":
      doc.getElementById("keys")?.showModal();
      break;
    case "d": {
      const control = doc.querySelector("details.as-at");
      if (!control) return;
      control.open = true;
      control.querySelector("input[type=date]").focus();
      break;
    }
    case "n":
      go("[data-next]");
      break;
    case "p":
      go("[data-prev]");
      break;
    case "x": {
      const box = doc.activeElement?.closest("table[data-rows] tbody tr")?.querySelector("input[name=row]");
      if (!box) return;
      box.click();
      break;
    }
    case "Enter": // on a tick box it would send the form, by whichever button stands first
      if (!event.target.matches?.("table[data-rows] input[type=checkbox]")) return;
      event.target.closest("tr").querySelector("a[href]")?.click();
      break;
    case "e":
    case "z": {
      const deed = doc.activeElement?.closest("table[data-rows] tbody tr")?.querySelector(`[data-key="${event.key}"]`);
      if (!deed) return;
      deed.click();
      break;
    }
    case "ArrowDown":
      if (doc.querySelector("dialog[open], details[open].menu") || !walk(1)) return;
      break;
    case "ArrowUp":
      if (doc.querySelector("dialog[open], details[open].menu") || !walk(-1)) return;
      break;
    default:
      return;
  }
  event.preventDefault();
});

// --- Search: the list that drops from the box while somebody types ------------------------------------
// Without this file the form leads to the page of the same results.
const searchBox = doc.getElementById("search");
const searchSheet = doc.getElementById("search-sheet");

function wireSearch() {
  if (!searchBox || !searchSheet) return;
  const said = doc.querySelector("[data-search-said]");
  const options = () => [...searchSheet.querySelectorAll("[role=option]")];
  let at = -1;
  for (const [name, value] of Object.entries({ role: "combobox", "aria-autocomplete": "list", "aria-haspopup": "listbox", "aria-expanded": "false" }))
    searchBox.setAttribute(name, value);

  function mark(index) {
    const all = options();
    at = all.length ? (index + all.length + 1) % (all.length + 1) : -1; // one place more: none of them
    if (at === all.length) at = -1;
    all.forEach((option, i) => option.setAttribute("aria-selected", i === at ? "true" : "false"));
    if (at < 0) searchBox.removeAttribute("aria-activedescendant");
    else {
      searchBox.setAttribute("aria-activedescendant", all[at].id);
      all[at].scrollIntoView({ block: "nearest" });
    }
  }
  function show(open) {
    open = open && searchSheet.childElementCount > 0;
    searchSheet.hidden = !open;
    const listed = open && options().length > 0;
    searchBox.setAttribute("aria-expanded", listed ? "true" : "false");
    if (listed) searchBox.setAttribute("aria-controls", "search-hits");
    else searchBox.removeAttribute("aria-controls");
    mark(-1);
  }
  const go = (option, apart) => (apart ? open(option.dataset.href, "_blank", "noopener") : location.assign(option.dataset.href));

  doc.addEventListener("htmx:afterSwap", (event) => {
    if (event.detail.target !== searchSheet) return;
    show(doc.activeElement === searchBox && searchBox.value.trim() !== "");
    said.textContent = searchSheet.hidden ? "" : (searchSheet.querySelector("[data-said]")?.dataset.said ?? "");
  });
  searchBox.addEventListener("input", () => {
    if (searchBox.value.trim()) return;
    searchSheet.replaceChildren();
    show(false);
  });
  searchBox.addEventListener("focus", () => show(searchBox.value.trim() !== ""));
  searchBox.form.addEventListener("focusout", (event) => {
    if (!searchBox.form.contains(event.relatedTarget)) show(false);
  });
  searchBox.addEventListener("keydown", (event) => {
    if (event.isComposing) return;
    if (event.key === "ArrowDown" || event.key === "ArrowUp") {
      if (searchSheet.hidden) show(true);
      const all = options();
      if (!all.length) return;
      mark(event.key === "ArrowDown" ? at + 1 : at < 0 ? all.length - 1 : at - 1);
    } else if (event.key === "Enter" && at >= 0 && !searchSheet.hidden) {
      go(options()[at], event.ctrlKey || event.metaKey);
    } else if (event.key === "Escape") {
      if (searchSheet.hidden) searchBox.blur();
      else show(false);
    } else return;
    event.preventDefault();
    event.stopPropagation();
  });
  searchSheet.addEventListener("mousedown", (event) => event.preventDefault()); // the box keeps the focus
  for (const kind of ["click", "auxclick"])
    searchSheet.addEventListener(kind, (event) => {
      const option = event.target.closest("[role=option]");
      if (option && event.button < 2) go(option, event.button === 1 || event.ctrlKey || event.metaKey);
    });
}

// An answer that is not a page of ours (an error) is shown, not dropped.
doc.addEventListener("htmx:responseError", (event) => {
  const place = doc.getElementById("messages");
  if (!place) return;
  const note = doc.createElement("div");
  note.className = "note note-error";
  note.setAttribute("role", "alert");
  const text = doc.createElement("p");
  text.textContent = event.detail.xhr.status === 400
    ? "That cannot be shown: the address asks for something this page does not have."
    : "The answer did not come. Try again.";
  note.append(text);
  place.replaceChildren(note);
});

wireTheme();
wireSearch();
