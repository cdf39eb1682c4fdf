// Recording an event. Every page also works without this file.

let picking = "";

// What is searched for is no part of the event: leaving the box asks for nothing.
document.addEventListener(
  "change",
  (event) => {
    if (event.target.name?.startsWith("find_")) event.stopPropagation();
  },
  true,
);

// After a body is picked, the search for the next one has the focus.
document.addEventListener("htmx:beforeRequest", (event) => {
  const button = event.detail.elt;
  if (button.matches?.("button[name^=add_], button[name^=drop_]")) picking = button.name.replace(/^(add|drop)_/, "find-").replace(":", "-");
});

document.addEventListener("htmx:afterSettle", (event) => {
  if (!picking || event.detail.target?.id !== "bodies") return;
  document.getElementById(picking)?.focus();
  picking = "";
});
