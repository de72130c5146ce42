"use strict";
(() => {
  const form = document.querySelector(".controls");
  if (!form) return;
  const sorted = document.getElementById("sorted");
  const groups = [...document.querySelectorAll(".group")];
  const figures = [...document.querySelectorAll("figure")].map((node) => ({
    node,
    home: node.parentElement,
    category: node.dataset.category,
    scores: JSON.parse(node.dataset.scores),
    words: node.querySelector(".prompt").textContent.toLowerCase(),
  }));

  const update = () => {
    const order = form.elements.order.selectedOptions[0];
    const category = form.elements.category.value;
    const words = form.elements.words.value.toLowerCase().split(/\s+/).filter(Boolean);
    for (const figure of figures) {
      const wanted = !category || figure.category === category;
      figure.node.hidden = !(wanted && words.every((word) => figure.words.includes(word)));
    }
    const metric = order.value;
    sorted.hidden = !metric;
    if (metric) {
      // Best first means descending where higher is better; samples without a value come last.
      const sign = (order.dataset.best === "higher") === (order.dataset.first === "best") ? -1 : 1;
      const value = (figure) => figure.scores[metric];
      const ranked = figures.slice().sort((a, b) => {
        if (value(a) === undefined || value(b) === undefined) {
          return (value(a) === undefined) - (value(b) === undefined);
        }
        return sign * (value(a) - value(b));
      });
      sorted.append(...ranked.map((figure) => figure.node));
    } else {
      for (const figure of figures) figure.home.append(figure.node);
    }
    for (const group of groups) group.hidden = !group.querySelector("figure:not([hidden])");
    const shown = figures.filter((figure) => !figure.node.hidden).length;
    form.elements.shown.value = shown === figures.length ? "" : `${shown} of ${figures.length}`;
  };

  form.hidden = false;
  form.addEventListener("input", update);
  form.addEventListener("submit", (event) => event.preventDefault());
  update();
})();
