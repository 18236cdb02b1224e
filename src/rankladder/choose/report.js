"use strict";
// The page is complete without this: it adds sorting of the tables and a button that copies the command.
for (const table of document.querySelectorAll("table.sortable")) {
  const heads = [...table.tHead.rows[0].cells];
  const body = table.tBodies[0];
  heads.forEach((head, column) => {
    if (!head.textContent.trim()) return;
    const button = document.createElement("button");
    button.type = "button";
    button.append(...head.childNodes);
    head.append(button);
    button.addEventListener("click", () => {
      const order = head.getAttribute("aria-sort") === "ascending" ? "descending" : "ascending";
      heads.forEach((other) => other.removeAttribute("aria-sort"));
      head.setAttribute("aria-sort", order);
      const key = (row) => {
        const cell = row.cells[column];
        const figure = cell.querySelector("data");
        if (figure) return Number(figure.value);
        return cell.querySelector(".none") ? Infinity : cell.textContent.trim().toLowerCase();
      };
      const rank = (a, b) => (a === b ? 0 : typeof a === typeof b ? (a < b ? -1 : 1) : typeof a === "number" ? -1 : 1);
      const rows = [...body.rows].sort((a, b) => rank(key(a), key(b)));
      body.append(...(order === "ascending" ? rows : rows.reverse()));
    });
  });
}
const command = document.getElementById("command");
if (command && navigator.clipboard) {
  const button = document.createElement("button");
  button.type = "button";
  button.className = "copy";
  button.textContent = "Copy the command";
  button.addEventListener("click", async () => {
    try {
      await navigator.clipboard.writeText(command.textContent);
      button.textContent = "Copied";
    } catch {
      button.textContent = "Cannot copy here: select it instead";
    }
  });
  command.after(button);
}
