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
  const capital = (words) => (words ? words[0].toUpperCase() + words.slice(1) : "");
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
  const short = (value) => {
    const [size, letter] = [[1e6, "M"], [1e3, "k"], [1, ""]].find(([size]) => value >= size) ?? [1, ""];
    return `${+(value / size).toPrecision(3)}${letter}`;
  };
  const percent = (value) => (100 * value).toFixed(2);
  const orDash = (value, format) => (absent(value) ? "-" : format(value));
  /** Two ends with one unit, and as many digits more, up to three, as tell them apart. */
  const span = (low, high) => {
    if (absent(low) || absent(high)) return "";
    const [size, name] = unit(high, times);
    const decimals = three(high / size).split(".")[1]?.length ?? 0;
    const ends = (more) => [low, high].map((end) => (end / size).toFixed(decimals + more));
    const [first, last] = [0, 1, 2, 3].map(ends).find(([one, other]) => one !== other) ?? ends(0);
    return `${first} to ${last}\u00a0${name}`;
  };

  // Series differ in colour, shape and dash, so that neither is needed to tell them apart.
  const shapes = looks.shapes.map((corners) => ({
    draw(context, size) {
      const radius = Math.sqrt(size / Math.PI);
      if (!corners.length) context.arc(0, 0, radius, 0, 2 * Math.PI);
      corners.forEach(([x, y], i) => context[i ? "lineTo" : "moveTo"](radius * x, radius * y));
      context.closePath();
    },
  }));
  const look = ({ colour, mark }) => ({ colour: `var(--series-${colour + 1})`, shape: shapes[mark], dash: looks.dashes[mark] });
  /** Of what is no method's. */
  const line = (index) => look({ colour: index, mark: index });

  const key = (draw) => {
    const svg = d3.create("svg").attr("width", 26).attr("height", 14).attr("viewBox", "-13 -7 26 14").attr("aria-hidden", "true");
    draw(svg);
    return svg.node();
  };
  const block = (colour) => key((svg) => svg.append("rect").attr("x", -11).attr("y", -6).attr("width", 22).attr("height", 12).attr("rx", 2).attr("fill", colour));
  const stroke = ({ colour, dash }) => (svg) =>
    svg.append("line").attr("x1", -13).attr("x2", 13).attr("stroke", colour).attr("stroke-width", 2).attr("stroke-dasharray", dash);
  const dash = (style) => key(stroke(style));
  const mark = (svg, style) => svg.append("path").attr("d", d3.symbol(style.shape, 70)());
  const point = (style) => key((svg) => {
    stroke(style)(svg);
    mark(svg, style).attr("fill", style.colour);
  });
  const hollow = (style) => key((svg) => mark(svg, style).attr("fill", "var(--paper)").attr("stroke", style.colour).attr("stroke-width", 2));
  const ring = () => key((svg) => {
    svg.append("line").attr("x1", -13).attr("x2", 13).attr("stroke", "var(--front)").attr("stroke-width", 6);
    svg.append("circle").attr("r", 7).attr("fill", "var(--front)");
  });

  /** Discs behind the points of `ringed`, and a broad line through those of `stairs`. */
  const front = (ringed, stairs) => (index, scales) => {
    const group = d3.create("svg:g").attr("aria-label", "front");
    const at = ({ x, y }) => [scales.x(x), scales.y(y)];
    if (stairs.length > 1) {
      group.append("path").attr("d", `M${stairs.map(at).join("L")}`).attr("fill", "none").attr("stroke", "var(--front)").attr("stroke-width", 7)
        .attr("stroke-linejoin", "round");
    }
    for (const [cx, cy] of ringed.map(at)) group.append("circle").attr("cx", cx).attr("cy", cy).attr("r", 10).attr("fill", "var(--front)");
    return group.node();
  };

  /** What the nearest of the points is, in lines short enough to stand on either side of it. */
  const tip = (points, width) => Plot.tip(points, Plot.pointer({ x: "x", y: "y", title: "title", lineWidth: Math.min(20, width / 30) }));

  /** Hollow marks as they look, under one name. */
  const outlines = (name, points) => (index, scales) => {
    const group = d3.create("svg:g").attr("aria-label", name).attr("fill", "var(--paper)").attr("stroke-width", 1.5);
    for (const { x, y, look } of points) {
      group.append("path").attr("d", d3.symbol(look.shape, 62)()).attr("transform", `translate(${scales.x(x)},${scales.y(y)})`).attr("stroke", look.colour);
    }
    return group.node();
  };

  /** Labels beside points, those on the front first; none where it would hide what is drawn already, points or `others`. */
  const labels = (points, others = []) => (index, scales, channels, dimensions) => {
    // Beside it first, since intervals go up and down.
    const places = [[-12, 4], [12, 4], [-10, -9], [10, 15], [10, -9], [-10, 15], [0, -12], [0, 19], [-26, 4], [26, 4], [0, -25], [0, 32]];
    const at = ({ x, y }) => [scales.x(x), scales.y(y)];
    const dots = points.map(at);
    const taken = [...dots, ...others.map(at)].map(([x, y]) => [x - 5, y - 5, x + 5, y + 5]);
    const over = (a, b) => a[0] < b[2] && b[0] < a[2] && a[1] < b[3] && b[1] < a[3];
    const group = d3.create("svg:g").attr("fill", "currentColor").attr("font-size", 12).attr("aria-label", "label");
    d3.sort(d3.range(points.length), (i) => !points[i].front).forEach((i) => {
      const point = points[i];
      const wide = 6 + 7.4 * point.label.length;
      const boxes = places.map(([dx, dy]) => {
        const anchor = dx > 0 ? "start" : dx < 0 ? "end" : "middle";
        const [x, y] = [dots[i][0] + dx, dots[i][1] + dy];
        const left = anchor === "start" ? x - 3 : anchor === "end" ? x + 3 - wide : x - wide / 2;
        const box = [left, y - 12, left + wide, y + 4];
        const outside = box[0] < dimensions.marginLeft || box[2] > dimensions.width || box[1] < 0;
        return { x, y, anchor, box, free: !outside && !taken.some((other) => over(box, other)) };
      });
      const best = boxes.find(({ free }) => free);
      if (!best) return;
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
    const [marginLeft, marginRight] = [12 + 7.2 * d3.max(names, ({ text }) => text.length), 66];
    const domain = [0, d3.max(ends, ({ value }) => value) || 1];
    return {
      width, height: 52 + 20 * keys.length, marginLeft, marginRight, marginTop: 4, marginBottom: 44,
      x: { label, grid: true, ...axes.fitted(domain, width - marginLeft - marginRight, { most: 6 }) },
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

  return {
    at, make, absent, text, capital, seconds, bytes, count, short, percent, orDash, span, look, line, block, dash, point, hollow, ring, front, tip, outlines, labels, bars,
  };
})();
