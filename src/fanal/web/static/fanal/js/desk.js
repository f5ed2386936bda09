// Keys of every desk page: / search, ? help, q queue. Letters never act while somebody types.
(() => {
  const typing = (target) =>
    target.closest?.("input:not([type=radio]):not([type=checkbox]), textarea, select, [contenteditable], dialog") !== null;

  const keys = {
    "/": () => document.querySelector("[data-find]")?.focus(),
    "?": () => document.getElementById("keys")?.showModal(),
    q: () => document.querySelector("[data-queue-link]")?.click(),
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

  // A filter acts as soon as it is chosen; the button stays for those without scripts.
  document.addEventListener("change", (event) => {
    const form = event.target.closest?.("form[data-filters]");
    if (form && event.target.matches("select")) form.requestSubmit();
  });
})();
