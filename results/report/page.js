"use strict";
(() => {
  const { at, make, absent, text, seconds, bytes, count, short, percent, orDash, span, look } = charts;
  const data = JSON.parse(at("data").textContent);

  // Rows.
  const dimensions = ["run", "model", "method", "relu", "he", "threads", "store", "link", "scenario", "rate"];
  const rows = data.rows;
  for (const row of rows) {
    row.key = `${row.run}/${row.cell}`;
    row.rate = absent(row.rate_per_s) ? null : `${row.rate_per_s}/s`;
    // Tables write seconds as decimal text.
    for (const part of [row, row.pooled ?? {}]) {
      for (const [name, value] of Object.entries(part)) if (/_s(_|$)/.test(name) && typeof value === "string") part[name] = Number(value);
    }
  }
  const varying = dimensions.filter((name) => new Set(rows.map((row) => text(row[name]))).size > 1);
  const accuracy = (row) => row.acc_fixed_test ?? row.acc_secure;
  const budget = (row) => (row.budget === null ? "all" : count(row.budget));
  const shortBudget = (row) => (row.budget === null ? "all" : short(row.budget));
  /** What cells that differ in more than budget and link have in common. */
  const series = (row) => varying.filter((part) => part !== "link").map((part) => text(row[part])).join(" ") || row.model;
  const called = (row) => `${series(row)} ${budget(row)}`;
  const unique = (values) => [...new Set(values)];
  const all = unique(rows.map(series));
  const style = (row) => look(all.indexOf(series(row)));
  const linkOf = (row) => row.link;

  // Heading.
  at("title").textContent = data.runs.map((run) => run.id).join(", ");
  at("question").textContent = unique(data.runs.map((run) => run.question).filter(Boolean)).join(" ");

  // Filters: one set of boxes for every dimension in which the cells differ.
  const chosen = {};
  for (const dimension of [...varying, "budget"]) {
    const value = dimension === "budget" ? budget : (row) => text(row[dimension]);
    const values = unique(rows.map(value));
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
    at("choices").append(set);
  }
  at("filters").addEventListener("submit", (event) => event.preventDefault());
  at("all").addEventListener("click", () => {
    Object.values(chosen).forEach(({ off }) => off.clear());
    at("choices").querySelectorAll("input").forEach((box) => { box.checked = true; });
    draw();
  });
  const shown = () =>
    rows.filter((row) => Object.values(chosen).every(({ value, off }) => !off.has(value(row))));

  // Table.
  const whole = rows.every((row) => row.status === "ok");
  const columns = [
    ...varying.map((part) => ({ title: part, text: true, value: (row) => row[part], show: (row) => text(row[part]) })),
    { title: "budget", value: (row) => row.budget ?? Infinity, show: budget },
    { title: "ReLUs", value: (row) => row.relus, show: (row) => count(row.relus) },
    { title: "n", value: (row) => row.n, show: (row) => count(row.n) },
    {
      title: "test accuracy %", value: (row) => row.acc_fixed_test, show: (row) => orDash(row.acc_fixed_test, percent),
      more: (row) => between(row.acc_fixed_test_low, row.acc_fixed_test_high),
    },
    {
      title: "secure accuracy %", value: (row) => row.acc_secure, show: (row) => orDash(row.acc_secure, percent),
      more: (row) => between(row.acc_secure_low, row.acc_secure_high),
    },
    {
      title: "offline", value: (row) => row.offline_s_p50, show: (row) => orDash(row.offline_s_p50, seconds),
      more: (row) => span(row.offline_s_p50_low, row.offline_s_p50_high),
    },
    {
      title: "online", value: (row) => row.online_s_p50, show: (row) => orDash(row.online_s_p50, seconds),
      more: (row) => span(row.online_s_p50_low, row.online_s_p50_high),
    },
    { title: "offline bytes", value: (row) => row.offline_bytes, show: (row) => orDash(row.offline_bytes, bytes) },
    { title: "online bytes", value: (row) => row.online_bytes, show: (row) => orDash(row.online_bytes, bytes) },
    { title: "rounds", value: (row) => row.online_rounds, show: (row) => orDash(row.online_rounds, count) },
    ...(whole ? [] : [{ title: "status", text: true, why: true, value: (row) => row.status, show: (row) => [row.status, row.error].filter(Boolean).join(": ") }]),
  ];
  const between = (low, high) => (absent(low) || absent(high) ? "" : `${percent(low)} to ${percent(high)}`);
  const sorting = { column: null, down: false };
  const heading = (column) => {
    const sorted = sorting.column === column;
    const button = make("button", { type: "button" }, column.title);
    button.addEventListener("click", () => {
      sorting.down = sorted ? !sorting.down : false;
      sorting.column = column;
      table(shown());
      [...at("table").querySelectorAll("th button")].find((other) => other.textContent === column.title)?.focus();
    });
    const order = sorted ? (sorting.down ? "descending" : "ascending") : "none";
    return make("th", { scope: "col", "aria-sort": order, class: column.text ? "text" : undefined }, button);
  };
  const line = (row) =>
    make("tr", { class: row.status === "ok" ? undefined : "bad" }, ...columns.map((column, i) => {
      const look = [column.text && "text", column.why && "why"].filter(Boolean).join(" ") || undefined;
      const cell = make(i === 0 ? "th" : "td", { class: look, scope: i === 0 ? "row" : undefined }, column.show(row));
      const more = column.more?.(row);
      if (more) cell.append(make("small", {}, more));
      return cell;
    }));
  const table = (visible) => {
    const ordered = [...visible];
    if (sorting.column) {
      const { value } = sorting.column;
      ordered.sort((a, b) => (sorting.down ? d3.descending : d3.ascending)(value(a), value(b)));
    }
    at("table").replaceChildren(
      make("caption", { class: "unseen" }, "Accuracy, time and bytes of every cell that is shown"),
      make("thead", {}, make("tr", {}, ...columns.map(heading))),
      make("tbody", {}, ...ordered.map(line)));
  };

  // Pictures: a panel a link.
  const marks = (visible, draw) => all.filter((name) => visible.some((row) => series(row) === name))
    .map((name) => ({ name, mark: draw(look(all.indexOf(name))) }));
  const panels = (visible, options) => {
    const links = unique(visible.map(linkOf));
    return links.map((link) => ({ title: links.length > 1 ? link : "", options: (width) => options(width, visible.filter((row) => row.link === link)) }));
  };
  const sentence = (visible, say) =>
    unique(visible.map(linkOf)).map((link) => `${link}: ${say(visible.filter((row) => row.link === link))}.`).join(" ");
  /** Milliseconds below two seconds. */
  const clock = (longest, of) => (longest < 2 ? { label: `${of} (ms)`, size: 1e-3, format: seconds } : { label: `${of} (s)`, size: 1, format: seconds });

  const front = (visible) => {
    const cells = visible.filter((row) => !absent(accuracy(row)) && !absent(row.online_s_p50));
    const [low, high] = d3.extent(cells, accuracy);
    const options = (width, members) => {
      const points = members.map((row) => ({
        row, x: 1e3 * row.online_s_p50, y: 100 * accuracy(row), label: shortBudget(row),
        title: `${called(row)}, ${count(row.relus)} ReLUs\n${percent(accuracy(row))} %, ${seconds(row.online_s_p50)}`,
      }));
      const [first, last] = d3.extent(points, ({ x }) => x);
      const lines = d3.groups(points, ({ row }) => series(row)).flatMap(([, part]) => {
        const { colour, dash, shape } = style(part[0].row);
        return [
          Plot.line(part, { x: "x", y: "y", stroke: colour, strokeDasharray: dash, strokeWidth: 1.5, sort: ({ row }) => row.relus }),
          Plot.dot(part, { x: "x", y: "y", fill: colour, symbol: shape, r: 5 }),
        ];
      });
      return {
        width, height: Math.max(320, Math.min(460, 0.8 * width)), marginLeft: 44, marginRight: 16, marginTop: 28, marginBottom: 44, grid: true,
        x: { label: "median online time (ms)", type: last / first > 8 ? "log" : "linear", inset: 24, ticks: Math.max(3, width / 90), tickFormat: "~f" },
        y: { label: "accuracy (%)", domain: [100 * low, 100 * high], inset: 16 },
        marks: [...lines, charts.labels(points), Plot.tip(points, Plot.pointer({ x: "x", y: "y", title: "title" }))],
      };
    };
    const told = (row) => `${called(row)} with ${percent(accuracy(row))}\u00a0% in ${seconds(row.online_s_p50)}`;
    charts.figure("front", {
      name: "Accuracy against median online time", panels: panels(cells, options), least: 420,
      entries: marks(cells, charts.point),
      says: sentence(cells, (of) => `most accurate is ${told(d3.greatest(of, accuracy))}, fastest ${told(d3.least(of, (row) => row.online_s_p50))}`),
      facts: cells.map((row) => ({
        cell: called(row), link: row.link, ReLUs: count(row.relus), "accuracy %": percent(accuracy(row)), online: seconds(row.online_s_p50),
      })),
    });
  };

  const groups = (visible) =>
    d3.groups(visible, series).map(([title, members]) => ({ title: all.length > 1 ? title : "", bars: members.map((row) => ({ label: shortBudget(row), row })) }));
  const legendOf = (parts) => parts.map(({ name, colour }) => ({ name, mark: charts.block(colour) }));
  const extremes = (of, [offline, online], format) => {
    const told = (row) => `${called(row)} with ${format(offline(row))} offline and ${format(online(row))} online`;
    const total = (row) => offline(row) + online(row);
    return `least is ${told(d3.least(of, total))}, most ${told(d3.greatest(of, total))}`;
  };

  const time = (visible) => {
    const cells = visible.filter((row) => !absent(row.offline_s_p50) && !absent(row.online_s_p50));
    const parts = [
      { name: "offline", colour: "var(--offline)", of: (row) => row.offline_s_p50 },
      { name: "online", colour: "var(--online)", of: (row) => row.online_s_p50 },
    ];
    const longest = (members) => d3.max(members, (row) => row.offline_s_p50 + row.online_s_p50);
    charts.figure("time", {
      name: "Median offline and online time of one inference", least: 320, entries: legendOf(parts),
      panels: panels(cells, (width, members) => charts.bars(width, groups(members), parts, clock(longest(members), "median time"))),
      says: sentence(cells, (of) => extremes(of, parts.map((part) => part.of), seconds)),
      facts: cells.map((row) => ({ cell: called(row), link: row.link, offline: seconds(row.offline_s_p50), online: seconds(row.online_s_p50) })),
    });
  };

  const directions = [
    { name: "offline up", colour: "var(--offline-up)", of: (row) => row.offline_up_bytes },
    { name: "offline down", colour: "var(--offline-down)", of: (row) => row.offline_down_bytes },
    { name: "online up", colour: "var(--online-up)", of: (row) => row.online_up_bytes },
    { name: "online down", colour: "var(--online-down)", of: (row) => row.online_down_bytes },
  ];
  const traffic = (visible) => {
    const cells = visible.filter((row) => !absent(row.offline_bytes) && !absent(row.online_bytes));
    // Bytes belong to the plan: where they are the same over every link, they are drawn once.
    const links = unique(cells.map(linkOf));
    const alike = d3.groups(cells, called).every(([, same]) => same.every((row) => directions.every(({ of }) => of(row) === of(same[0]))));
    const once = alike ? d3.groups(cells, called).map(([, same]) => same[0]) : cells;
    const words = (of) => extremes(of, [(row) => row.offline_bytes, (row) => row.online_bytes], bytes);
    const options = (width, members) => charts.bars(width, groups(members), directions, { label: "bytes (MB)", size: 1e6, format: bytes });
    charts.figure("bytes", {
      name: "Bytes of one inference by phase and direction", least: 320, entries: legendOf(directions),
      panels: alike ? [{ title: "", options: (width) => options(width, once) }] : panels(once, options),
      says: alike ? `The same over ${links.join(" and ")}: ${once.length ? words(once) : ""}.` : sentence(once, words),
      facts: once.map((row) => ({
        cell: called(row), ...(alike ? {} : { link: row.link }), ...Object.fromEntries(directions.map(({ name, of }) => [name, bytes(of(row))])),
      })),
    });
  };

  const layers = () => {
    const steps = d3.groups(data.layers[at("cell").value] ?? [], ([, step]) => step).map(([step, parts]) => {
      const of = (phase, index) => parts.find((part) => part[0] === phase)?.[index];
      return {
        step, name: parts[0][2], kind: parts[0][3], offline: of("offline", 4), online: of("online", 4), offline_up_bytes: of("offline", 5),
        offline_down_bytes: of("offline", 6), online_up_bytes: of("online", 5), online_down_bytes: of("online", 6),
      };
    });
    steps.sort((a, b) => a.step - b.step);
    const bars = [{ title: "", bars: steps.map((row) => ({ label: row.name, row })) }];
    const chart = (id, name, parts, scale) => {
      const total = (row) => d3.sum(parts, ({ of }) => of(row));
      const most = d3.greatest(steps, total);
      charts.figure(id, {
        title: name, name: `${name} of ${at("cell").selectedOptions[0]?.textContent}`, least: 320, entries: legendOf(parts),
        panels: [{ title: "", options: (width) => charts.bars(width, bars, parts, scale) }],
        says: most ? `${steps.length} steps; most takes ${most.name} (${most.kind}): ${parts.map(({ name, of }) => `${scale.format(of(most) ?? 0)} ${name}`).join(", ")}.` : "",
        facts: steps.map((row) => ({ layer: row.name, kind: row.kind, ...Object.fromEntries(parts.map(({ name, of }) => [name, orDash(of(row), scale.format)])) })),
      });
    };
    const parts = [
      { name: "offline", colour: "var(--offline)", of: (row) => row.offline },
      { name: "online", colour: "var(--online)", of: (row) => row.online },
    ];
    chart("layer-time", "Median time by layer", parts, clock(d3.max(steps, (row) => d3.sum(parts, ({ of }) => of(row))), "median time"));
    chart("layer-bytes", "Bytes by layer", directions, { label: "bytes (MB)", size: 1e6, format: bytes });
  };

  const curves = (visible) => {
    const cells = visible.filter((row) => (data.online[row.key] ?? []).length);
    const links = unique(cells.map(linkOf));
    const inOrder = d3.sort(cells, (row) => links.indexOf(row.link));
    const parts = d3.groups(inOrder, (row) => `${row.link}, ${row.budget === null ? "every ReLU" : `${budget(row)} ReLUs`}`);
    const options = (members) => (width) => ({
      width, height: 200, marginLeft: 40, marginRight: 16, marginTop: 24, marginBottom: 40, grid: true,
      x: { label: "online time (ms)", ticks: width < 300 ? 3 : 5, nice: true, tickFormat: "~f" },
      y: { label: "share of repeats (%)", domain: [0, 100], ticks: 5 },
      marks: members.flatMap((row) => {
        const times = data.online[row.key];
        const points = [{ x: 1e3 * times[0], y: 0 }, ...times.map((value, i) => ({ x: 1e3 * value, y: (100 * (i + 1)) / times.length }))];
        const { colour, dash } = style(row);
        return [
          Plot.line(points, { x: "x", y: "y", stroke: colour, strokeDasharray: dash, strokeWidth: 2, curve: "step-after" }),
          Plot.tip(points, Plot.pointer({ x: "x", y: "y", title: (point) => `${called(row)}\n${point.y.toFixed(0)} % within ${seconds(point.x / 1e3)}`, maxRadius: 12 })),
        ];
      }),
    });
    const most = (row) => data.online[row.key].at(-1);
    charts.figure("curves", {
      name: "Share of repeats by online time", least: 215, entries: marks(cells, charts.dash),
      panels: parts.map(([title, members]) => ({ title, options: options(members) })),
      says: sentence(cells, (of) => {
        const slowest = d3.greatest(of, most);
        const [low, high] = d3.extent(of, (row) => row.online_s_p50);
        return `medians from ${seconds(low)} to ${seconds(high)}; the slowest repeat of all took ${seconds(most(slowest))} (${called(slowest)})`;
      }),
      facts: cells.map((row) => {
        const times = data.online[row.key];
        const quantile = (share) => seconds(times[Math.ceil(share * times.length) - 1]);
        return {
          cell: called(row), link: row.link, repeats: times.length, least: seconds(times[0]), "25 %": quantile(0.25), median: quantile(0.5),
          "75 %": quantile(0.75), most: seconds(most(row)),
        };
      }),
    });
  };

  // Queries from a pool: a panel for cells that differ in the rate alone, then one a cell.
  const responses = (visible) => {
    const cells = d3.sort(visible.filter((row) => !absent(row.pooled?.response_s_p50)), (row) => row.rate_per_s);
    const parts = [
      ["service, median", "service_s_p50"], ["response, median", "response_s_p50"],
      ["response, 90th percentile", "response_s_p90"], ["response, longest", "response_s_max"],
    ].map(([name, column], i) => ({ name, of: (row) => row.pooled[column], look: look(i) }));
    const without = (row) => {
      const parts = unique(["model", ...varying.filter((part) => part !== "rate"), "link"]).map((part) => text(row[part]));
      return [...parts, row.budget === null ? "every ReLU" : `${budget(row)} ReLUs`].join(", ");
    };
    const panels = d3.groups(cells, without).map(([title, members]) => ({
      title,
      options: (width) => ({
        width, height: 300, marginLeft: 52, marginRight: 20, marginTop: 28, marginBottom: 44, grid: true,
        x: { label: "queries due in a second", type: "log", inset: 24, ticks: members.map((row) => row.rate_per_s), tickFormat: "~f" },
        y: { label: "time (ms)", type: "log", inset: 12, ticks: 4, tickFormat: "~f" },
        marks: parts.flatMap(({ name, of, look: { colour, dash, shape } }) => {
          const points = members.filter((row) => !absent(of(row))).map((row) => ({
            x: row.rate_per_s, y: 1e3 * of(row), title: `${name}\n${seconds(of(row))} at ${row.rate}`,
          }));
          return [
            Plot.line(points, { x: "x", y: "y", stroke: colour, strokeDasharray: dash, strokeWidth: 1.5 }),
            Plot.dot(points, { x: "x", y: "y", fill: colour, symbol: shape, r: 5 }),
            Plot.tip(points, Plot.pointer({ x: "x", y: "y", title: "title", maxRadius: 12 })),
          ];
        }),
      }),
    }));
    const of = (row, column) => orDash(row.pooled[column], seconds);
    charts.figure("responses", {
      title: "Response and service time", name: "Response and service time by the rate of queries", panels, least: 420,
      entries: parts.map((part) => ({ name: part.name, mark: charts.point(part.look) })),
      says: cells.map((row) => `${without(row)} at ${row.rate}: median response ${of(row, "response_s_p50")}, service ${of(row, "service_s_p50")}`).join("; ") + ".",
      facts: cells.map((row) => ({
        cell: without(row), rate: row.rate, queries: count(row.pooled.n), "median service": of(row, "service_s_p50"),
        "median queue": of(row, "queue_s_p50"), "median response": of(row, "response_s_p50"), "90 %": of(row, "response_s_p90"),
        "99 %": of(row, "response_s_p99"), longest: of(row, "response_s_max"),
      })),
    });
  };

  const pools = (visible) => {
    const cells = visible.filter((row) => row.pooled);
    const { colour } = look(0);
    const panels = cells.map((row) => ({
      title: row.cell,
      options: (width) => {
        const { points, dry } = data.pools[row.key];
        return {
          width, height: 180, marginLeft: 40, marginRight: 16, marginTop: 24, marginBottom: 40, grid: true,
          x: { label: "time (s)", ticks: width < 300 ? 3 : 6 },
          y: { label: "preprocessed inferences", domain: [0, Math.max(row.pooled.pool, d3.max(points, ([, level]) => level))], ticks: 4, tickFormat: "d" },
          marks: [
            Plot.line(points, { x: "0", y: "1", stroke: colour, strokeWidth: 1.5 }),
            Plot.dot(dry, { x: (at) => at, y: 0, r: 4, fill: "var(--online)" }),
            Plot.ruleY([0]),
          ],
        };
      },
    }));
    charts.figure("pools", {
      title: "Preprocessed inferences in the pool", name: "Preprocessed inferences in the pool over time", panels, least: 320,
      entries: [
        { name: "in the pool", mark: charts.dash(look(0)) },
        { name: "a query that found none, and waited", mark: charts.point({ ...look(0), colour: "var(--online)", dash: "0 99" }) },
      ],
      says: cells.map(({ cell, pooled }) => `${cell}: ${count(pooled.dry)} of ${count(pooled.n)} queries found none${
        absent(pooled.exhausted_s) ? "" : `, the first after ${seconds(pooled.exhausted_s)}`}`).join("; ") + ".",
      facts: cells.map(({ cell, pooled }) => ({
        cell, "filled to": count(pooled.pool), refillers: count(pooled.refillers), lowest: orDash(pooled.pool_level_min, count),
        "made/s": orDash(pooled.made_per_s, (rate) => rate.toFixed(2)), "served/s": orDash(pooled.served_per_s, (rate) => rate.toFixed(2)),
        queries: count(pooled.n), "found none": count(pooled.dry), "empty after": orDash(pooled.exhausted_s, seconds),
      })),
    });
  };

  const setting = () => {
    for (const run of data.runs) {
      const list = make("dl");
      const fact = (term, ...value) => list.append(make("dt", {}, term), make("dd", {}, ...value));
      fact("run", `${run.id}, ${run.started}`);
      fact("command", make("code", {}, run.command.join(" ")));
      fact("Linnet", [run.linnet, run.revision].filter(Boolean).join(", "));
      fact("machine", `${run.machine.cpu_model}, ${run.machine.cores} cores, ${run.machine.kernel}; ${run.machine.features.join(" ")}`);
      for (const link of run.links) {
        const asked = run.server ? "not emulated" : `${link.rate_bytes_per_s === null ? "unshaped" : `${bytes(link.rate_bytes_per_s)}/s`}, RTT ${seconds(link.rtt_s)}`;
        const found = link.measured_rate_bytes_per_s === null ? "" : `; measured ${bytes(link.measured_rate_bytes_per_s)}/s, RTT ${seconds(link.measured_rtt_s)}`;
        fact(`link ${link.name}`, asked + found);
      }
      if (run.server) {
        const { machine, address, linnet, revision } = run.server;
        fact("server", `${address}: ${machine.cpu_model}, ${machine.cores} cores, ${machine.kernel}; Linnet ${[linnet, revision].filter(Boolean).join(", ")}`);
      }
      at("machines").append(list);
    }
    const [between, here] = [data.runs.filter((run) => run.server), data.runs.filter((run) => !run.server)];
    const named = (runs) => (between.length && here.length ? `${runs.map((run) => run.id).join(", ")}: ` : "");
    const [counted, verified] = [d3.sum(rows, (row) => row.n), d3.sum(rows, (row) => row.verified)];
    at("where").textContent = [
      here.length && `${named(here)}both parties ran on the machine named above; the links are emulated, and were measured before the run.`,
      between.length && `${named(between)}the parties ran on two hosts, each by its own clock, over the network between them.`,
      verified === counted
        ? "Every inference that counts was compared bit for bit with a replay in the clear."
        : `Of the ${count(counted)} inferences that count, ${count(verified)} were compared bit for bit with a replay in the clear.`,
    ].filter(Boolean).map((say) => say[0].toUpperCase() + say.slice(1)).join(" ");
  };

  // The page.
  for (const row of rows) {
    if (data.layers[row.key]) at("cell").append(make("option", { value: row.key }, data.runs.length > 1 ? row.key : row.cell));
  }
  at("cell").addEventListener("change", layers);
  const pooled = rows.some((row) => row.pooled);
  at("queries").hidden = !pooled;
  document.querySelector("nav a[href='#queries']").parentElement.hidden = !pooled;
  const drawn = [front, time, traffic, curves, ...(pooled ? [responses, pools] : [])];
  const pictures = (visible) => drawn.forEach((picture) => picture(visible));
  const draw = () => {
    const visible = shown();
    at("shown").textContent = `${visible.length} of ${rows.length} cells`;
    table(visible);
    pictures(visible);
  };
  setting();
  published(data.references);
  draw();
  layers();
  let [resized, width] = [0, innerWidth];
  addEventListener("resize", () => {
    clearTimeout(resized);
    resized = setTimeout(() => {
      // A phone's browser resizes upright whenever its bars come and go.
      if (innerWidth === width) return;
      width = innerWidth;
      pictures(shown());
      layers();
    }, 150);
  });
  document.documentElement.dataset.ready = "yes";
})();
