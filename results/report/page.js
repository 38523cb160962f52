"use strict";
// The page: its parts follow what is chosen.
(() => {
  const { at, make } = charts;
  for (const row of cells.rows) {
    if (cells.data.layers[row.key]) at("cell").append(make("option", { value: row.key }, cells.data.runs.length > 1 ? row.key : row.cell));
  }
  at("cell").addEventListener("change", () => {
    address.set("cell", at("cell").value);
    pictures.layers();
  });
  const hide = (id, without) => {
    at(id).hidden = without;
    document.querySelector(`nav a[href='#${id}']`).parentElement.hidden = without;
  };
  const pooled = cells.rows.some((row) => row.pooled);
  hide("queries", !pooled);
  hide("budgets", !relus.worth);
  hide("layers", !at("cell").options.length);

  const drawn = [front, ...(relus.worth ? [relus.draw] : []), pictures.time, pictures.traffic, pictures.curves, ...(pooled ? [queries.responses, queries.pools] : [])];
  const draw = () => {
    const visible = filters.shown();
    at("shown").textContent = `${visible.length} of ${cells.rows.length} cells`;
    verdict.draw(visible);
    table.draw(visible);
    drawn.forEach((picture) => picture(visible));
  };
  const layers = () => at("cell").options.length && pictures.layers();
  /** All of it, as the address has it. */
  const read = () => {
    filters.read();
    table.read();
    verdict.read();
    const cell = address.get("cell");
    if ([...at("cell").options].some((option) => option.value === cell)) at("cell").value = cell;
    draw();
    layers();
  };
  filters.onChange(draw);
  published(cells.data.references);
  verdict.onChange(() => verdict.draw(filters.shown()));
  address.follow(read);
  read();
  address.arrive();

  let [resized, width] = [0, innerWidth];
  addEventListener("resize", () => {
    clearTimeout(resized);
    resized = setTimeout(() => {
      // A phone's browser resizes upright whenever its bars come and go.
      if (innerWidth === width) return;
      width = innerWidth;
      draw();
      layers();
    }, 150);
  });
  document.documentElement.dataset.ready = "yes";
})();
