// The walk: arrow keys within a column and between columns. Links do the rest without it.
const columns = [...document.querySelectorAll(".walk-column")];
const linksOf = (column) => [...column.querySelectorAll("details[open] a, .walk-more a")].filter((link) => link.offsetParent);

document.querySelector(".walk")?.addEventListener("keydown", (event) => {
  const at = columns.findIndex((column) => column.contains(document.activeElement));
  if (at < 0 || event.metaKey || event.ctrlKey || event.altKey) return;
  const links = linksOf(columns[at]);
  const here = links.indexOf(document.activeElement);
  let next;
  if (event.key === "ArrowDown") next = links[Math.min(here + 1, links.length - 1)];
  else if (event.key === "ArrowUp") next = links[Math.max(here - 1, 0)];
  else if (event.key === "ArrowRight" || event.key === "ArrowLeft") {
    const beside = columns[at + (event.key === "ArrowRight" ? 1 : -1)];
    if (!beside) return;
    const others = linksOf(beside);
    next = others.find((link) => link.getAttribute("aria-current")) ?? others[0];
  } else return;
  if (!next) return;
  event.preventDefault();
  next.focus();
});

// The newest column is the one that was asked for; in each, what leads on is in sight.
const box = document.querySelector(".walk");
if (box) box.scrollLeft = box.scrollWidth;
for (const link of document.querySelectorAll(".walk-column a[aria-current]")) {
  const column = link.closest(".walk-column");
  column.scrollTop = Math.max(0, link.offsetTop - column.clientHeight / 2);
}
