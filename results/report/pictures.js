"use strict";
// Time, bytes, layers and distributions: a panel a link.
const pictures = (() => {
  const { at, absent, capital, seconds, bytes, count, orDash } = charts;
  const { data, unique, called, shortBudget, budget, series, all, style } = cells;
  const marks = (visible, draw) => all.flatMap((name) => {
    const row = visible.find((row) => series(row) === name);
    return row ? [{ name, mark: draw(style(row)) }] : [];
  });
  const panels = (visible, options) => {
    const links = cells.links(visible);
    return links.map((link) => ({ title: links.length > 1 ? link : "", options: (width) => options(width, visible.filter((row) => row.link === link)) }));
  };
  /** A sentence a link, which it names where there are several. */
  const sentence = (visible, say) => {
    const links = cells.links(visible);
    const told = (link) => say(visible.filter((row) => row.link === link));
    return links.map((link) => `${links.length > 1 ? `${link}: ${told(link)}` : capital(told(link))}.`).join(" ");
  };
  /** Milliseconds below two seconds. */
  const clock = (longest, of) => (longest < 2 ? { label: `${of} (ms)`, size: 1e-3, format: seconds } : { label: `${of} (s)`, size: 1, format: seconds });

  const groups = (visible) =>
    d3.groups(visible, series).map(([title, members]) => ({ title: all.length > 1 ? title : "", bars: members.map((row) => ({ label: shortBudget(row), row })) }));
  const legendOf = (parts) => parts.map(({ name, colour }) => ({ name, mark: charts.block(colour) }));
  const extremes = (of, [offline, online], format) => {
    const told = (row) => `${called(row)} with ${format(offline(row))} offline and ${format(online(row))} online`;
    if (of.length === 1) return told(of[0]);
    const total = (row) => offline(row) + online(row);
    return `least is ${told(d3.least(of, total))}, most ${told(d3.greatest(of, total))}`;
  };

  const phases = [
    { name: "offline", colour: "var(--offline)", of: (row) => row.offline_s_p50 },
    { name: "online", colour: "var(--online)", of: (row) => row.online_s_p50 },
  ];
  const time = (visible) => {
    const members = visible.filter((row) => !absent(row.total_s));
    figure("time", {
      name: "Median offline and online time of one inference", least: 320, entries: legendOf(phases),
      panels: panels(members, (width, some) => charts.bars(width, groups(some), phases, clock(d3.max(some, (row) => row.total_s), "median time"))),
      says: sentence(members, (of) => extremes(of, phases.map((part) => part.of), seconds)),
      facts: members.map((row) => ({ cell: called(row), link: row.link, offline: seconds(row.offline_s_p50), online: seconds(row.online_s_p50) })),
      raw: members.map((row) => cells.raw(row, "offline_s_p50", "offline_s_p50_low", "offline_s_p50_high", "online_s_p50", "online_s_p50_low", "online_s_p50_high")),
    });
  };

  const directions = [
    { name: "offline up", colour: "var(--offline-up)", of: (row) => row.offline_up_bytes },
    { name: "offline down", colour: "var(--offline-down)", of: (row) => row.offline_down_bytes },
    { name: "online up", colour: "var(--online-up)", of: (row) => row.online_up_bytes },
    { name: "online down", colour: "var(--online-down)", of: (row) => row.online_down_bytes },
  ];
  const traffic = (visible) => {
    const members = visible.filter((row) => !absent(row.total_bytes));
    // Bytes belong to the plan: where they are the same over every link, they are drawn once.
    const links = cells.links(members);
    const alike = d3.groups(members, called).every(([, same]) => same.every((row) => directions.every(({ of }) => of(row) === of(same[0]))));
    const once = alike ? d3.groups(members, called).map(([, same]) => same[0]) : members;
    const words = (of) => extremes(of, [(row) => row.offline_bytes, (row) => row.online_bytes], bytes);
    const options = (width, some) => charts.bars(width, groups(some), directions, { label: "bytes (MB)", size: 1e6, format: bytes });
    const same = links.length > 1 ? `The same over ${links.join(" and ")}. ` : "";
    figure("bytes", {
      name: "Bytes of one inference by phase and direction", least: 320, entries: legendOf(directions),
      panels: alike ? [{ title: "", options: (width) => options(width, once) }] : panels(once, options),
      says: once.length && alike ? `${same}${capital(words(once))}.` : sentence(once, words),
      facts: once.map((row) => ({
        cell: called(row), ...(alike ? {} : { link: row.link }), ...Object.fromEntries(directions.map(({ name, of }) => [name, bytes(of(row))])),
      })),
      raw: members.map((row) => cells.raw(row, "offline_up_bytes", "offline_down_bytes", "online_up_bytes", "online_down_bytes")),
    });
  };

  const layers = () => {
    const cell = at("cell").selectedOptions[0];
    const steps = d3.groups(data.layers[cell?.value] ?? [], ([, step]) => step).map(([step, parts]) => {
      const of = (phase, index) => parts.find((part) => part[0] === phase)?.[index];
      return {
        step, name: parts[0][2], kind: parts[0][3], offline_s_p50: of("offline", 4), online_s_p50: of("online", 4), offline_up_bytes: of("offline", 5),
        offline_down_bytes: of("offline", 6), online_up_bytes: of("online", 5), online_down_bytes: of("online", 6),
      };
    });
    steps.sort((a, b) => a.step - b.step);
    const bars = [{ title: "", bars: steps.map((row) => ({ label: row.name, row })) }];
    const chart = (id, name, parts, scale) => {
      const most = d3.greatest(steps, (row) => d3.sum(parts, ({ of }) => of(row)));
      figure(id, {
        title: name, name: `${name}${cell ? `, ${cell.textContent}` : ""}`, least: 320, entries: legendOf(parts),
        panels: [{ title: "", options: (width) => charts.bars(width, bars, parts, scale) }],
        says: most ? `${steps.length} steps; most takes ${most.name} (${most.kind}): ${parts.map(({ name, of }) => `${scale.format(of(most) ?? 0)} ${name}`).join(", ")}.` : "",
        facts: steps.map((row) => ({ layer: row.name, kind: row.kind, ...Object.fromEntries(parts.map(({ name, of }) => [name, orDash(of(row), scale.format)])) })),
        raw: steps.map((row) => ({ cell: cell?.value, ...row })),
      });
    };
    const longest = d3.max(steps, (row) => d3.sum(phases, ({ of }) => of(row)));
    chart("layer-time", "Median time by layer", phases, clock(longest, "median time"));
    chart("layer-bytes", "Bytes by layer", directions, { label: "bytes (MB)", size: 1e6, format: bytes });
  };

  const curves = (visible) => {
    const members = visible.filter((row) => (data.online[row.key] ?? []).length);
    const links = cells.links(members);
    const inOrder = d3.sort(members, (row) => links.indexOf(row.link));
    const parts = d3.groups(inOrder, (row) => `${row.link}, ${absent(row.budget) ? "every ReLU" : `${budget(row)} ReLUs`}`);
    const options = (some) => (width) => {
      const domain = axes.padded(some.flatMap((row) => data.online[row.key]).map((value) => 1e3 * value), [0, Infinity]);
      const [marginLeft, marginRight] = [40, 16];
      return {
        width, height: 200, marginLeft, marginRight, marginTop: 24, marginBottom: 40, grid: true,
        x: { label: "online time (ms)", ...axes.fitted(domain, width - marginLeft - marginRight, { most: 5 }) },
        y: { label: "share of repeats (%)", domain: [0, 100], ticks: 5 },
        marks: some.flatMap((row) => {
          const times = data.online[row.key];
          const points = [{ x: 1e3 * times[0], y: 0 }, ...times.map((value, i) => ({ x: 1e3 * value, y: (100 * (i + 1)) / times.length }))];
          const { colour, dash } = style(row);
          return [
            Plot.line(points, { x: "x", y: "y", stroke: colour, strokeDasharray: dash, strokeWidth: 2, curve: "step-after" }),
            Plot.tip(points, Plot.pointer({ x: "x", y: "y", title: (point) => `${called(row)}\n${point.y.toFixed(0)} % within ${seconds(point.x / 1e3)}`, maxRadius: 12 })),
          ];
        }),
      };
    };
    const most = (row) => data.online[row.key].at(-1);
    figure("curves", {
      name: "Share of repeats by online time", least: 215, entries: marks(members, charts.dash),
      panels: parts.map(([title, some]) => ({ title, options: options(some) })),
      says: sentence(members, (of) => {
        const slowest = d3.greatest(of, most);
        const [low, high] = d3.extent(of, (row) => row.online_s_p50);
        return `medians from ${seconds(low)} to ${seconds(high)}; the slowest repeat of all took ${seconds(most(slowest))} (${called(slowest)})`;
      }),
      facts: members.map((row) => {
        const times = data.online[row.key];
        const quantile = (share) => seconds(times[Math.ceil(share * times.length) - 1]);
        return {
          cell: called(row), link: row.link, repeats: count(times.length), least: seconds(times[0]), "25 %": quantile(0.25), median: quantile(0.5),
          "75 %": quantile(0.75), most: seconds(most(row)),
        };
      }),
      raw: members.flatMap((row) => data.online[row.key].map((online_s, rank) => ({ ...cells.raw(row), rank: rank + 1, online_s }))),
    });
  };

  return { marks, panels, sentence, time, traffic, layers, curves };
})();
