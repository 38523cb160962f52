"use strict";
// Queries from a pool: a panel for cells that differ in the rate alone, then one a cell.
const queries = (() => {
  const { absent, seconds, count, orDash } = charts;
  const { data, unique, varying, budget } = cells;
  const responses = (visible) => {
    const members = d3.sort(visible.filter((row) => !absent(row.pooled?.response_s_p50)), (row) => row.rate_per_s);
    const parts = [
      ["service, median", "service_s_p50"], ["response, median", "response_s_p50"],
      ["response, 90th percentile", "response_s_p90"], ["response, longest", "response_s_max"],
    ].map(([name, column], i) => ({ name, of: (row) => row.pooled[column], look: charts.line(i) }));
    const without = (row) => {
      const parts = unique(["model", ...varying.filter((part) => part !== "rate"), "link"]).map((part) => row[part]).filter((value) => !absent(value));
      return [...parts, absent(row.budget) ? "every ReLU" : `${budget(row)} ReLUs`].join(", ");
    };
    const rates = (members, room) => {
      const values = members.map((row) => row.rate_per_s);
      return axes.chosen(values, [d3.min(values) / 1.3, d3.max(values) * 1.3], room, "log");
    };
    const panels = d3.groups(members, without).map(([title, some]) => ({
      title,
      options: (width) => ({
        width, height: 300, marginLeft: 52, marginRight: 20, marginTop: 28, marginBottom: 44, grid: true,
        x: { label: "queries due in a second", ...rates(some, width - 72) },
        y: { label: "time (ms)", type: "log", inset: 12, ticks: 4, tickFormat: "~f" },
        marks: parts.flatMap(({ name, of, look: { colour, dash, shape } }) => {
          const points = some.filter((row) => !absent(of(row))).map((row) => ({
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
    figure("responses", {
      title: "Response and service time", name: "Response and service time by the rate of queries", panels, least: 420,
      entries: parts.map((part) => ({ name: part.name, mark: charts.point(part.look) })),
      says: members.map((row) => `${without(row)} at ${row.rate}: median response ${of(row, "response_s_p50")}, service ${of(row, "service_s_p50")}`).join("; ") + ".",
      facts: members.map((row) => ({
        cell: without(row), rate: row.rate, queries: count(row.pooled.n), "median service": of(row, "service_s_p50"),
        "median queue": of(row, "queue_s_p50"), "median response": of(row, "response_s_p50"), "90 %": of(row, "response_s_p90"),
        "99 %": of(row, "response_s_p99"), longest: of(row, "response_s_max"),
      })),
      raw: members.map((row) => ({ ...cells.raw(row, "rate_per_s"), ...row.pooled })),
    });
  };

  const pools = (visible) => {
    const members = visible.filter((row) => row.pooled);
    const { colour } = charts.line(0);
    const panels = members.map((row) => ({
      title: row.cell,
      options: (width) => {
        const { points, dry } = data.pools[row.key];
        return {
          width, height: 180, marginLeft: 40, marginRight: 16, marginTop: 24, marginBottom: 40, grid: true,
          x: { label: "time (s)", ...axes.fitted([0, d3.max(points, ([at]) => at) || 1], width - 56, { most: 6 }) },
          y: { label: "preprocessed inferences", domain: [0, Math.max(row.pooled.pool, d3.max(points, ([, level]) => level))], ticks: 4, tickFormat: "d" },
          marks: [
            Plot.line(points, { x: "0", y: "1", stroke: colour, strokeWidth: 1.5 }),
            Plot.dot(dry, { x: (at) => at, y: 0, r: 4, fill: "var(--online)" }),
            Plot.ruleY([0]),
          ],
        };
      },
    }));
    figure("pools", {
      title: "Preprocessed inferences in the pool", name: "Preprocessed inferences in the pool over time", panels, least: 320,
      entries: [
        { name: "in the pool", mark: charts.dash(charts.line(0)) },
        { name: "a query that found none, and waited", mark: charts.point({ ...charts.line(0), colour: "var(--online)", dash: "0 99" }) },
      ],
      says: members.map(({ cell, pooled }) => `${cell}: ${count(pooled.dry)} of ${count(pooled.n)} queries found none${
        absent(pooled.exhausted_s) ? "" : `, the first after ${seconds(pooled.exhausted_s)}`}`).join("; ") + ".",
      facts: members.map(({ cell, pooled }) => ({
        cell, "filled to": count(pooled.pool), refillers: count(pooled.refillers), lowest: orDash(pooled.pool_level_min, count),
        "made/s": orDash(pooled.made_per_s, (rate) => rate.toFixed(2)), "served/s": orDash(pooled.served_per_s, (rate) => rate.toFixed(2)),
        queries: count(pooled.n), "found none": count(pooled.dry), "empty after": orDash(pooled.exhausted_s, seconds),
      })),
      raw: members.flatMap((row) => data.pools[row.key].points.map(([time_s, level]) => ({ ...cells.raw(row, "rate_per_s"), time_s, level }))),
    });
  };

  return { responses, pools };
})();
