"use strict";
// Accuracy against online time, with the intervals of both, and what nothing surely beats.
const front = (() => {
  const { absent, count, percent, seconds, span, capital } = charts;
  const { unique, called, shortBudget, series, style } = cells;
  const kinds = { test: "in the clear", secure: "by the protocol" };
  const images = (members) => {
    const counts = unique(members.map((row) => count(row.accuracy.images)));
    return `${counts.length > 2 ? `${counts[0]} to ${counts.at(-1)}` : counts.join(" or ")} images`;
  };
  /** Which accuracy, and of how many images. */
  const said = (members) => d3.groups(d3.sort(members, (row) => row.accuracy.images), (row) => row.accuracy.of)
    .map(([of, some]) => `${of} accuracy, ${kinds[of]}, on ${images(some)}`).join("; ");
  const interval = ({ low, high }) => `${percent(low)} to ${percent(high)}`;

  const chart = (members, { width, domain, most, best }) => {
    const points = members.map((row) => {
      const { share, low, high, of, images } = row.accuracy;
      return {
        row, x: 1e3 * row.online_s_p50, y: 100 * share, low: 100 * low, high: 100 * high, front: best.has(row), label: shortBudget(row),
        title: `${called(row)}, ${count(row.relus)} ReLUs\n${percent(share)} % ${of} accuracy (${interval(row.accuracy)}; ${count(images)} images)\n${
          seconds(row.online_s_p50)} online${absent(row.online_s_p50_low) ? "" : ` (${span(row.online_s_p50_low, row.online_s_p50_high)})`}, n ${count(row.n)}`,
      };
    });
    const timed = points.filter(({ row }) => !absent(row.online_s_p50_low) && !absent(row.online_s_p50_high));
    const ends = points.flatMap(({ x, row }) => [x, 1e3 * (row.online_s_p50_low ?? row.online_s_p50), 1e3 * (row.online_s_p50_high ?? row.online_s_p50)]);
    const [first, last] = d3.extent(ends);
    const type = last / first > 8 ? "log" : "linear";
    const range = type === "log" ? [first / 1.15, last * 1.15] : axes.padded(ends, [0, Infinity]);
    const [marginLeft, marginRight] = [44, 16];
    const kinds = unique(members.map((row) => row.accuracy.of));
    const ringed = d3.sort(points.filter((point) => point.front), ({ x }) => x);
    const stairs = ringed.filter(({ y }, i) => ringed.slice(0, i).every((before) => before.y < y));
    const drawn = d3.groups(points, ({ row }) => series(row)).map(([, part]) => ({ part, ...style(part[0].row) }));
    return {
      width, height: Math.max(340, Math.min(520, 0.85 * width)), marginLeft, marginRight, marginTop: 28, marginBottom: 44, grid: true,
      x: { label: "median online time (ms)", ...axes.fitted(range, width - marginLeft - marginRight, { type }) },
      y: { label: `${kinds.length === 1 ? `${kinds[0]} ` : ""}accuracy (%)`, domain, ticks: 8 },
      marks: [
        charts.front(ringed, stairs),
        ...drawn.map(({ part, colour, dash }) => Plot.line(part, {
          x: "x", y: "y", stroke: colour, strokeDasharray: dash, strokeWidth: 1.5, strokeOpacity: 0.7, sort: ({ row }) => row.relus,
        })),
        ...drawn.map(({ part, colour }) => Plot.ruleX(part, { x: "x", y1: "low", y2: "high", stroke: colour })),
        ...drawn.map(({ part, colour }) => Plot.ruleY(part.filter((point) => timed.includes(point)), {
          y: "y", x1: ({ row }) => 1e3 * row.online_s_p50_low, x2: ({ row }) => 1e3 * row.online_s_p50_high, stroke: colour,
        })),
        ...drawn.map(({ part, colour, shape }) => Plot.dot(part, {
          x: "x", y: "y", symbol: shape, r: 5, strokeWidth: 2, stroke: ({ row }) => (row.accuracy.images < most ? colour : "none"),
          fill: ({ row }) => (row.accuracy.images < most ? "var(--paper)" : colour),
        })),
        charts.labels(points), Plot.tip(points, Plot.pointer({ x: "x", y: "y", title: "title" })),
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
    const most = d3.max(members, (row) => row.accuracy.images);
    const fewer = members.filter((row) => row.accuracy.images < most);
    const best = cells.front(visible, "latency");
    const domain = axes.padded(members.flatMap(({ accuracy: { low, high } }) => [100 * low, 100 * high]), [0, 100]);
    const [first] = members;
    const entries = [
      ...pictures.marks(members, charts.point),
      ...(best.size ? [{ name: "surely beaten by none", mark: charts.ring() }] : []),
      ...(fewer.length ? [{ name: `hollow: ${said(fewer)}`, mark: charts.hollow(style(fewer[0])) }] : []),
    ];
    figure("front", {
      name: "Accuracy against median online time", least: 420, entries,
      panels: pictures.panels(members, (width, some) => chart(some, { width, domain, most, best })),
      says: first && `${capital(said(members))}. ${pictures.sentence(members, (of) => words(of, best))}`,
      facts: members.map((row) => ({
        cell: called(row), link: row.link, ReLUs: count(row.relus), accuracy: row.accuracy.of, "%": percent(row.accuracy.share),
        "95 %": interval(row.accuracy), images: count(row.accuracy.images), online: seconds(row.online_s_p50), front: best.has(row) ? "yes" : "",
      })),
      raw: members.map((row) => ({
        ...cells.raw(row, "online_s_p50", "online_s_p50_low", "online_s_p50_high"), accuracy_of: row.accuracy.of, accuracy: row.accuracy.share,
        accuracy_low: row.accuracy.low, accuracy_high: row.accuracy.high, images: row.accuracy.images, front: best.has(row),
      })),
    });
  };
})();
