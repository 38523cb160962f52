"use strict";
// Ranges of axes, and ticks whose labels do not meet.
const axes = (() => {
  /** The values' range with some to spare, within `bounds`; one value alone has room on both sides. */
  const padded = (values, bounds = [-Infinity, Infinity]) => {
    const [low, high] = d3.extent(values);
    const spare = Math.max((high - low) / 12, Math.abs(high) / 50) || 1;
    return [Math.max(bounds[0], low - spare), Math.min(bounds[1], high + spare)];
  };

  const letter = 7.6;
  const gap = 12;
  const apart = (ticks, at) => ticks.every(({ value, label }, i) => {
    const before = ticks[i - 1];
    return !before || at(value) - at(before.value) >= gap + (letter * (label.length + before.label.length)) / 2;
  });

  const linear = (domain, most) => {
    const scale = d3.scaleLinear(domain, [0, 1]);
    const format = scale.tickFormat(most);
    return scale.ticks(most).map((value) => ({ value, label: format(value).replace("−", "-") }));
  };
  /** Digits that have ticks, and of how many powers of ten one: from dense to sparse. */
  const digits = [[[1, 2, 3, 4, 5, 6, 7, 8, 9], 1], [[1, 2, 3, 5], 1], [[1, 2, 5], 1], [[1, 3], 1], [[1], 1], [[1], 2], [[1], 3]];
  const logarithmic = (domain, [kept, of]) => {
    const powers = d3.range(Math.floor(Math.log10(domain[0])), Math.ceil(Math.log10(domain[1])) + 1);
    const all = powers.filter((power) => power % of === 0).flatMap((power) => kept.map((digit) => digit * 10 ** power));
    return all.filter((value) => value >= domain[0] && value <= domain[1]).map((value) => ({ value, label: (+value.toPrecision(3)).toLocaleString("en") }));
  };

  /** A scale over `domain` on `room` pixels with as many ticks as fit, `most` at most. */
  const fitted = (domain, room, { type = "linear", most = 8 } = {}) => {
    const scale = (type === "log" ? d3.scaleLog : d3.scaleLinear)(domain, [0, room]);
    const counts = d3.range(most, 0, -1).map((n) => linear(domain, n));
    const tries = type === "log" ? [...digits.map((kept) => logarithmic(domain, kept)).filter((ticks) => ticks.length > 1), ...counts] : counts;
    const ticks = tries.find((ticks) => apart(ticks, scale)) ?? tries.at(-1).slice(0, 1);
    const labels = new Map(ticks.map(({ value, label }) => [value, label]));
    return { domain, type, ticks: [...labels.keys()], tickFormat: (value) => labels.get(value) ?? `${value}` };
  };

  /** A scale with ticks at `values` themselves, less those that would meet the one before. */
  const chosen = (values, domain, room, type) => {
    const scale = (type === "log" ? d3.scaleLog : d3.scaleLinear)(domain, [0, room]);
    const kept = [];
    for (const value of d3.sort(new Set(values))) {
      const tick = { value, label: `${+value.toPrecision(3)}` };
      if (apart([...kept.slice(-1), tick], scale)) kept.push(tick);
    }
    return { domain, type, ticks: kept.map(({ value }) => value), tickFormat: (value) => `${+value.toPrecision(3)}` };
  };

  return { padded, fitted, chosen };
})();
