// Keys of every desk page: / search, q queue; ? opens the guide (palette.js). Letters never act while somebody types.
(() => {
  const typing = (target) =>
    target.closest?.("input:not([type=radio]):not([type=checkbox]), textarea, select, [contenteditable], dialog") !== null;

  const keys = {
    "/": () => document.querySelector("[data-find]")?.focus(),
    q: () => document.querySelector("[data-queue-link]")?.click(),
    n: () => document.querySelector("form[data-next]")?.requestSubmit(),
    z: () => document.querySelector("[data-undo]:not([hidden]) form")?.requestSubmit(),
  };
  // Pages add their own keys: fanalKeys.add({ j: () => … }).
  window.fanalKeys = { add: (more) => Object.assign(keys, more) };

  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.isComposing || typing(event.target)) return;
    const act = keys[event.key];
    if (!act) return;
    event.preventDefault();
    act();
  });

  // What the server refuses, or answers with a whole page (the sign-in page, once the session has ended),
  // never takes the place of a part of this one. Silence is said too: alarms must not fail unnoticed.
  const SILENT = 20000;
  let heard = Date.now();
  const show = (name, shown) => document.querySelector(`[data-${name}]`)?.toggleAttribute("hidden", !shown);
  document.addEventListener("htmx:before:response", (event) => {
    const { status, raw } = event.detail.ctx.response;
    if (status >= 400 || raw.redirected) event.preventDefault();
    if (status < 500) heard = Date.now();
    show("session-ended", raw.redirected);
    show("alarms-lost", false);
  });
  setInterval(() => {
    if (document.querySelector("[data-alarms]") && !document.hidden && Date.now() - heard > SILENT) show("alarms-lost", true);
  }, 5000);

  // What can be undone goes after its time, unless somebody is on it: then once they leave.
  const bar = document.querySelector("[data-undo]");
  const end = () => {
    if (bar.matches(":hover, :focus-within")) setTimeout(end, 1000);
    else bar.hidden = true;
  };
  if (bar) setTimeout(end, Number(bar.dataset.undo));

  // An act on many reports goes on by itself, portion by portion; a template fills in its reason.
  document.querySelector("form[data-go-on]")?.requestSubmit();
  document.addEventListener("click", (event) => {
    const words = event.target.closest?.("[data-fill]");
    if (!words) return;
    const reason = words.closest("form").elements.reason;
    reason.value = words.dataset.fill;
    reason.focus();
  });

  // A filter acts as soon as it is chosen; the button stays for those without scripts.
  document.addEventListener("change", (event) => {
    const form = event.target.closest?.("form[data-filters]");
    if (form && event.target.matches("select")) form.requestSubmit();
  });
})();
