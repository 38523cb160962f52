"use strict";
// Accuracy against online time, with the intervals of both, and what nothing surely beats.
const front = (() => {
  const { absent, count, percent, seconds, span, capital } = charts;
  const { called, shortBudget, series, style } = cells;

  const chart = (members, { width, domain, most, best }) => {
    const points = members.map((row) => ({
      row, series: series(row), look: style(row), x: 1e3 * row.online_s_p50, ...accuracies.place(row.accuracy), front: best.has(row), label: shortBudget(row),
      title: `${called(row)}, ${count(row.relus)} ReLUs\n${accuracies.told(row)}\n${
        seconds(row.online_s_p50)} online${absent(row.online_s_p50_low) ? "" : ` (${span(row.online_s_p50_low, row.online_s_p50_high)})`}, n ${count(row.n)}`,
    }));
    const timed = points.filter(({ row }) => !absent(row.online_s_p50_low) && !absent(row.online_s_p50_high));
    const ends = points.flatMap(({ x, row }) => [x, 1e3 * (row.online_s_p50_low ?? row.online_s_p50), 1e3 * (row.online_s_p50_high ?? row.online_s_p50)]);
    const [first, last] = d3.extent(ends);
    const type = last / first > 8 ? "log" : "linear";
    const range = type === "log" ? [first / 1.15, last * 1.15] : axes.padded(ends, [0, Infinity]);
    const [marginLeft, marginRight] = [44, 16];
    const ringed = d3.sort(points.filter((point) => point.front), ({ x }) => x);
    const stairs = ringed.filter(({ y }, i) => ringed.slice(0, i).every((before) => before.y < y));
    const { lines, intervals, dots } = accuracies.marks(points, most);
    return {
      width, height: Math.max(340, Math.min(520, 0.85 * width)), marginLeft, marginRight, marginTop: 28, marginBottom: 44, grid: true,
      x: { label: "median online time (ms)", ...axes.fitted(range, width - marginLeft - marginRight, { type }) },
      y: { label: accuracies.axis(members), domain, ticks: 8 },
      marks: [
        charts.front(ringed, stairs), ...lines, ...intervals,
        Plot.ruleY(timed, {
          y: "y", x1: ({ row }) => 1e3 * row.online_s_p50_low, x2: ({ row }) => 1e3 * row.online_s_p50_high, stroke: ({ look }) => look.colour,
        }),
        ...dots, charts.labels(points), charts.tip(points, width),
      ],
    };
  };

  /** What is best at the ends, in words. */
  const words = (of, best) => {
    const told = (row) => `${called(row)} with ${percent(row.accuracy.share)}\u00a0% in ${seconds(row.online_s_p50)}`;
    if (of.length === 1) return told(of[0]);
    const kept = of.filter((row) => best.has(row)).length;
    const ends = `most accurate is ${told(d3.greatest(of, (row) => row.accuracy.share))}, fastest ${told(d3.least(of, (row) => row.online_s_p50))}`;
    return `${ends}${kept ? `; ${kept} of ${of.length} are surely beaten by none` : ""}`;
  };

  return (visible) => {
    const members = visible.filter((row) => row.accuracy && !absent(row.online_s_p50));
    const [most, fewer] = [accuracies.most(members), accuracies.fewer(members)];
    const best = cells.front(visible, "latency");
    const domain = axes.padded(members.flatMap(({ accuracy: { low, high } }) => [100 * low, 100 * high]), [0, 100]);
    const [first] = members;
    const entries = [
      ...pictures.marks(members, charts.point),
      ...(best.size ? [{ name: "surely beaten by none", mark: charts.ring() }] : []),
      ...(fewer.length ? [{ name: `hollow: ${accuracies.said(fewer)}`, mark: charts.hollow(style(fewer[0])) }] : []),
    ];
    figure("front", {
      name: "Accuracy against median online time", least: 420, entries,
      panels: pictures.panels(members, (width, some) => chart(some, { width, domain, most, best })),
      says: first && `${capital(accuracies.said(members))}. ${pictures.sentence(members, (of) => words(of, best))}`,
      facts: members.map((row) => ({
        cell: called(row), link: row.link, ReLUs: count(row.relus), accuracy: row.accuracy.of, "%": percent(row.accuracy.share),
        "95 %": accuracies.interval(row.accuracy), images: count(row.accuracy.images), online: seconds(row.online_s_p50), front: best.has(row) ? "yes" : "",
      })),
      raw: members.map((row) => ({
        ...cells.raw(row, "online_s_p50", "online_s_p50_low", "online_s_p50_high"), accuracy_of: row.accuracy.of, accuracy: row.accuracy.share,
        accuracy_low: row.accuracy.low, accuracy_high: row.accuracy.high, images: row.accuracy.images, front: best.has(row),
      })),
    });
  };
})();
