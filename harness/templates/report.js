"use strict";
(() => {
  const number = (value, decimals) =>
    value.toLocaleString("en", { minimumFractionDigits: decimals, maximumFractionDigits: decimals }).replace("-", "−");

  // A table's heading sorts its rows: first with the best on top, then the other way round.
  for (const table of document.querySelectorAll("table.sortable")) {
    const heads = [...table.tHead.rows[0].cells];
    const body = table.tBodies[0];
    heads.forEach((head, column) => {
      head.querySelector("button")?.addEventListener("click", () => {
        const before = head.getAttribute("aria-sort");
        const first = head.dataset.best === "higher" ? "descending" : "ascending";
        const other = first === "descending" ? "ascending" : "descending";
        const order = before === first ? other : first;
        for (const one of heads) one.setAttribute("aria-sort", one === head ? order : "none");
        const value = (row) => Number(row.cells[column].dataset.value);
        const sign = order === "ascending" ? 1 : -1;
        const rows = [...body.rows].sort((a, b) => {
          if (Number.isNaN(value(a)) || Number.isNaN(value(b))) return Number.isNaN(value(a)) - Number.isNaN(value(b));
          return sign * (value(a) - value(b));
        });
        body.append(...rows);
      });
    });
  }

  // What is folded on the screen is printed.
  addEventListener("beforeprint", () => {
    for (const picture of document.images) picture.loading = "eager";
    for (const part of document.querySelectorAll("details:not([open])")) {
      part.dataset.folded = "";
      part.open = true;
    }
  });
  addEventListener("afterprint", () => {
    for (const part of document.querySelectorAll("details[data-folded]")) {
      delete part.dataset.folded;
      part.open = false;
    }
  });

  const form = document.querySelector("form.controls");
  if (!form) return;
  const data = JSON.parse(document.getElementById("data").textContent);
  const fields = form.elements;
  const sorted = document.getElementById("sorted");
  const gallery = sorted.querySelector(".gallery");
  const title = document.getElementById("sorted-title");
  const groups = [...document.querySelectorAll(".group")];
  const mean = (values) => {
    const known = values.filter((value) => value !== null && value !== undefined);
    return known.length ? known.reduce((sum, value) => sum + value, 0) / known.length : null;
  };
  const cards = [...document.querySelectorAll(".card")].map((node, place) => ({
    node,
    home: node.parentElement,
    category: node.dataset.category,
    statuses: node.dataset.statuses.split(" "),
    words: node.querySelector(".prompt").textContent.toLowerCase(),
    // [metric][run] -> the mean over the run's samples, null where there is none.
    means: data.metrics.map((_, metric) => data.cards[place].map((run) => mean(run.map((tile) => tile[metric])))),
    runs: data.cards[place],
  }));

  let labelled = 0;
  const label = (metric) => {
    if (metric === labelled) return;
    labelled = metric;
    const { name, decimals } = data.metrics[metric];
    for (const card of cards) {
      const values = card.runs.flat().map((tile) => tile[metric]);
      card.node.querySelectorAll(".own").forEach((node, place) => {
        node.textContent = values[place] === null ? "–" : number(values[place], decimals);
      });
      for (const why of card.node.querySelectorAll(".why")) why.hidden = !why.dataset.metrics.split(" ").includes(name);
    }
  };

  const tellMeans = (metric, from, to) => {
    const { decimals } = data.metrics[metric];
    for (const card of cards) {
      const [a, b] = [card.means[metric][from], card.means[metric][to]];
      const change = b - a;
      card.node.querySelector(".means").textContent =
        data.runs.length < 2 || a === null || b === null
          ? ""
          : `${data.runs[from]} ${number(a, decimals)} → ${data.runs[to]} ${number(b, decimals)} (${change > 0 ? "+" : ""}${number(change, decimals)})`;
    }
  };

  const order = (kind, metric, from, to) => {
    const sign = data.metrics[metric].direction === "higher" ? 1 : -1;
    const gain = (card) => {
      const [a, b] = [card.means[metric][from], card.means[metric][to]];
      return a === null || b === null ? null : sign * (b - a);
    };
    const score = (card) => {
      const value = mean(card.means[metric]);
      return value === null ? null : sign * value;
    };
    const flipped = (value) => (value === null ? null : -value);
    const size = (value) => (value === null ? null : Math.abs(value));
    return {
      best: score,
      worst: (card) => flipped(score(card)),
      up: gain,
      down: (card) => flipped(gain(card)),
      apart: (card) => size(gain(card)),
    }[kind];
  };

  const update = () => {
    const metric = Number(fields.metric?.value ?? 0);
    const kind = fields.order?.value ?? "";
    const from = Number(fields.from?.value ?? 0);
    const to = Number(fields.to?.value ?? 1);
    const words = fields.words.value.toLowerCase().split(/\s+/).filter(Boolean);
    for (const card of cards) {
      const wanted =
        (!fields.category.value || card.category === fields.category.value) &&
        (!fields.status?.value || card.statuses.includes(fields.status.value));
      card.node.hidden = !(wanted && words.every((word) => card.words.includes(word)));
    }
    if (data.metrics.length) {
      label(metric);
      tellMeans(metric, from, to);
    }
    sorted.hidden = !kind;
    if (kind) {
      // What has no value comes last, and what is equal stays in the bench's order.
      const by = order(kind, metric, from, to);
      const keyed = cards.map((card) => [by(card), card]);
      keyed.sort(([a], [b]) => (a === null || b === null ? (a === null) - (b === null) : b - a));
      gallery.append(...keyed.map(([, card]) => card.node));
      title.textContent = `${data.metrics[metric].name}, ${fields.order.selectedOptions[0].textContent}`;
    } else if (gallery.firstChild) {
      for (const card of cards) card.home.append(card.node);
    }
    for (const group of groups) group.hidden = !group.querySelector(".card:not([hidden])");
    const shown = cards.filter((card) => !card.node.hidden).length;
    fields.shown.value = shown === cards.length ? "" : `${shown} of ${cards.length} prompts`;
  };

  form.hidden = false;
  form.addEventListener("input", update);
  form.addEventListener("submit", (event) => event.preventDefault());
  labelled = -1;
  update();
})();
