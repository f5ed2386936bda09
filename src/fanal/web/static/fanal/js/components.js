// Behavior of the shared components: copy buttons, dialogs, live clocks, printing, tables on a phone.
(() => {
  const copyWithSelection = (text) => {
    const area = document.createElement("textarea");
    area.value = text;
    area.className = "visually-hidden";
    document.body.append(area);
    area.select();
    const done = document.execCommand("copy");
    area.remove();
    return done;
  };

  const copy = async (button) => {
    const text = button.dataset.copy;
    let done = false;
    try {
      await navigator.clipboard.writeText(text);
      done = true;
    } catch {
      done = copyWithSelection(text);
    }
    const status = button.querySelector("[role=status]");
    if (done && status) {
      status.textContent = button.dataset.copied;
      button.classList.add("fn-copied");
      setTimeout(() => { status.textContent = ""; button.classList.remove("fn-copied"); }, 4000);
    }
  };

  document.addEventListener("click", (event) => {
    const copier = event.target.closest("[data-copy]");
    if (copier) copy(copier);
    const opener = event.target.closest("[data-dialog-open]");
    if (opener) document.getElementById(opener.dataset.dialogOpen)?.showModal();
    const closer = event.target.closest("[data-dialog-close]");
    if (closer) closer.closest("dialog")?.close();
    if (event.target.closest("[data-print]")) print();
    for (const menu of document.querySelectorAll("details[data-menu][open]")) {
      if (!menu.contains(event.target)) menu.open = false;
    }
  });

  document.addEventListener("keydown", (event) => {
    if (event.key !== "Escape") return;
    const menu = event.target.closest?.("details[data-menu][open]");
    if (menu) { menu.open = false; menu.querySelector("summary").focus(); }
  });

  // A text that no server of ours reads whole is not sent: it stays where it was written, with words that say so.
  const MOST_SENT = 800000;
  document.addEventListener("submit", (event) => {
    const areas = [...event.target.querySelectorAll("textarea")].sort((a, b) => b.value.length - a.value.length);
    const said = areas[0]?.parentElement.querySelector("[data-too-long]");
    if (!said) return;
    const long = areas.reduce((sum, area) => sum + area.value.length, 0) > MOST_SENT;
    said.hidden = !long;
    if (!long) return;
    event.preventDefault();
    event.stopImmediatePropagation();
    areas[0].focus();
  }, true);

  // Without a connection a browser shows an error of its own, and its way back does not keep what was written: the first
  // press says so. A second one goes through: a browser may be wrong about it.
  document.addEventListener("submit", (event) => {
    const said = event.target.querySelector("[data-offline]");
    if (!said) return;
    const stays = !navigator.onLine && said.hidden;
    said.hidden = !stays;
    if (!stays) return;
    event.preventDefault();
    event.stopImmediatePropagation();
  }, true);

  const pressed = new Map(); // forms sent within two seconds, and by which button
  // A double click sends once what would stand there twice: a message, a judgement, a grant of a role.
  document.addEventListener("submit", (event) => {
    const form = event.target;
    if (form.method !== "post" || form.hasAttribute("data-steps") || event.defaultPrevented) return; // the report’s own steps are in form.js
    if (pressed.get(form) === event.submitter) event.preventDefault();
    pressed.set(form, event.submitter);
    setTimeout(() => { if (pressed.get(form) === event.submitter) pressed.delete(form); }, 2000);
  });

  // A clock keeps counting while the page stays open; words come from the server in data attributes.
  const write = (clock) => {
    const left = Date.parse(clock.dataset.deadline) - Date.now();
    const late = left < 0;
    const minutes = Math.floor(Math.abs(left) / 60000);
    const [days, hours, rest] = [Math.floor(minutes / 1440), Math.floor(minutes / 60) % 24, minutes % 60];
    const parts = days ? [`${days} ${clock.dataset.day}`, `${hours} h`] : [hours ? `${hours} h` : "", `${String(rest).padStart(hours ? 2 : 1, "0")} min`];
    const span = parts.filter(Boolean).join("\u202f");
    clock.querySelector("[data-clock-text]").textContent = (late ? clock.dataset.late : clock.dataset.left).replace("%s", span);
    clock.classList.toggle("fn-clock-late", late);
    clock.classList.toggle("fn-clock-soon", !late && minutes <= Number(clock.dataset.soon));
  };
  // On a phone a table wider than its frame becomes cards; roles keep it a table to those who do not see it.
  // Figures stay columns: they are compared downwards.
  const phone = matchMedia("(max-width: 35.99rem)");
  const stack = (table) => {
    const columns = [...table.tHead.rows[0].cells].map((cell) => cell.textContent.trim());
    const roles = { TABLE: "table", THEAD: "rowgroup", TBODY: "rowgroup", TR: "row", TD: "cell" };
    for (const part of [table, ...table.querySelectorAll("thead, tbody, tr, td")]) part.setAttribute("role", roles[part.tagName]);
    for (const cell of table.querySelectorAll("th")) cell.setAttribute("role", cell.closest("thead") ? "columnheader" : "rowheader");
    for (const row of table.querySelectorAll("tbody > tr")) {
      for (const cell of row.querySelectorAll(":scope > td")) {
        if (columns[cell.cellIndex]) cell.dataset.column = columns[cell.cellIndex];
        if (["", "–"].includes(cell.textContent.trim()) && !cell.querySelector("input, select, button")) cell.dataset.blank = "";
      }
    }
    table.classList.add("fn-stacked");
  };
  const fit = () => {
    if (!phone.matches) return;
    for (const table of document.querySelectorAll(":is(.fd-table-wrap:not(.fs-table) > table, .fs-historical):not(.fn-stacked)")) {
      if (table.tHead && table.parentElement.scrollWidth > table.parentElement.clientWidth) stack(table);
    }
  };
  phone.addEventListener("change", fit);
  document.addEventListener("htmx:afterSettle", fit);
  document.addEventListener("toggle", fit, true);
  addEventListener("DOMContentLoaded", fit);

  const tick = () => document.querySelectorAll("[data-deadline]").forEach(write);
  setInterval(tick, 30000);
  addEventListener("DOMContentLoaded", tick);
})();
