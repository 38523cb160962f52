"use strict";
// How accuracies are told and drawn: with their intervals, and of how many images they are.
const accuracies = (() => {
  const { count, percent } = charts;
  const kinds = { test: "in the clear", secure: "by the protocol" };
  const images = (members) => {
    const counts = cells.unique(members.map((row) => count(row.accuracy.images)));
    return `${counts.length > 2 ? `${counts[0]} to ${counts.at(-1)}` : counts.join(" or ")} images`;
  };
  /** Which accuracy, and of how many images. */
  const said = (members) => d3.groups(d3.sort(members, (row) => row.accuracy.images), (row) => row.accuracy.of)
    .map(([of, some]) => `${of} accuracy, ${kinds[of]}, on ${images(some)}`).join("; ");
  const interval = ({ low, high }) => `${percent(low)} to ${percent(high)}`;
  const told = ({ accuracy }) => `${percent(accuracy.share)} % ${accuracy.of} accuracy (${interval(accuracy)}; ${count(accuracy.images)} images)`;

  /** Where an accuracy stands, in percent. */
  const place = ({ share, low, high }) => ({ y: 100 * share, low: 100 * low, high: 100 * high });
  const most = (members) => d3.max(members, (row) => row.accuracy.images);
  const fewer = (members) => members.filter((row) => row.accuracy.images < most(members));
  /** An axis is called by the accuracy that all of `members` have. */
  const axis = (members) => {
    const of = cells.unique(members.map((row) => row.accuracy.of));
    return `${of.length === 1 ? `${of[0]} ` : ""}accuracy (%)`;
  };
  /**
   * Lines through the budgets of a series, intervals of accuracy, and points, which are hollow where they are of fewer images than
   * `most`. Points have `row`, `series`, `look`, `x` and their place.
   */
  const marks = (points, most) => {
    const drawn = d3.groups(points, ({ series }) => series).map(([, part]) => ({ part, ...part[0].look }));
    const few = ({ row }) => row.accuracy.images < most;
    return {
      lines: drawn.map(({ part, colour, dash }) => Plot.line(part, {
        x: "x", y: "y", stroke: colour, strokeDasharray: dash, strokeWidth: 1.5, strokeOpacity: 0.7, sort: ({ row }) => row.relus,
      })),
      intervals: drawn.map(({ part, colour }) => Plot.ruleX(part, { x: "x", y1: "low", y2: "high", stroke: colour })),
      dots: drawn.map(({ part, colour, shape }) => Plot.dot(part, {
        x: "x", y: "y", symbol: shape, r: 5, strokeWidth: 2, stroke: (point) => (few(point) ? colour : "none"),
        fill: (point) => (few(point) ? "var(--paper)" : colour),
      })),
    };
  };

  return { said, interval, told, place, most, fewer, axis, marks };
})();
