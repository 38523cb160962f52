"use strict";
// Accuracy against the ReLUs that networks keep, and beside it what others published of the same networks and data sets.
const relus = (() => {
  const { absent, capital, count, percent } = charts;
  const { rows, unique, budget, shortBudget, family, trained, style } = cells;
  const judged = (row) => row.accuracy && trained(row);
  const setting = (row) => (absent(row.data) ? row.model : `${row.model} on ${row.data}`);
  const name = (row) => `${family(row)} ${budget(row)}`;
  /** As its method looks everywhere: like the first of its cells. */
  const look = (row) => style(rows.find((other) => family(other) === family(row)));

  /** A point a network, for which that of its cells stands which has most images, test images before those of secure runs. */
  const networks = (visible) =>
    d3.groups(visible.filter(judged), (row) => [row.run, row.model, row.method, row.budget, row.relus].join("\n")).map(([, members]) => {
      const [row] = d3.sort(members, ({ accuracy }) => accuracy.of !== "test", ({ accuracy }) => -accuracy.images);
      const [least, most] = d3.extent(members, ({ accuracy }) => accuracy.share);
      const differing = least < most ? `, which have ${percent(least)} to ${percent(most)} %` : "";
      const several = members.length > 1 ? `\n${members.length} cells${differing}` : "";
      return {
        row, members, least, most, series: family(row), look: look(row), x: row.relus, ...accuracies.place(row.accuracy), label: shortBudget(row),
        front: absent(row.budget), title: `${name(row)}, ${count(row.relus)} ReLUs\n${accuracies.told(row)}${several}`,
      };
    });

  const whole = (share) => `${percent(share)}\u00a0%`;
  const source = ({ kind, work, place }) => `${kind}: ${work}, ${place}`;
  const theirs = ({ system, network, data }) => `${system}'s ${network} on ${data}`;
  const fits = (entry, row) => entry.fits.some(([model, data]) => model === row.model && data === row.data);
  const known = cells.data.references.filter((entry) => entry.what === "accuracy" && !absent(entry.relus) && rows.some((row) => fits(entry, row)));
  const systems = unique(known.map((entry) => entry.system));
  /** Grey and hollow, since no method's: one shape a system. */
  const plain = (system) => ({ ...charts.line(systems.indexOf(system) % looks.shapes.length), colour: "var(--muted)" });
  const elsewhere = (members) => known.filter((entry) => members.some((row) => fits(entry, row))).map((entry) => ({
    entry, x: entry.relus, y: 100 * entry.figure, look: plain(entry.system),
    title: [
      `published elsewhere: ${entry.system} (${entry.source.kind})`, `${whole(entry.figure)} at ${count(entry.relus)} ReLUs`,
      !absent(entry.all_relu) && `${whole(entry.all_relu)} with every ReLU`, `${entry.source.work}, ${entry.source.place}`, entry.note,
    ].filter(Boolean).join("\n"),
  }));
  const beside = (others) => d3.groups(others, ({ entry }) => entry.system).map(([system, some]) => ({
    name: `published elsewhere: ${system} (${unique(some.map(({ entry }) => entry.source.kind)).join(", ")})`, mark: charts.hollow(plain(system)),
  }));

  const chart = (width, points, others, most) => {
    const [first, last] = d3.extent([...points, ...others], ({ x }) => x);
    const members = points.map(({ row }) => row);
    const heights = [...points.flatMap(({ low, high }) => [low, high]), ...others.map(({ y }) => y)];
    const [marginLeft, marginRight] = [44, 16];
    const { lines, intervals, dots } = accuracies.marks(points, most);
    return {
      width, height: Math.max(340, Math.min(520, 0.85 * width)), marginLeft, marginRight, marginTop: 28, marginBottom: 44, grid: true,
      x: { label: "ReLUs kept", ...axes.fitted([first / 1.25, last * 1.25], width - marginLeft - marginRight, { type: "log" }) },
      y: { label: others.length ? "accuracy (%)" : accuracies.axis(members), domain: axes.padded(heights, [0, 100]), ticks: 8 },
      marks: [
        ...(others.length ? [charts.outlines("published elsewhere", others)] : []), ...lines, ...intervals, ...dots,
        charts.labels(points, others), charts.tip([...points, ...others], width),
      ],
    };
  };

  /** What is most accurate, and what keeps the fewest. */
  const words = (points) => {
    const told = ({ row }) => `${name(row)} with ${percent(row.accuracy.share)}\u00a0% at ${count(row.relus)} ReLUs`;
    if (points.length === 1) return told(points[0]);
    const most = d3.greatest(points, ({ y }) => y);
    const [fewest] = d3.sort(points, ({ x }) => x, ({ y }) => -y);
    if (most === fewest) return `most accurate, and of the fewest ReLUs, is ${told(most)}`;
    return `most accurate is ${told(most)}; of the fewest ReLUs is ${told(fewest)}`;
  };
  /** What published figures are not, and what they are to be compared with. */
  const caution = (others) => {
    if (!others.length) return "";
    const told = unique(others.filter(({ entry }) => !absent(entry.all_relu)).map(({ entry }) => `${whole(entry.all_relu)} (${theirs(entry)})`));
    return [
      " Hollow grey marks are published elsewhere, and were not measured here: they are of other training recipes and other starting networks.",
      `Papers tell what is lost against the same network with every ReLU${told.length ? `: ${told.join(", ")}` : ", whose accuracy these sources do not give"}.`,
    ].join(" ");
  };

  const facts = (points, others) => [
    ...points.map(({ row, members, least, most }) => ({
      network: name(row), ReLUs: count(row.relus), "%": percent(row.accuracy.share), "95 %": accuracies.interval(row.accuracy), accuracy: row.accuracy.of,
      images: count(row.accuracy.images), cells: `${members.length}${least < most ? `, ${percent(least)} to ${percent(most)}` : ""}`,
      ...(others.length ? { where: "measured here", "% with every ReLU": "-" } : {}),
    })),
    ...others.map(({ entry }) => ({
      network: theirs(entry), ReLUs: count(entry.relus), "%": percent(entry.figure), where: `published elsewhere (${entry.source.kind})`,
      "% with every ReLU": charts.orDash(entry.all_relu, percent),
    })),
  ];
  const raw = (points, others) => [
    ...points.map(({ row, members, least, most }) => {
      const { share: accuracy, low: accuracy_low, high: accuracy_high, images, of: accuracy_of } = row.accuracy;
      const { run, model, data, method, budget, relus } = row;
      return {
        origin: "measured", run, model, data, method, budget, relus, accuracy_of, accuracy, accuracy_low, accuracy_high, images, cells: members.length,
        accuracy_least: least, accuracy_most: most,
      };
    }),
    ...others.map(({ entry: { network: model, data, system: method, relus, figure: accuracy, all_relu: accuracy_every_relu, source: from, note } }) => ({
      origin: "published", model, data, method, relus, accuracy, accuracy_every_relu, source: source(from), note,
    })),
  ];

  const draw = (visible) => {
    const all = networks(visible);
    const [members, others] = [all.map(({ row }) => row), elsewhere(visible.filter(judged))];
    const settings = d3.groups(all, ({ row }) => setting(row)).map(([title, points]) => ({
      title, points, others: elsewhere(points.map(({ row }) => row)), placed: points.filter(({ x }) => x > 0),
    }));
    // Accuracies on different data sets are of different numbers of images.
    const fewer = settings.flatMap(({ points }) => accuracies.fewer(points.map(({ row }) => row)));
    const several = settings.length > 1;
    const none = all.filter(({ x }) => x === 0);
    figure("relus", {
      name: "Accuracy against ReLUs", least: 420,
      entries: [
        ...unique(all.map(({ series }) => series)).map((series) => ({ name: series, mark: charts.point(all.find((point) => point.series === series).look) })),
        ...(fewer.length ? [{ name: `hollow${others.length ? " in colour" : ""}: ${accuracies.said(fewer)}`, mark: charts.hollow(look(fewer[0])) }] : []),
        ...beside(others),
      ],
      panels: settings.filter(({ placed }) => placed.length).map(({ title, points, placed, others }) => ({
        title: several ? title : "", options: (width) => chart(width, placed, others, accuracies.most(points.map(({ row }) => row))),
      })),
      says: all.length && [
        `${capital(accuracies.said(members))}.`, ...settings.map(({ title, points }) => `${several ? `${title}: ${words(points)}` : capital(words(points))}.`),
        ...none.map(({ row }) => `${capital(name(row))}, which keeps no ReLU and has no place on the scale, has ${whole(row.accuracy.share)}.`),
      ].join(" ") + caution(others),
      facts: facts(all, others), raw: raw(all, others),
    });
  };

  /** Whether any network was run at two counts, without which there is nothing to see. */
  const worth = d3.groups(rows.filter(judged), setting).some(([, some]) => unique(some.map((row) => row.relus)).length > 1);
  return { worth, draw };
})();
