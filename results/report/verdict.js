"use strict";
// The answer, in words: what is best within a limit that the reader sets, what a ReLU costs, and how sure both are.
const verdict = (() => {
  const { at, make, absent, capital, count, percent, seconds, bytes, span } = charts;
  const { rows, unique } = cells;
  const online = (row) => {
    if (row.n === 1) return "a single inference, so no interval";
    const of = `median of ${count(row.n)}`;
    return absent(row.online_s_p50_low) ? `${of}, too few for an interval` : `${span(row.online_s_p50_low, row.online_s_p50_high)}, ${of}`;
  };
  const measures = {
    online: { name: "online time", column: "online_s_p50", format: seconds, sure: online, least: "the fastest", by: " by their medians", front: "latency", worse: "slower" },
    total: {
      name: "offline and online time", column: "total_s", format: seconds, least: "the fastest", by: " by their medians",
      sure: (row) => `${seconds(row.offline_s_p50)} and ${seconds(row.online_s_p50)}, medians of ${count(row.n)}`,
    },
    bytes: {
      name: "bytes of both phases", column: "total_bytes", format: bytes, sure: () => "the same in every repeat", least: "the one of fewest bytes",
      by: "", front: "bytes", worse: "larger",
    },
  };
  /** Of fewer images an accuracy decides nothing. */
  const fewest = 30;
  const steps = 200;
  const chosen = { by: "online", limit: null };
  const measure = () => measures[chosen.by];
  const cost = (row) => row[measure().column];
  const ends = () => d3.extent(rows.filter((row) => !absent(cost(row))), cost);
  /** To three digits, and not below. */
  const rounded = (value) => {
    const digit = 10 ** (Math.floor(Math.log10(value)) - 2);
    return Number((Math.ceil(value / digit - 1e-9) * digit).toPrecision(3));
  };
  const limitAt = (step) => {
    const [low, high] = ends();
    return rounded(low * (high / low) ** (step / steps));
  };
  const stepAt = (limit) => {
    const [low, high] = ends();
    return high > low ? Math.round((steps * Math.log(limit / low)) / Math.log(high / low)) : steps;
  };
  /** Within which half of the cells are of every block, and more of most. */
  const middle = () => rounded(d3.max(cells.blocks(rows), ({ members }) => d3.median(members.filter((row) => !absent(cost(row))), cost)));

  const told = (row) => {
    const { share, low, high, images, of } = row.accuracy;
    return `${percent(share)}\u00a0% (${percent(low)} to ${percent(high)} on ${count(images)} ${of === "test" ? "test images" : "images, secure"})`;
  };
  const priced = (row) => `${measure().format(cost(row))} (${measure().sure(row)})`;
  const called = (row) => {
    const kept = absent(row.budget) ? "with all ReLUs" : `at ${count(row.relus)} ReLUs`;
    return `${cells.series(row)} ${kept}${absent(row.budget) || row.budget === row.relus ? "" : ` (budget ${cells.budget(row)})`}`;
  };
  const name = (row) => make("strong", {}, called(row));
  const overlap = (one, other) => one.accuracy.high >= other.accuracy.low && other.accuracy.high >= one.accuracy.low;

  const beats = (one, other) => (other.beaten[measure().front] ?? []).includes(one.index);

  const judged = (row) => row.accuracy && row.accuracy.images >= fewest && cells.trained(row);
  /** What is best of `fits`, whose accuracies can be judged. */
  const best = (fits) => {
    const order = d3.sort(fits, (a, b) => d3.descending(a.accuracy.share, b.accuracy.share) || d3.ascending(cost(a), cost(b)));
    const [first, ...others] = order;
    if (!others.length) return [name(first), ` alone is within it: ${told(first)} in ${priced(first)}.`];
    const level = others.filter((row) => overlap(first, row));
    const rivals = level.filter((row) => !beats(first, row));
    if (!rivals.length) {
      const next = others[0];
      const why = level.length
        ? `may be as accurate, but is surely ${measure().worse}: the intervals are apart.`
        : "is surely less accurate: the intervals are apart.";
      return [name(first), ` is best: ${told(first)} in ${priced(first)}. The next, ${called(next)} with ${told(next)}, ${why}`];
    }
    const [rival] = rivals;
    const more = rivals.length > 1 ? `, and with those of ${rivals.length - 1} more` : "";
    const least = d3.least([first, ...rivals], cost);
    const end = least === first
      ? [` It is ${measure().least} of them${measure().by}.`]
      : [` ${capital(measure().least)} of them${measure().by} is `, name(least), `: ${told(least)} in ${priced(least)}.`];
    return [
      "no single winner. ", name(first), ` has ${told(first)} in ${priced(first)}; that interval overlaps with the one of ${called(rival)}, ${told(rival)}${more}.`, ...end,
    ];
  };
  const largest = (fits, members) => {
    const row = d3.greatest(fits, (row) => row.relus);
    const why = members.some((row) => !cells.trained(row)) ? "the weights are random" : `no accuracy is of ${fewest} images or more`;
    return [`${why}, so accuracy decides nothing. Most ReLUs within it has `, name(row), `, in ${priced(row)}.`];
  };
  const answer = ({ model, link, members }, several) => {
    const over = `Over ${link}${several ? `, ${model}` : ""}`;
    const costed = members.filter((row) => !absent(cost(row)));
    const fits = costed.filter((row) => cost(row) <= chosen.limit);
    const open = (parts) => make("li", {}, `${over}: `, ...parts);
    if (!costed.length) return open([`nothing has ${measure().name}.`]);
    if (!fits.length) {
      const least = d3.least(costed, cost);
      return open([`nothing is within it; ${measure().least} is ${called(least)} with ${priced(least)}.`]);
    }
    const able = fits.filter(judged);
    return open(able.length ? best(able) : largest(fits, members));
  };

  /** By the lines that `linnet compare` prints too. */
  const unit = (shown) => {
    const there = (line) => shown.some((row) => row.model === line.model && row.link === line.link);
    const lines = cells.data.costs.filter(there);
    const several = unique(lines.map((line) => line.model)).length > 1;
    const micro = ({ slope, interval }) => `${slope.toFixed(2)}\u00a0µs${interval ? ` (${interval[0].toFixed(2)} to ${interval[1].toFixed(2)})` : ""}`;
    return lines.map((line) => {
      const where = [`Over ${line.link}`, several && line.model, line.way].filter(Boolean).join(", ");
      const unsure = line.online_us.interval ? "" : ", too few for an interval";
      return make("li", {}, `${where}: a ReLU costs `, make("strong", {}, `${micro(line.online_us)} online`), `, ${micro(line.total_us)} offline and online, by the line through ${
        line.cells} cells${unsure}. Papers assume about ${cells.data.literature_us} µs.`);
    });
  };

  const draw = (shown) => {
    const { name: what, format } = measure();
    const slider = at("limit");
    const [low, high] = ends();
    if (low === undefined) {
      at("answer").replaceChildren(make("li", {}, "No cell has an inference to judge by."));
      slider.disabled = true;
      return;
    }
    slider.disabled = low === high;
    slider.value = stepAt(chosen.limit);
    slider.setAttribute("aria-valuetext", `at most ${format(chosen.limit)} of ${what}`);
    at("limit-said").textContent = format(chosen.limit);
    const blocks = cells.blocks(shown);
    const several = unique(rows.map((row) => row.model)).length > 1;
    at("answer").replaceChildren(...blocks.map((block) => answer(block, several)));
    at("units").replaceChildren(...unit(shown));
    at("units").hidden = !at("units").childElementCount;
  };

  /** As the address has it; the median of what there is where it says nothing. */
  const read = () => {
    chosen.by = address.get("by") in measures ? address.get("by") : "online";
    at("by").value = chosen.by;
    const within = Number(address.get("within"));
    chosen.limit = within > 0 ? within : ends()[0] === undefined ? null : middle();
  };
  const onChange = (changed) => {
    at("by").addEventListener("change", () => {
      chosen.by = at("by").value;
      chosen.limit = middle();
      address.set("by", chosen.by);
      address.set("within");
      changed();
    });
    at("limit").addEventListener("input", () => {
      chosen.limit = limitAt(Number(at("limit").value));
      address.set("within", chosen.limit);
      changed();
    });
  };
  at("limit").max = steps;
  for (const [value, { name }] of Object.entries(measures)) at("by").append(make("option", { value }, name));

  // What all of it is about, whether or not anything differs in it.
  const listed = (column) => unique(rows.map((row) => row[column]).filter((value) => !absent(value))).join(", ");
  const range = (values) => {
    const [low, high] = d3.extent(values);
    return low === high ? count(low) : `${count(low)} to ${count(high)}`;
  };
  const links = () => cells.links(rows).map((link) => {
    const known = cells.data.runs.flatMap((run) => (run.server ? [] : run.links)).find(({ name }) => name === link);
    return known ? `${link} (${absent(known.rate_bytes_per_s) ? "unshaped" : `${bytes(known.rate_bytes_per_s)}/s`}, ${seconds(known.rtt_s)} round trip)` : link;
  }).join(", ");
  const subject = () => {
    const images = unique(rows.flatMap((row) => (row.accuracy ? [`${row.accuracy.of} accuracy on ${count(row.accuracy.images)}`] : [])));
    const facts = {
      network: listed("model"), data: listed("data"), methods: listed("method"), circuits: listed("relu"), "homomorphic encryption": listed("he"), "oblivious transfer": listed("ot"), link: links(),
      n: [`${range(rows.map((row) => row.n))} ${rows.every((row) => row.n === 1) ? "inference" : "inferences"} a cell`, ...images.map((words) => `${words} images`)].join("; "),
      "threads a party": listed("threads"), "client's store": listed("store"),
    };
    for (const [term, value] of Object.entries(facts)) if (value) at("subject").append(make("dt", {}, term), make("dd", {}, value));
  };
  subject();
  return { draw, read, onChange };
})();
