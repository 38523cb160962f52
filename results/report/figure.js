"use strict";
// A figure: panels with what they say in words, as a table, and as files.
const figure = (() => {
  const { at, make, text } = charts;
  const tabled = (caption, facts) => {
    const heads = Object.keys(facts[0]);
    const line = (fact) => make("tr", {}, ...heads.map((head, i) =>
      i === 0 ? make("th", { scope: "row", class: "text" }, text(fact[head])) : make("td", {}, text(fact[head]))));
    return make("table", {},
      make("caption", { class: "unseen" }, caption),
      make("thead", {}, make("tr", {}, ...heads.map((head, i) => make("th", { scope: "col", class: i ? undefined : "text" }, head)))),
      make("tbody", {}, ...facts.map(line)));
  };
  const legend = (entries) =>
    make("ul", { class: "legend", "aria-label": "Legend" }, ...entries.map(({ name, mark }) => make("li", {}, mark, name)));

  /**
   * Panels side by side where each has at least `least` pixels. `says` is what they show in words, `facts` the same as a table,
   * `raw` as numbers for other programs.
   */
  return (id, { title, name, panels, least, entries, says, facts, raw }) => {
    const place = at(id);
    if (!facts.length) {
      place.replaceChildren(make("figcaption", {}, "Nothing to draw for these cells."));
      return;
    }
    const [room, gap] = [place.clientWidth, 24];
    const columns = Math.max(1, Math.min(panels.length, Math.floor((room + gap) / (least + gap))));
    const width = Math.floor((room - gap * (columns - 1)) / columns);
    const drawn = panels.map(({ title, options }) => {
      const svg = Plot.plot({ style: { fontSize: "13px", background: "transparent" }, ...options(width) });
      svg.classList.add("chart");
      svg.setAttribute("role", "img");
      svg.setAttribute("aria-label", [name, title].filter(Boolean).join(", "));
      svg.setAttribute("aria-describedby", `${id}-says`);
      return make("div", {}, ...(title ? [make("h3", {}, title)] : []), svg);
    });
    const open = place.querySelector("details")?.open;
    place.replaceChildren(
      ...(title ? [make("h3", {}, title)] : []),
      ...(entries.length > 1 ? [legend(entries)] : []),
      make("div", { class: "panels", style: `grid-template-columns: repeat(${columns}, minmax(0, 1fr))` }, ...drawn),
      make("figcaption", { id: `${id}-says` }, says),
      make("details", open ? { open: "" } : {}, make("summary", {}, "As a table", make("span", { class: "unseen" }, ` of ${name}`)),
        make("div", { class: "wide tall", tabindex: "0", role: "region", "aria-label": `${name}, table` }, tabled(name, facts))),
      download.figure(place, name, raw));
  };
})();
