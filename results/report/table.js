"use strict";
// The table of cells; a heading sorts.
const table = (() => {
  const { at, make, absent, text, count, percent, seconds, bytes, orDash, span } = charts;
  const { rows, varying, budget } = cells;
  const whole = rows.every((row) => row.status === "ok");
  const between = (low, high, images) => (absent(low) || absent(high) ? "" : `${percent(low)} to ${percent(high)}, n ${count(images)}`);
  const amount = (title, column, format = bytes) => ({ title, value: (row) => row[column], show: (row) => orDash(row[column], format) });
  const time = (title, column) => ({ ...amount(title, column, seconds), more: (row) => span(row[`${column}_low`], row[`${column}_high`]) });
  const share = (title, column, images) => ({
    title, value: (row) => row[column], show: (row) => orDash(row[column], percent),
    more: (row) => between(row[`${column}_low`], row[`${column}_high`], row[images]),
  });
  const memory = [
    amount("client memory", "peak_rss_client_bytes"), amount("server memory", "peak_rss_server_bytes"), amount("client store", "store_client_bytes"),
    amount("server store", "store_server_bytes"),
  ];
  let marks = new Map();
  const columns = [
    ...varying.map((part) => ({ title: part, text: true, value: (row) => row[part], show: (row) => text(row[part]) })),
    { title: "budget", value: (row) => row.budget ?? Infinity, show: budget },
    amount("ReLUs", "relus", count),
    amount("n", "n", count),
    share("test accuracy %", "acc_fixed_test", "acc_images"),
    share("secure accuracy %", "acc_secure", "n"),
    time("offline", "offline_s_p50"),
    time("online", "online_s_p50"),
    amount("offline bytes", "offline_bytes"),
    amount("online bytes", "online_bytes"),
    amount("rounds", "online_rounds", count),
    ...memory,
    { title: "front", text: true, value: (row) => marks.get(row) ?? "", show: (row) => marks.get(row) ?? "" },
    ...(whole ? [] : [{ title: "status", text: true, why: true, value: (row) => row.status, show: (row) => [row.status, row.error].filter(Boolean).join(": ") }]),
  ];
  const sorting = { column: null, down: false };
  let visible = [];
  const heading = (column) => {
    const sorted = sorting.column === column;
    const button = make("button", { type: "button" }, column.title);
    button.addEventListener("click", () => {
      sorting.down = sorted ? !sorting.down : false;
      sorting.column = column;
      address.set("sort", column.title, ...(sorting.down ? ["down"] : []));
      draw(visible);
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
  const draw = (now) => {
    visible = now;
    const fronts = [["time", cells.front(visible, "latency")], ["bytes", cells.front(visible, "bytes")]];
    marks = new Map(visible.map((row) => [row, fronts.filter(([, front]) => front.has(row)).map(([name]) => name).join(", ")]));
    const ordered = [...visible];
    if (sorting.column) {
      const { value } = sorting.column;
      ordered.sort((a, b) => (sorting.down ? d3.descending : d3.ascending)(value(a), value(b)));
    }
    at("table").replaceChildren(
      make("caption", { class: "unseen" }, "Accuracy, time, bytes and memory of every cell that is shown"),
      make("thead", {}, make("tr", {}, ...columns.map(heading))),
      make("tbody", {}, ...ordered.map(line)));
  };
  /** As the address has it. */
  const read = () => {
    const [title, down] = address.all("sort");
    Object.assign(sorting, { column: columns.find((column) => column.title === title) ?? null, down: down === "down" });
  };

  const fields = [
    "status", "acc_fixed_test", "acc_fixed_test_low", "acc_fixed_test_high", "acc_images", "acc_secure", "acc_secure_low", "acc_secure_high",
    "offline_s_p50", "offline_s_p50_low", "offline_s_p50_high", "online_s_p50", "online_s_p50_low", "online_s_p50_high", "offline_bytes",
    "online_bytes", "online_rounds", "peak_rss_client_bytes", "peak_rss_server_bytes", "store_client_bytes", "store_server_bytes",
  ];
  at("table").closest("section").append(
    download.rows("cells", "Cells", () => visible.map((row) => ({ ...cells.raw(row, ...fields), front: marks.get(row) }))));
  return { draw, read };
})();
