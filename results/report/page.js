"use strict";
(() => {
  const data = JSON.parse(document.getElementById("data").textContent);
  const at = (id) => document.getElementById(id);
  const make = (tag, attributes = {}, ...children) => {
    const element = document.createElement(tag);
    for (const [name, value] of Object.entries(attributes)) {
      if (value !== undefined && value !== null) element.setAttribute(name, value);
    }
    element.append(...children);
    return element;
  };

  // Okabe and Ito's colours, light enough for dark paper and dark enough for light paper.
  const colours = ["#0080c8", "#d55e00", "#009e73", "#b8579a", "#8a8f98", "#b89000", "#7a6fd0", "#3aa6a0"];
  const dimensions = ["run", "model", "method", "relu", "he", "threads", "store", "link"];
  const text = (value) => (value === null || value === undefined ? "-" : String(value));
  const three = (value) => (value >= 99.95 ? value.toFixed(0) : value >= 9.995 ? value.toFixed(1) : value.toFixed(2));
  const scaled = (value, units) => {
    for (const [size, unit] of units) if (value / size >= 0.9995) return `${three(value / size)} ${unit}`;
    return `${value} ${units.at(-1)[1]}`;
  };
  const seconds = (value) => scaled(value, [[1, "s"], [1e-3, "ms"], [1e-6, "µs"]]);
  const bytes = (value) => scaled(value, [[1e9, "GB"], [1e6, "MB"], [1e3, "kB"], [1, "B"]]);
  const count = (value) => value.toLocaleString("en");
  const percent = (value) => (100 * value).toFixed(2);
  const missing = (value, format) => (value === null || value === undefined ? "-" : format(value));
  const interval = (low, high, format) => (low === null || high === null ? "" : `${format(low)} to ${format(high)}`);

  const rows = data.rows;
  for (const row of rows) {
    row.key = `${row.run}/${row.cell}`;
    // The summary writes seconds as decimal text.
    for (const [name, value] of Object.entries(row)) if (/_s_(p\d+|max)/.test(name) && value !== null) row[name] = Number(value);
  }
  const varying = dimensions.filter((name) => new Set(rows.map((row) => text(row[name]))).size > 1);
  const accuracy = (row) => row.acc_fixed_test ?? row.acc_secure;
  const budget = (row) => (row.budget === null ? "all" : count(row.budget));
  const name = (row, without = []) =>
    varying.filter((part) => !without.includes(part)).map((part) => text(row[part])).join(" ") || row.model;

  // Heading.
  const ids = data.runs.map((run) => run.id);
  at("title").textContent = ids.join(", ");
  const questions = [...new Set(data.runs.map((run) => run.question).filter(Boolean))];
  at("question").textContent = questions.join(" ");

  // Filters: one set of boxes for every dimension in which the cells differ.
  const chosen = {};
  for (const dimension of [...varying, "budget"]) {
    const value = dimension === "budget" ? budget : (row) => text(row[dimension]);
    const values = [...new Set(rows.map(value))];
    if (values.length < 2) continue;
    chosen[dimension] = { value, off: new Set() };
    const set = make("fieldset", {}, make("legend", {}, dimension));
    for (const option of values) {
      const box = make("input", { type: "checkbox", checked: "", name: dimension, value: option });
      box.addEventListener("change", () => {
        chosen[dimension].off[box.checked ? "delete" : "add"](option);
        draw();
      });
      set.append(make("label", {}, box, ` ${option}`));
    }
    at("filters").append(set);
  }
  at("filters").addEventListener("submit", (event) => event.preventDefault());
  const shown = () =>
    rows.filter((row) => Object.values(chosen).every(({ value, off }) => !off.has(value(row))));

  // Table.
  const columns = [
    ...varying.map((part) => ({ title: part, text: true, value: (row) => row[part], show: (row) => text(row[part]) })),
    { title: "budget", value: (row) => row.budget ?? Infinity, show: budget },
    { title: "ReLUs", value: (row) => row.relus, show: (row) => count(row.relus) },
    { title: "n", value: (row) => row.n, show: (row) => count(row.n) },
    {
      title: "test accuracy %", value: (row) => row.acc_fixed_test, show: (row) => missing(row.acc_fixed_test, percent),
      more: (row) => interval(row.acc_fixed_test_low, row.acc_fixed_test_high, percent),
    },
    {
      title: "secure accuracy %", value: (row) => row.acc_secure, show: (row) => missing(row.acc_secure, percent),
      more: (row) => interval(row.acc_secure_low, row.acc_secure_high, percent),
    },
    {
      title: "offline", value: (row) => row.offline_s_p50, show: (row) => missing(row.offline_s_p50, seconds),
      more: (row) => interval(row.offline_s_p50_low, row.offline_s_p50_high, seconds),
    },
    {
      title: "online", value: (row) => row.online_s_p50, show: (row) => missing(row.online_s_p50, seconds),
      more: (row) => interval(row.online_s_p50_low, row.online_s_p50_high, seconds),
    },
    { title: "offline bytes", value: (row) => row.offline_bytes, show: (row) => missing(row.offline_bytes, bytes) },
    { title: "online bytes", value: (row) => row.online_bytes, show: (row) => missing(row.online_bytes, bytes) },
    { title: "online rounds", value: (row) => row.online_rounds, show: (row) => missing(row.online_rounds, count) },
    { title: "status", text: true, value: (row) => row.status, show: (row) => (row.error ? `${row.status}: ${row.error}` : row.status) },
  ];
  const sorting = { column: null, down: false };
  const table = (visible) => {
    const heads = columns.map((column) => {
      const sorted = sorting.column === column;
      const button = make("button", { type: "button" }, column.title);
      button.addEventListener("click", () => {
        sorting.down = sorted ? !sorting.down : false;
        sorting.column = column;
        draw();
        [...at("table").querySelectorAll("th button")].find((other) => other.textContent === column.title)?.focus();
      });
      const order = sorted ? (sorting.down ? "descending" : "ascending") : "none";
      return make("th", { scope: "col", "aria-sort": order, class: column.text ? "text" : undefined }, button);
    });
    const ordered = [...visible];
    if (sorting.column) {
      const { value } = sorting.column;
      ordered.sort((a, b) => (sorting.down ? d3.descending : d3.ascending)(value(a), value(b)));
    }
    const body = ordered.map((row) =>
      make("tr", { class: row.status === "ok" ? undefined : "bad" }, ...columns.map((column) => {
        const cell = make("td", { class: column.text ? "text" : undefined }, column.show(row));
        const more = column.more?.(row);
        if (more) cell.append(make("br"), make("small", {}, more));
        return cell;
      })));
    at("table").replaceChildren(make("thead", {}, make("tr", {}, ...heads)), make("tbody", {}, ...body));
  };

  // Pictures.
  const width = () => Math.max(320, Math.min(1100, document.querySelector("main").clientWidth));
  const series = (visible, label) => {
    const domain = [...new Set(rows.map(label))];
    return { domain, range: domain.map((_, index) => colours[index % colours.length]), legend: domain.length > 1 };
  };
  const figure = (id, description, options, facts) => {
    const place = at(id);
    if (!facts.length) {
      place.replaceChildren(make("p", {}, "Nothing to draw for these cells."));
      return;
    }
    const plot = Plot.plot({ width: width(), style: { fontSize: "13px", background: "transparent" }, ...options });
    const svg = plot.matches?.("svg") ? plot : plot.querySelector("svg:last-of-type") ?? plot;
    svg.setAttribute("role", "img");
    svg.setAttribute("aria-label", description);
    const heads = Object.keys(facts[0]);
    const list = make("table", {},
      make("thead", {}, make("tr", {}, ...heads.map((head) => make("th", { scope: "col" }, head)))),
      make("tbody", {}, ...facts.map((fact) => make("tr", {}, ...heads.map((head) => make("td", {}, text(fact[head])))))));
    place.replaceChildren(plot, make("details", {}, make("summary", {}, "As a table"), make("div", { class: "wide", tabindex: "0" }, list)));
  };

  const front = (visible) => {
    const points = visible.filter((row) => accuracy(row) !== null && row.online_s_p50 !== null);
    const label = (row) => name(row, ["link"]);
    const links = [...new Set(points.map((row) => row.link))];
    figure("front", "Accuracy against median online time, a point a cell, a panel a link", {
      height: 380, marginLeft: 55, marginRight: 60, marginBottom: 45, grid: true,
      fx: { label: null, domain: links },
      x: { label: "median online time (ms)", type: "log", inset: 12, ticks: 4, tickFormat: "~r" },
      y: { label: "accuracy (%)", nice: true },
      color: series(visible, label),
      marks: [
        Plot.line(points, {
          x: (row) => 1e3 * row.online_s_p50, y: (row) => 100 * accuracy(row), fx: "link", stroke: label, z: label,
          sort: "relus", strokeOpacity: 0.5,
        }),
        Plot.dot(points, {
          x: (row) => 1e3 * row.online_s_p50, y: (row) => 100 * accuracy(row), fx: "link", fill: label, r: 5,
          title: (row) => `${name(row)}, ${count(row.relus)} ReLUs\n${percent(accuracy(row))} %, ${seconds(row.online_s_p50)}`,
          tip: true,
        }),
        Plot.text(points, {
          x: (row) => 1e3 * row.online_s_p50, y: (row) => 100 * accuracy(row), fx: "link", text: budget, dy: -11,
          fill: "currentColor",
        }),
      ],
    }, points.map((row) => ({ cell: row.cell, ReLUs: count(row.relus), "accuracy %": percent(accuracy(row)), online: seconds(row.online_s_p50) })));
  };

  const stacked = (id, visible, parts, unit, format, description) => {
    const label = (row) => [name(row, ["link"]), budget(row)].join(" ");
    const long = visible.flatMap((row) => parts
      .filter((part) => part.of(row) !== null && part.of(row) !== undefined)
      .map((part) => ({ cell: label(row), link: row.link, part: part.name, value: part.of(row) })));
    const cells = [...new Set(long.map((bar) => bar.cell))];
    const links = [...new Set(long.map((bar) => bar.link))];
    figure(id, description, {
      height: 60 + 26 * cells.length, marginLeft: Math.min(260, 30 + 7.5 * Math.max(4, ...cells.map((cell) => cell.length))), marginRight: 20, marginBottom: 40,
      fx: { label: null, domain: links, axis: "top" },
      x: { label: unit.label, transform: (value) => value / unit.size, grid: true, ticks: 4, tickFormat: "~s" },
      y: { label: null, domain: cells },
      color: { domain: parts.map((part) => part.name), range: colours, legend: true },
      marks: [
        Plot.barX(long, { x: "value", y: "cell", fx: "link", fill: "part", title: (bar) => `${bar.cell} ${bar.part}: ${format(bar.value)}`, tip: true }),
        Plot.ruleX([0]),
      ],
    }, long.map((bar) => ({ cell: bar.cell, link: bar.link, part: bar.part, value: format(bar.value) })));
  };

  const layers = () => {
    const steps = data.steps.filter((step) => step.key === at("cell").value && step.phase !== "setup");
    const order = [...new Set(steps.map((step) => step.name))];
    const chart = (id, value, unit, format, description) => {
      const bars = steps.filter((step) => value(step) > 0);
      figure(id, description, {
        height: 60 + 22 * order.length, marginLeft: Math.min(260, 30 + 7.5 * Math.max(4, ...order.map((step) => step.length))), marginRight: 20, marginBottom: 40,
        x: { label: unit.label, transform: (number) => number / unit.size, grid: true, tickFormat: "~s" },
        y: { label: null, domain: order },
        color: { domain: ["offline", "online"], range: colours, legend: true },
        marks: [
          Plot.barX(bars, { x: value, y: "name", fill: "phase", title: (step) => `${step.name} (${step.kind}), ${step.phase}: ${format(value(step))}`, tip: true }),
          Plot.ruleX([0]),
        ],
      }, bars.map((step) => ({ layer: step.name, kind: step.kind, phase: step.phase, value: format(value(step)) })));
    };
    chart("layer-time", (step) => step.seconds, { label: "median time of the client (ms)", size: 1e-3 }, seconds, "Median time of the client by layer, offline and online");
    chart("layer-bytes", (step) => step.bytes, { label: "bytes of both directions (MB)", size: 1e6 }, bytes, "Bytes of both directions by layer, offline and online");
  };

  const curves = (visible) => {
    const label = (row) => [name(row, ["link"]), budget(row)].join(" ");
    const points = visible.flatMap((row) => {
      const times = data.online[row.key] ?? [];
      return times.map((value, index) => ({ cell: label(row), link: row.link, value, share: (100 * (index + 1)) / times.length }));
    });
    const links = [...new Set(points.map((point) => point.link))];
    const cells = [...new Set(points.map((point) => point.cell))];
    figure("curves", "Share of repeats by online time, a line a cell, a panel a link", {
      height: 340, marginLeft: 55, marginBottom: 45, grid: true,
      fx: { label: null, domain: links },
      x: { label: "online time (ms)", type: "log", ticks: 4, tickFormat: "~r" },
      y: { label: "share of repeats (%)", domain: [0, 100] },
      color: { domain: cells, range: cells.map((_, index) => colours[index % colours.length]), legend: cells.length > 1 },
      marks: [
        Plot.line(points, { x: (point) => 1e3 * point.value, y: "share", fx: "link", stroke: "cell", z: "cell", curve: "step-after", title: (point) => `${point.cell}: ${point.share.toFixed(0)} % within ${seconds(point.value)}`, tip: true }),
      ],
    }, visible.filter((row) => (data.online[row.key] ?? []).length).map((row) => {
      const times = data.online[row.key];
      const quantile = (share) => seconds(times[Math.ceil(share * times.length) - 1]);
      return { cell: label(row), link: row.link, repeats: times.length, least: seconds(times[0]), median: quantile(0.5), most: seconds(times.at(-1)) };
    }));
  };

  const setting = () => {
    const place = at("setting");
    for (const run of data.runs) {
      const list = make("dl");
      const fact = (term, value) => list.append(make("dt", {}, term), make("dd", {}, value));
      fact("run", `${run.id}, ${run.started}`);
      fact("command", run.command.join(" "));
      fact("Linnet", [run.linnet, run.revision].filter(Boolean).join(", "));
      fact("machine", `${run.machine.cpu_model}, ${run.machine.cores} cores, ${run.machine.kernel}; ${run.machine.features.join(" ")}`);
      for (const link of run.links) {
        const asked = `${link.rate_bytes_per_s === null ? "unshaped" : `${bytes(link.rate_bytes_per_s)}/s`}, RTT ${seconds(link.rtt_s)}`;
        const found = link.measured_rate_bytes_per_s === null ? "" : `; measured ${bytes(link.measured_rate_bytes_per_s)}/s, RTT ${seconds(link.measured_rtt_s)}`;
        fact(`link ${link.name}`, asked + found);
      }
      place.append(list);
    }
  };

  // The page.
  for (const row of rows) {
    if (data.steps.some((step) => step.key === row.key)) at("cell").append(make("option", { value: row.key }, `${row.run}: ${row.cell}`));
  }
  at("cell").addEventListener("change", layers);
  const draw = () => {
    const visible = shown();
    at("shown").textContent = `${visible.length} of ${rows.length} cells`;
    table(visible);
    front(visible);
    const longest = Math.max(0, ...visible.map((row) => row.offline_s_p50 + row.online_s_p50));
    stacked("time", visible, [
      { name: "offline", of: (row) => row.offline_s_p50 },
      { name: "online", of: (row) => row.online_s_p50 },
    ], longest < 2 ? { label: "median time (ms)", size: 1e-3 } : { label: "median time (s)", size: 1 }, seconds, "Median offline and online time, a bar a cell, a panel a link");
    stacked("bytes", visible, [
      { name: "offline up", of: (row) => row.offline_up_bytes },
      { name: "offline down", of: (row) => row.offline_down_bytes },
      { name: "online up", of: (row) => row.online_up_bytes },
      { name: "online down", of: (row) => row.online_down_bytes },
    ], { label: "MB", size: 1e6 }, bytes, "Bytes by phase and direction, a bar a cell, a panel a link");
    curves(visible);
  };
  setting();
  draw();
  layers();
  let resized;
  addEventListener("resize", () => {
    clearTimeout(resized);
    resized = setTimeout(() => { draw(); layers(); }, 150);
  });
  document.documentElement.dataset.ready = "yes";
})();
