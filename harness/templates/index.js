"use strict";
(() => {
  // A table's heading sorts its rows: first with the best on top, then the other way round.
  const compared = (a, b) => {
    const [x, y] = [Number(a), Number(b)];
    if (a !== "" && b !== "" && !Number.isNaN(x) && !Number.isNaN(y)) return x - y;
    return a < b ? -1 : a > b ? 1 : 0;
  };
  for (const table of document.querySelectorAll("table.sortable")) {
    const heads = [...table.tHead.rows[0].cells];
    const body = table.tBodies[0];
    heads.forEach((head, column) => {
      head.querySelector("button")?.addEventListener("click", () => {
        const first = head.dataset.best === "higher" ? "descending" : "ascending";
        const other = first === "descending" ? "ascending" : "descending";
        const order = head.getAttribute("aria-sort") === first ? other : first;
        for (const one of heads) if (one.hasAttribute("aria-sort")) one.setAttribute("aria-sort", one === head ? order : "none");
        const value = (row) => row.cells[column].dataset.value;
        const sign = order === "ascending" ? 1 : -1;
        body.append(...[...body.rows].sort((a, b) => sign * compared(value(a), value(b))));
      });
    });
  }

  const form = document.querySelector("form.filters");
  if (!form) return;
  const fields = form.elements;
  const runs = [...document.querySelectorAll(".runs li")];
  const boards = [...document.querySelectorAll(".boarded")];
  const nothing = document.querySelector(".nothing");
  const update = () => {
    const [bench, model, identity] = [fields.bench.value, fields.model.value, fields.identity.value];
    const words = fields.words.value.toLowerCase().trim();
    const named = (node) =>
      (!model || node.dataset.model === model) && node.dataset.words.toLowerCase().includes(words);
    for (const run of runs) {
      run.hidden = !(
        named(run) &&
        (!bench || run.dataset.bench === bench) &&
        (!identity || run.dataset.identities.split("\n").includes(identity))
      );
    }
    for (const board of boards) {
      const rows = [...board.querySelectorAll("tbody tr")];
      for (const row of rows) row.hidden = !named(row);
      board.hidden =
        (bench && board.dataset.bench !== bench) ||
        (identity && board.dataset.identity !== identity) ||
        rows.every((row) => row.hidden);
    }
    const shown = runs.filter((run) => !run.hidden).length;
    nothing.hidden = shown > 0;
    fields.shown.value = shown === runs.length ? "" : `${shown} of ${runs.length} runs`;
  };
  form.hidden = false;
  form.addEventListener("input", update);
  form.addEventListener("submit", (event) => event.preventDefault());
  update();
  // A table's wide content is printed as a whole; what is folded is shown.
  addEventListener("beforeprint", () => {
    for (const part of document.querySelectorAll("details")) part.open = true;
  });
})();
