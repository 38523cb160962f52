"use strict";
// Quantities as people read them, and the parts that figures are made of. Knows nothing of runs.
const charts = (() => {
  const at = (id) => document.getElementById(id);
  const make = (tag, attributes = {}, ...children) => {
    const element = document.createElement(tag);
    for (const [name, value] of Object.entries(attributes)) {
      if (value !== undefined && value !== null) element.setAttribute(name, value);
    }
    element.append(...children);
    return element;
  };

  const absent = (value) => value === null || value === undefined;
  const text = (value) => (absent(value) ? "-" : String(value));
  const three = (value) => (value >= 99.95 ? value.toFixed(0) : value >= 9.995 ? value.toFixed(1) : value.toFixed(2));
  const times = [[1, "s"], [1e-3, "ms"], [1e-6, "µs"], [1e-9, "ns"]];
  const sizes = [[1e9, "GB"], [1e6, "MB"], [1e3, "kB"], [1, "B"]];
  const unit = (value, units) => units.find(([size]) => value / size >= 0.9995) ?? units.at(-1);
  const scaled = (value, units) => {
    const [size, name] = unit(value, units);
    return `${name === "B" ? value : three(value / size)}\u00a0${name}`;
  };
  const seconds = (value) => (value === 0 ? "0 s" : scaled(value, times));
  const bytes = (value) => scaled(value, sizes);
  const count = (value) => value.toLocaleString("en");
  const short = (value) => (value < 1000 ? String(value) : `${+(value / 1000).toPrecision(3)}k`);
  const percent = (value) => (100 * value).toFixed(2);
  const orDash = (value, format) => (absent(value) ? "-" : format(value));
  /** Two ends with one unit. */
  const span = (low, high) => {
    if (absent(low) || absent(high)) return "";
    const [size, name] = unit(high, times);
    return `${three(low / size)} to ${three(high / size)}\u00a0${name}`;
  };

  // Series differ in colour, shape and dash, so that neither is needed to tell them apart.
  const shapes = [
    d3.symbolCircle, d3.symbolTriangle, d3.symbolSquare, d3.symbolDiamond, d3.symbolStar, d3.symbolCross, d3.symbolWye,
    d3.symbolTriangle2,
  ];
  const dashes = ["none", "7 3", "2 3", "9 3 2 3", "12 4", "4 2", "1 4", "6 2 1 2"];
  const look = (index) => {
    // Colours that come again do so with another shape and dash.
    const turned = (index + Math.floor(index / 8)) % 8;
    return { colour: `var(--series-${(index % 8) + 1})`, shape: shapes[turned], dash: dashes[turned] };
  };

  const key = (draw) => {
    const svg = d3.create("svg").attr("width", 26).attr("height", 14).attr("viewBox", "-13 -7 26 14").attr("aria-hidden", "true");
    draw(svg);
    return svg.node();
  };
  const block = (colour) => key((svg) => svg.append("rect").attr("x", -11).attr("y", -6).attr("width", 22).attr("height", 12).attr("rx", 2).attr("fill", colour));
  const stroke = ({ colour, dash }) => (svg) =>
    svg.append("line").attr("x1", -13).attr("x2", 13).attr("stroke", colour).attr("stroke-width", 2).attr("stroke-dasharray", dash);
  const dash = (style) => key(stroke(style));
  const point = (style) => key((svg) => {
    stroke(style)(svg);
    svg.append("path").attr("d", d3.symbol(style.shape, 60)()).attr("fill", style.colour);
  });
  const legend = (entries) =>
    make("ul", { class: "legend", "aria-label": "Legend" }, ...entries.map(({ name, mark }) => make("li", {}, mark, name)));

  /** Labels beside points, the ones that nothing beats first; none where it would hide what is drawn already. */
  const labels = (points) => (index, scales, channels, dimensions) => {
    const places = [[0, -12], [0, 19], [12, 4], [-12, 4], [10, -9], [-10, -9], [10, 15], [-10, 15], [0, -25], [0, 32], [26, 4], [-26, 4]];
    const dots = points.map(({ x, y }) => [scales.x(x), scales.y(y)]);
    const taken = dots.map(([x, y]) => [x - 5, y - 5, x + 5, y + 5]);
    const over = (a, b) => Math.max(0, Math.min(a[2], b[2]) - Math.max(a[0], b[0])) * Math.max(0, Math.min(a[3], b[3]) - Math.max(a[1], b[1]));
    const group = d3.create("svg:g").attr("fill", "currentColor").attr("font-size", 12);
    const beaten = (point) => points.some(({ x, y }) => x <= point.x && y >= point.y && (x < point.x || y > point.y));
    d3.sort(d3.range(points.length), (i) => beaten(points[i])).forEach((i) => {
      const point = points[i];
      const wide = 7 * point.label.length;
      const boxes = places.map(([dx, dy], rank) => {
        const anchor = dx > 0 ? "start" : dx < 0 ? "end" : "middle";
        const [x, y] = [dots[i][0] + dx, dots[i][1] + dy];
        const left = anchor === "start" ? x : anchor === "end" ? x - wide : x - wide / 2;
        const box = [left, y - 10, left + wide, y + 2];
        const outside = box[0] < dimensions.marginLeft || box[2] > dimensions.width || box[1] < 0 ? 1000 : 0;
        const hides = d3.sum(taken, (other) => over(box, other));
        return { x, y, anchor, box, hides, cost: outside + rank + hides };
      });
      const best = d3.least(boxes, (place) => place.cost);
      if (best.hides > 30) return;
      taken.push(best.box);
      group.append("text").attr("class", "halo").attr("x", best.x).attr("y", best.y).attr("text-anchor", best.anchor).text(point.label);
    });
    return group.node();
  };

  /** Stacked bars in groups: `groups` of { title, bars: [{ label, row }] }, `parts` of { name, colour, of(row) }. */
  const bars = (width, groups, parts, { label, size, format }) => {
    const [keys, heads, names, stacks, ends] = [[], [], [], [], []];
    groups.forEach((group, g) => {
      if (group.title) {
        heads.push({ key: `${g}`, text: group.title });
        keys.push(`${g}`);
      }
      group.bars.forEach((bar, b) => {
        const key = `${g}/${b}`;
        keys.push(key);
        names.push({ key, text: bar.label });
        const values = parts.map((part) => ({ part: part.name, value: part.of(bar.row) ?? 0 }));
        const total = d3.sum(values, ({ value }) => value);
        for (const { part, value } of values) {
          if (value > 0) stacks.push({ key, part, value: value / size, title: `${[group.title, bar.label].filter(Boolean).join(" ")}\n${part}: ${format(value)}` });
        }
        ends.push({ key, value: total / size, text: format(total) });
      });
    });
    const marginLeft = 12 + 7.2 * d3.max(names, ({ text }) => text.length);
    return {
      width, height: 52 + 20 * keys.length, marginLeft, marginRight: 66, marginTop: 4, marginBottom: 44,
      x: { label, grid: true, ticks: Math.max(2, Math.round((width - marginLeft) / 90)), tickFormat: "~f", domain: [0, d3.max(ends, ({ value }) => value) || 1] },
      y: { domain: keys, axis: null, padding: 0.15 },
      color: { domain: parts.map((part) => part.name), range: parts.map((part) => part.colour) },
      marks: [
        Plot.barX(stacks, { x: "value", y: "key", fill: "part", insetRight: 0.5, title: "title", tip: true }),
        Plot.text(ends, { x: "value", y: "key", text: "text", textAnchor: "start", dx: 5 }),
        Plot.text(names, { x: 0, y: "key", text: "text", textAnchor: "end", dx: -6 }),
        Plot.ruleX([0]),
        Plot.text(heads, {
          x: 0, y: "key", text: "text", textAnchor: "start", fontWeight: 600, dx: 4 - marginLeft, fill: "currentColor",
          stroke: "var(--paper)", strokeWidth: 4,
        }),
      ],
    };
  };

  const tabled = (caption, facts) => {
    const heads = Object.keys(facts[0]);
    const line = (fact) => make("tr", {}, ...heads.map((head, i) =>
      i === 0 ? make("th", { scope: "row", class: "text" }, text(fact[head])) : make("td", {}, text(fact[head]))));
    return make("table", {},
      make("caption", { class: "unseen" }, caption),
      make("thead", {}, make("tr", {}, ...heads.map((head, i) => make("th", { scope: "col", class: i ? undefined : "text" }, head)))),
      make("tbody", {}, ...facts.map(line)));
  };

  /** Panels side by side where each has at least `least` pixels, below them what they say in words and as a table. */
  const figure = (id, { title, name, panels, least, entries, says, facts }) => {
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
      make("details", open ? { open: "" } : {}, make("summary", {}, "As a table", make("span", { class: "unseen" }, `: ${name}`)),
        make("div", { class: "wide tall", tabindex: "0", role: "region", "aria-label": `${name}, table` }, tabled(name, facts))));
  };

  return { at, make, absent, text, seconds, bytes, count, short, percent, orDash, span, look, block, dash, point, labels, bars, figure };
})();
