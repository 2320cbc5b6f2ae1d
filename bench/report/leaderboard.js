"use strict";
(() => {
  const all = (selector, root = document) => [...root.querySelectorAll(selector)];

  // Sorting: a heading's button orders its table by the cells' data-sort; what has no value stays last.
  const rise = (a, b) => (a === "" || isNaN(a) || isNaN(b) ? a.localeCompare(b) : a - b);
  for (const table of all("table.rows")) {
    const headings = all("thead th", table);
    headings.forEach((heading, column) => {
      const button = document.createElement("button");
      button.type = "button";
      button.append(...heading.childNodes);
      heading.append(button);
      button.addEventListener("click", () => {
        const down = heading.getAttribute("aria-sort") === "ascending";
        headings.forEach((other) => other.removeAttribute("aria-sort"));
        heading.setAttribute("aria-sort", down ? "descending" : "ascending");
        const key = (row) => row.cells[column].dataset.sort ?? "";
        const rows = all("tbody tr", table).sort((a, b) => {
          const [x, y] = [key(a), key(b)];
          if (x === "" || y === "") return (x === "") - (y === "");
          return (down ? -1 : 1) * rise(x, y);
        });
        table.tBodies[0].append(...rows);
      });
    });
  }

  // Filtering: rows by arm and refiner, whole boards by task and model.
  const form = document.querySelector(".filter");
  const apply = () => {
    const asked = Object.fromEntries(new FormData(form));
    const has = (text, part) => (text ?? "").toLowerCase().includes((part ?? "").trim().toLowerCase());
    let shown = 0, total = 0;
    for (const board of all(".board[data-task]")) {
      const wanted = (!asked.task || board.dataset.task === asked.task) && (!asked.model || board.dataset.model === asked.model);
      let inBoard = 0;
      for (const table of all("table.rows", board)) {
        const rows = all("tbody tr", table);
        for (const row of rows) {
          row.hidden = !(wanted && (!asked.arm || row.dataset.arm === asked.arm) && has(row.dataset.refiner, asked.refiner));
        }
        const left = rows.filter((row) => !row.hidden).length;
        table.parentElement.hidden = left === 0;
        inBoard += left;
        total += rows.length;
      }
      board.hidden = inBoard === 0;
      shown += inBoard;
    }
    form.querySelector("output").value = shown === total ? `${total} rows` : `${shown} of ${total} rows`;
    document.body.classList.toggle("all", asked.all === "on");
  };
  form.hidden = false;
  form.addEventListener("input", apply);
  form.addEventListener("submit", (event) => event.preventDefault());
  form.addEventListener("reset", () => setTimeout(apply));
  apply();

  // Details: beside the row, where there is room; the style sheet alone would show them at the foot of the window.
  const place = (row, x) => {
    document.body.classList.remove("quiet");
    const detail = row.querySelector(".detail");
    if (!detail || innerWidth < 700) return;
    detail.classList.add("near");
    const box = row.getBoundingClientRect(), height = detail.offsetHeight;
    detail.style.left = `${Math.max(8, Math.min(x, innerWidth - detail.offsetWidth - 8))}px`;
    detail.style.top = `${box.bottom + height + 8 < innerHeight ? box.bottom + 4 : Math.max(8, box.top - height - 4)}px`;
  };
  for (const row of all("table.rows tbody tr")) {
    row.addEventListener("mouseenter", (event) => place(row, event.clientX + 12));
    row.addEventListener("focusin", () => place(row, row.getBoundingClientRect().left + 40));
  }
  addEventListener("keydown", (event) => event.key === "Escape" && document.body.classList.add("quiet"));
})();
