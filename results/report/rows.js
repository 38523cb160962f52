"use strict";
// What was measured, and what it is called.
const cells = (() => {
  const { at, absent, count, short } = charts;
  const data = JSON.parse(at("data").textContent);
  const dimensions = ["run", "model", "method", "relu", "he", "ot", "threads", "store", "link", "scenario", "rate"];
  const rows = data.rows;
  for (const row of rows) {
    row.key = `${row.run}/${row.cell}`;
    row.rate = absent(row.rate_per_s) ? null : `${row.rate_per_s}/s`;
    // Tables write seconds as decimal text.
    for (const part of [row, row.pooled ?? {}]) {
      for (const [name, value] of Object.entries(part)) if (/_s(_|$)/.test(name) && typeof value === "string") part[name] = Number(value);
    }
    row.total_s = absent(row.offline_s_p50) || absent(row.online_s_p50) ? null : row.offline_s_p50 + row.online_s_p50;
    row.total_bytes = absent(row.offline_bytes) || absent(row.online_bytes) ? null : row.offline_bytes + row.online_bytes;
  }
  const unique = (values) => [...new Set(values)];
  const varying = dimensions.filter((name) => unique(rows.map((row) => row[name] ?? null)).length > 1);
  /** A value among others of its kind, some of which may be missing. */
  const known = (value) => (absent(value) ? "not stated" : String(value));
  const budget = (row) => (absent(row.budget) ? "all" : count(row.budget));
  const shortBudget = (row) => (absent(row.budget) ? "all" : short(row.budget));
  const named = (row, parts) => parts.map((part) => row[part]).filter((value) => !absent(value)).join(" ");
  /** What cells that differ in more than budget and link have in common. */
  const series = (row) => named(row, varying.filter((part) => part !== "link")) || row.method;
  const called = (row) => `${series(row)} ${budget(row)}`;
  const all = unique(rows.map(series));
  const style = (row) => charts.look(row.look);
  /** What networks that differ in the budget alone have in common: nothing of how they were run. */
  const family = (row) => named(row, varying.filter((part) => ["run", "model", "method"].includes(part))) || row.method;
  /** An accuracy of random weights says nothing. */
  const trained = (row) => row.method !== "random-init";
  const links = (visible) => unique(visible.map((row) => row.link));
  /** Cells that are compared with each other: of one model over one link. */
  const blocks = (visible) => d3.groups(visible, (row) => row.model, (row) => row.link).flatMap(([model, parts]) =>
    parts.map(([link, members]) => ({ model, link, members })));

  /** Of `visible`, those that no other of them surely beats in accuracy and `cost`, which is `latency` or `bytes`. */
  const front = (visible, cost) => {
    const there = new Set(visible.map((row) => row.index));
    const priced = (row) => row.accuracy && !absent(cost === "bytes" ? row.total_bytes : row.online_s_p50);
    return new Set(blocks(visible).filter(({ members }) => members.length > 1).flatMap(({ members }) =>
      members.filter((row) => priced(row) && !row.beaten[cost].some((other) => there.has(other)))));
  };
  rows.forEach((row, index) => { row.index = index; });

  /** What tells a row from others, for other programs, and `more` of its columns. */
  const raw = (row, ...more) => Object.fromEntries(
    ["run", "cell", "model", "method", "budget", "relus", "relu", "he", "ot", "threads", "store", "link", "n", ...more].map((name) => [name, row[name]]));

  return { data, rows, varying, unique, known, budget, shortBudget, named, series, called, family, trained, all, style, links, blocks, front, raw };
})();
