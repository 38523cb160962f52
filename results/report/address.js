"use strict";
// What is chosen on the page, in its address: behind the place, as in `#accuracy?hide.link=lan&by=bytes`. A link gives the view again.
const address = (() => {
  let [place, query = ""] = location.hash.slice(1).split("?");
  let state = new URLSearchParams(query);
  const page = () => location.href.split("#")[0];

  const write = () => {
    const query = state.toString();
    history.replaceState(null, "", page() + (place || query ? `#${place}` : "") + (query ? `?${query}` : ""));
  };
  /** Replaces what is said of `name` by `values`, of which there may be none. */
  const set = (name, ...values) => {
    state.delete(name);
    values.forEach((value) => state.append(name, value));
    write();
  };
  const get = (name) => state.get(name);
  const all = (name) => state.getAll(name);

  /** Goes to a part of the page, without losing what is chosen. */
  const go = (id) => {
    const part = document.getElementById(id);
    if (!part) return;
    part.setAttribute("tabindex", "-1");
    part.focus({ preventScroll: true });
    part.scrollIntoView();
  };
  for (const link of document.querySelectorAll("a[href^='#']")) {
    link.addEventListener("click", (event) => {
      event.preventDefault();
      place = link.getAttribute("href").slice(1);
      write();
      go(place);
    });
  }
  /** Calls `changed` when somebody writes another view of this page into the address. */
  const follow = (changed) => addEventListener("hashchange", () => {
    [place, query = ""] = location.hash.slice(1).split("?");
    state = new URLSearchParams(query);
    changed();
    go(place);
  });
  return { get, all, set, follow, arrive: () => go(place) };
})();
