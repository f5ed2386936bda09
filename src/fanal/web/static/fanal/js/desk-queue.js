// The queue by keyboard: j and k move, the preview follows, c takes, o opens, f filters, s saves the filters.
(() => {
  const sift = document.querySelector("[data-sift-more]");
  const form = sift.querySelector("form");
  fanalKeys.add({
    f: () => {
      sift.open = true;
      form.querySelector("select").focus();
    },
  });
  sift.addEventListener("keydown", (event) => {
    if (event.key !== "Escape" || !sift.open) return;
    sift.open = false;
    sift.querySelector("summary").focus();
  });
  // The address names only what is set.
  form.addEventListener("formdata", (event) => {
    for (const [name, value] of [...event.formData]) if (!value) event.formData.delete(name);
  });
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
    if (row && !event.target.closest("a, button, input")) choose(rows.indexOf(row), false);
  });
  list.addEventListener("focusin", (event) => {
    const row = event.target.closest("[data-row]");
    if (row && rows.indexOf(row) !== chosen) choose(rows.indexOf(row), false);
  });

  // Rows ticked for an act on several: their number stands on the button, which waits for the first.
  const selection = document.querySelector("[data-selection]");
  const ticks = [...list.querySelectorAll("[data-tick]")];
  const count = () => {
    const ticked = ticks.filter((tick) => tick.checked).length;
    selection.querySelector("[data-ticked]").textContent = ticked ? ` (${ticked})` : "";
    selection.querySelector("[data-act]").disabled = !ticked;
    const page = selection.querySelector("[data-tick-page]");
    page.checked = ticked === ticks.length;
    page.indeterminate = ticked > 0 && ticked < ticks.length;
  };
  if (selection) {
    selection.querySelector("[data-tick-page]").addEventListener("change", (event) => {
      for (const tick of ticks) tick.checked = event.target.checked;
      count();
    });
    list.addEventListener("change", count);
    count();
    window.addEventListener("pageshow", count);
    fanalKeys.add({
      x: () => ticks[chosen]?.click(),
      e: () => selection.querySelector("[data-act]").click(),
    });
  }

  fanalKeys.add({
    j: () => choose(chosen + 1, true),
    k: () => choose(Math.max(chosen - 1, 0), true),
    o: () => { if (rows[chosen]) link(rows[chosen]).click(); },
    c: () => rows[chosen]?.querySelector("[data-claim]")?.requestSubmit(),
  });
})();
