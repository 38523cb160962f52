"use strict";
// Figures that others published: a table of accuracies and one of costs. Nothing of them was measured here.
const published = (references) => {
  const { at, make, text, seconds, bytes, count, percent, orDash } = charts;
  const formats = { s: seconds, bytes, fraction: (value) => `${percent(value)}\u00a0%`, count };
  const value = ({ figure, unit, per }) => `${formats[unit](figure)}${per === "relu" ? " a ReLU" : ""}`;
  const threads = (number) => (number === 1 ? "1 thread" : `${number} threads`);
  const ran = ({ hardware, threads: number, link }) => [hardware, number && threads(number), link].filter(Boolean).join("; ") || "-";
  const part = ({ phase, of }) => ({ offline: `offline: ${of}`, online: `online: ${of}`, whole: of, unsaid: `${of}, phase not said` })[phase];
  const shared = [
    { title: "system", left: true, show: (entry) => entry.system },
    { title: "network", left: true, show: (entry) => text(entry.network) },
    { title: "data set", left: true, show: (entry) => text(entry.data) },
    { title: "ReLUs", show: (entry) => orDash(entry.relus, count) },
  ];
  const from = {
    title: "source", left: true, wraps: true, show: ({ source }) => `${source.kind}: ${source.work}, ${source.place}`, more: (entry) => entry.note,
  };
  const tables = [
    {
      what: "accuracy", caption: "Accuracy at a ReLU budget",
      columns: [
        ...shared, { title: "accuracy", show: value },
        { title: "with every ReLU", show: (entry) => orDash(entry.all_relu, formats.fraction) }, from,
      ],
    },
    {
      what: "cost", caption: "Cost of a protocol",
      columns: [
        ...shared, { title: "what", left: true, show: part }, { title: "figure", show: value },
        { title: "where run", left: true, show: ran }, from,
      ],
    },
  ];
  const look = (column) => [column.left && "text", column.wraps && "why"].filter(Boolean).join(" ") || undefined;
  const line = (columns) => (entry) =>
    make("tr", {}, ...columns.map((column, i) => {
      const cell = make(i === 0 ? "th" : "td", { class: look(column), scope: i === 0 ? "row" : undefined }, column.show(entry));
      const more = column.more?.(entry);
      if (more) cell.append(make("small", {}, more));
      return cell;
    }));
  const table = ({ what, caption, columns }) => {
    const entries = references.filter((entry) => entry.what === what);
    if (!entries.length) return [];
    const head = make("tr", {}, ...columns.map((column) => make("th", { scope: "col", class: look(column) }, column.title)));
    const drawn = make("table", {},
      make("caption", { class: "unseen" }, `${caption}, published elsewhere`), make("thead", {}, head),
      make("tbody", {}, ...entries.map(line(columns))));
    return [
      make("h3", {}, caption),
      make("div", { class: "wide tall", tabindex: "0", role: "region", "aria-label": `${caption}, published elsewhere, scrolls` }, drawn),
    ];
  };
  if (!references.length) return;
  at("published").hidden = false;
  document.querySelector("nav a[href='#setting']").parentElement.before(make("li", {}, make("a", { href: "#published" }, "Published elsewhere")));
  at("references").replaceChildren(...tables.flatMap(table));
};
