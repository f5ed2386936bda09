// Graph, timeline, map and table stay in step: what is chosen in one is marked in the others.
// The links do the same without this script; it spares loading the page, and keeps the address as they would.
(() => {
  const bar = document.querySelector("[data-chosen]");
  if (!bar) return;
  const { nodes } = JSON.parse(document.getElementById("dossier-graph").textContent);
  const reports = nodes.map((node) => node.data).filter((data) => !data.away);
  const part = (name) => bar.querySelector(`[data-chosen-${name}]`);

  // As `chosen.py` reads the same query.
  const chosenBy = (query) => {
    const asked = new URLSearchParams(query);
    const [id, place, value] = ["report", "place", "value"].map((name) => asked.get(name));
    if (id) return (data) => data.id === id;
    if (place) return (data) => (data.places || []).includes(place);
    if (value) return (data) => data.value === value;
    const [lane, from, to] = [asked.get("lane"), asked.get("from") || "", asked.get("to") || "9999-12-31"];
    if (!from && !asked.get("to")) return null;
    return (data) => (data.days || []).some(([of, day]) => (!lane || of === lane) && from <= day && day <= to);
  };

  const choose = (query, words) => {
    const wanted = chosenBy(query);
    const found = wanted ? reports.filter(wanted) : [];
    document.dispatchEvent(new CustomEvent("fanal:pick", { detail: { ids: new Set(found.map((data) => data.id)), words: wanted ? words : "", query: wanted ? query : "" } }));
  };

  document.addEventListener("fanal:pick", ({ detail: { ids, words, query } }) => {
    const found = reports.filter((data) => ids.has(data.id));
    const places = new Set(found.flatMap((data) => data.places || []));
    const days = found.flatMap((data) => data.days || []);
    for (const item of document.querySelectorAll("[data-pick]")) item.toggleAttribute("data-picked", ids.has(item.dataset.pick));
    for (const item of document.querySelectorAll("[data-place]")) item.toggleAttribute("data-picked", places.has(item.dataset.place));
    for (const item of document.querySelectorAll("[data-lane]")) {
      const { lane, from, to } = item.dataset;
      item.toggleAttribute("data-picked", days.some(([of, day]) => of === lane && from <= day && day <= to));
    }
    const any = Boolean(words);
    part("count").textContent = !any ? "" : ids.size === 1 ? bar.dataset.one : bar.dataset.many.replace("{n}", ids.size.toLocaleString(document.documentElement.lang));
    part("words").textContent = words;
    part("acts").hidden = !any;
    part("list").hidden = !query;
    part("list").setAttribute("href", `?${query}#reports`);
    history.replaceState(null, "", `${location.pathname}${query ? `?${query}` : ""}`);
  });

  document.addEventListener("click", (event) => {
    const link = event.target.closest("[data-choose]");
    const row = !link && !event.target.closest("a, button, input, label") && event.target.closest("[data-pick]");
    const shape = event.target.closest("use[data-place]");
    if (link) {
      event.preventDefault();
      choose(link.getAttribute("href").replace(/^\?|#.*$/g, ""), link.dataset.choose);
    } else if (row) {
      choose(`report=${row.dataset.pick}`, reports.find((data) => data.id === row.dataset.pick)?.label || "");
    } else if (shape) {
      document.querySelector(`a[data-place="${shape.dataset.place}"], tr[data-place="${shape.dataset.place}"] a`).dispatchEvent(new MouseEvent("click", { bubbles: true, cancelable: true }));
    }
  });
  document.querySelector("[data-choose-span]")?.addEventListener("submit", (event) => {
    event.preventDefault();
    const typed = [...new FormData(event.target)].filter(([, value]) => value);
    choose(new URLSearchParams(typed).toString(), typed.map(([, value]) => new Date(value).toLocaleDateString(document.documentElement.lang)).join(" – "));
  });

  // A picture is one stop of the Tab key; the arrow keys move between its marks.
  for (const picture of document.querySelectorAll("[data-roving]")) {
    const marks = [...picture.querySelectorAll("a")];
    marks.forEach((mark, place) => mark.setAttribute("tabindex", place ? "-1" : "0"));
    picture.addEventListener("keydown", (event) => {
      const seen = marks.filter((mark) => mark.getClientRects().length);
      const step = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 }[event.key];
      const here = seen.indexOf(document.activeElement);
      if (!step || here < 0) return;
      event.preventDefault();
      const next = seen[(here + step + seen.length) % seen.length];
      for (const mark of marks) mark.setAttribute("tabindex", mark === next ? "0" : "-1");
      next.focus();
    });
  }

  if (bar.dataset.query) choose(bar.dataset.query, part("words").textContent);
})();
