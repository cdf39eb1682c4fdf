// Files dropped on a form's [data-drop] are the files chosen; the form works without this.
for (const place of document.querySelectorAll("[data-drop]")) {
  const chooser = place.querySelector("input[type=file]");
  const over = (on) => place.classList.toggle("is-over", on);
  place.addEventListener("dragover", (event) => {
    if (![...event.dataTransfer.types].includes("Files")) return;
    event.preventDefault();
    over(true);
  });
  place.addEventListener("dragleave", (event) => {
    if (!place.contains(event.relatedTarget)) over(false);
  });
  place.addEventListener("drop", (event) => {
    if (!event.dataTransfer.files.length) return;
    event.preventDefault();
    over(false);
    chooser.files = event.dataTransfer.files;
    chooser.dispatchEvent(new Event("change", { bubbles: true }));
    chooser.focus();
  });
}
