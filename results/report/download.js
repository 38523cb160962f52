"use strict";
// Figures and tables as files, made in the page: nothing is fetched.
const download = (() => {
  const { make } = charts;
  const save = (name, content) => {
    const link = make("a", { download: name, href: URL.createObjectURL(content) });
    document.body.append(link);
    link.click();
    link.remove();
    setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
  };

  /** A header and a line a row; a missing value is an empty field. */
  const csv = (rows) => {
    const heads = [...new Set(rows.flatMap(Object.keys))];
    const field = (value) => (/[",\n]/.test(value) ? `"${value.replaceAll('"', '""')}"` : value);
    const line = (values) => values.map((value) => field(charts.absent(value) ? "" : String(value))).join(",");
    return [heads, ...rows.map((row) => heads.map((head) => row[head]))].map((values) => `${line(values)}\n`).join("");
  };

  // What the style sheet and the page decide, which a file of its own lacks.
  const inherited = [
    "fill", "stroke", "stroke-width", "stroke-linejoin", "stroke-opacity", "fill-opacity", "paint-order", "font-family", "font-size", "font-weight",
    "color",
  ];
  const bare = (svg) => {
    const copy = svg.cloneNode(true);
    const [from, to] = [[svg, ...svg.querySelectorAll("*")], [copy, ...copy.querySelectorAll("*")]];
    from.forEach((element, i) => {
      const style = getComputedStyle(element);
      to[i].removeAttribute("style");
      for (const name of inherited) to[i].setAttribute(name, style.getPropertyValue(name));
    });
    copy.setAttribute("overflow", "visible");
    copy.querySelectorAll("style, [aria-label=tip]").forEach((element) => element.remove());
    return copy;
  };

  /** What an element says, broken into lines as it is on the page. */
  const lines = (element) => {
    const text = [...element.childNodes].find((node) => node.nodeType === Node.TEXT_NODE);
    const range = document.createRange();
    const words = [...text.data.matchAll(/\S+/g)].map(({ 0: word, index }) => {
      range.setStart(text, index);
      range.setEnd(text, index + word.length);
      return { word, box: range.getBoundingClientRect() };
    });
    return d3.groups(words, ({ box }) => box.top).map(([, line]) => ({ words: line.map(({ word }) => word).join(" "), box: line[0].box }));
  };

  /** All of a figure as one picture, on light paper: its pictures and what is written over them, where they stand on the page. */
  const picture = (place, name) => {
    document.documentElement.dataset.light = "";
    const [margin, head] = [16, 40];
    const shown = [...place.querySelectorAll(".legend, .panels")].map((part) => part.getBoundingClientRect());
    const [left, top] = [place.getBoundingClientRect().left, d3.min(shown, (box) => box.top)];
    const width = d3.max(shown, (box) => box.right) - left + 2 * margin;
    const height = d3.max(shown, (box) => box.bottom) - top + head + 2 * margin;
    const style = getComputedStyle(document.body);
    const whole = d3.create("svg").attr("xmlns", "http://www.w3.org/2000/svg").attr("width", Math.ceil(width)).attr("height", Math.ceil(height))
      .attr("viewBox", `0 0 ${Math.ceil(width)} ${Math.ceil(height)}`).attr("font-family", "sans-serif").attr("role", "img");
    whole.append("title").text(name);
    whole.append("rect").attr("width", "100%").attr("height", "100%").attr("fill", style.backgroundColor);
    const say = (words, x, y, size, weight) => words && whole.append("text").attr("x", x).attr("y", y).attr("font-size", size).attr("font-weight", weight)
      .attr("fill", style.color).text(words);
    say(name, margin, margin + 16, 18, 600);
    for (const part of place.querySelectorAll(".legend svg, svg.chart, .panels h3, .legend li")) {
      const box = part.getBoundingClientRect();
      const [x, y] = [box.left - left + margin, box.top - top + margin + head];
      if (part instanceof SVGElement) {
        const copy = bare(part);
        for (const [attribute, value] of Object.entries({ x, y, width: box.width, height: box.height })) copy.setAttribute(attribute, value);
        whole.node().append(copy);
      } else {
        const [size, weight] = part.matches("h3") ? [15, 600] : [14, 400];
        for (const { words, box } of lines(part)) say(words, box.left - left + margin, box.top - top + margin + head + box.height / 2 + 5, size, weight);
      }
    }
    delete document.documentElement.dataset.light;
    return { text: new XMLSerializer().serializeToString(whole.node()), width, height };
  };

  const vector = (place, name) => new Blob([picture(place, name).text], { type: "image/svg+xml" });
  /** Twice as fine as it is shown. */
  const pixels = (place, name) => new Promise((done, failed) => {
    const { text, width, height } = picture(place, name);
    const image = new Image();
    image.onload = () => {
      const canvas = make("canvas", { width: 2 * Math.ceil(width), height: 2 * Math.ceil(height) });
      canvas.getContext("2d").drawImage(image, 0, 0, canvas.width, canvas.height);
      canvas.toBlob(done, "image/png");
    };
    image.onerror = () => failed(new Error(`${name} could not be drawn`));
    image.src = `data:image/svg+xml;charset=utf-8,${encodeURIComponent(text)}`;
  });
  const table = (rows) => new Blob([csv(rows)], { type: "text/csv" });

  const button = (label, name, act) => {
    const element = make("button", { type: "button", "aria-label": `${name}, as ${label}` }, label);
    element.addEventListener("click", act);
    return element;
  };
  const titled = (...buttons) => make("p", { class: "downloads" }, "Download ", ...buttons);

  /** Buttons for what is drawn in `place`, and the rows behind it. */
  const figure = (place, name, rows) => titled(
    button("SVG", name, () => save(`${place.id}.svg`, vector(place, name))),
    button("PNG", name, async () => save(`${place.id}.png`, await pixels(place, name))),
    button("CSV", name, () => save(`${place.id}.csv`, table(rows))));
  const rows = (id, name, of) => titled(button("CSV", name, () => save(`${id}.csv`, table(of()))));

  return { figure, rows };
})();
