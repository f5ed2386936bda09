// The queue by keyboard: j and k move, the preview follows, c takes, o opens, s saves the filters.
(() => {
  fanalKeys.add({ s: () => document.querySelector("[data-save-view]")?.click() });
  const list = document.querySelector("[data-queue]");
  if (!list) return;
  const rows = [...list.querySelectorAll("[data-row]")];
  const link = (row) => row.querySelector("[data-open]");
  let chosen = -1;
  let timer = null;

  const choose = (index, focus) => {
    if (index < 0 || index >= rows.length) return;
    rows[chosen]?.removeAttribute("data-chosen");
    chosen = index;
    const row = rows[chosen];
    row.dataset.chosen = "";
    if (focus) {
      link(row).focus({ preventScroll: true });
      row.scrollIntoView({ block: "nearest" });
    }
    // The preview is read, thus journaled: only where one stays a moment, and where it can be seen.
    clearTimeout(timer);
    timer = setTimeout(() => {
      if (document.getElementById("preview").offsetParent) htmx.trigger(row, "fanal:select");
    }, 200);
  };

  list.addEventListener("click", (event) => {
    const row = event.target.closest("[data-row]");
    if (row && !event.target.closest("a, button")) choose(rows.indexOf(row), false);
  });
  list.addEventListener("focusin", (event) => {
    const row = event.target.closest("[data-row]");
    if (row && rows.indexOf(row) !== chosen) choose(rows.indexOf(row), false);
  });

  fanalKeys.add({
    j: () => choose(chosen + 1, true),
    k: () => choose(Math.max(chosen - 1, 0), true),
    o: () => { if (rows[chosen]) link(rows[chosen]).click(); },
    c: () => rows[chosen]?.querySelector("[data-claim]")?.requestSubmit(),
  });
})();
