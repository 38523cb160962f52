"use strict";
// Which cells are shown: a set of boxes for every dimension in which they differ. What is hidden stands in the address.
const filters = (() => {
  const { at, make } = charts;
  const chosen = {};
  let changed = () => {};
  const told = (dimension) => address.set(`hide.${dimension}`, ...chosen[dimension].off);

  for (const dimension of [...cells.varying, "budget"]) {
    const value = dimension === "budget" ? cells.budget : (row) => cells.known(row[dimension]);
    const values = cells.unique(cells.rows.map(value));
    if (values.length < 2) continue;
    chosen[dimension] = { value, off: new Set() };
    const set = make("fieldset", {}, make("legend", {}, dimension));
    for (const option of values) {
      const box = make("input", { type: "checkbox", checked: "", name: dimension, value: option });
      box.addEventListener("change", () => {
        chosen[dimension].off[box.checked ? "delete" : "add"](option);
        told(dimension);
        changed();
      });
      set.append(make("label", {}, box, ` ${option}`));
    }
    at("choices").append(set);
  }
  at("all").hidden = !at("choices").childElementCount;
  at("filters").addEventListener("submit", (event) => event.preventDefault());
  const boxes = () => at("choices").querySelectorAll("input");
  at("all").addEventListener("click", () => {
    for (const dimension of Object.keys(chosen)) {
      chosen[dimension].off.clear();
      told(dimension);
    }
    boxes().forEach((box) => { box.checked = true; });
    changed();
  });

  const shown = () =>
    cells.rows.filter((row) => Object.values(chosen).every(({ value, off }) => !off.has(value(row))));
  /** As the address has it. */
  const read = () => {
    for (const dimension of Object.keys(chosen)) chosen[dimension].off = new Set(address.all(`hide.${dimension}`));
    boxes().forEach((box) => { box.checked = !chosen[box.name].off.has(box.value); });
  };
  return { shown, read, onChange: (act) => { changed = act; } };
})();
