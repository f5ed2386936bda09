// Theme before first paint: the switch's choice (localStorage) overrides prefers-color-scheme.
(() => {
  const KEY = "fanal-theme";
  const root = document.documentElement;
  const dark = matchMedia("(prefers-color-scheme: dark)");
  const stored = () => {
    try { return localStorage.getItem(KEY); } catch { return null; }
  };
  const apply = () => {
    const choice = stored();
    root.dataset.bsTheme = choice === "dark" || choice === "light" ? choice : dark.matches ? "dark" : "light";
    document.dispatchEvent(new CustomEvent("fanal:theme", { detail: root.dataset.bsTheme }));
    label();
  };
  const label = () => {
    for (const button of document.querySelectorAll("[data-theme-switch]")) {
      const isDark = root.dataset.bsTheme === "dark";
      button.setAttribute("aria-pressed", String(isDark));
    }
  };
  const toggle = () => {
    const next = root.dataset.bsTheme === "dark" ? "light" : "dark";
    const system = dark.matches ? "dark" : "light";
    try {
      if (next === system) localStorage.removeItem(KEY);
      else localStorage.setItem(KEY, next);
      apply();
    } catch {
      root.dataset.bsTheme = next;
      label();
    }
  };
  root.dataset.js = "";
  apply();
  dark.addEventListener("change", apply);
  addEventListener("storage", (event) => { if (event.key === KEY) apply(); });
  document.addEventListener("DOMContentLoaded", label);
  document.addEventListener("click", (event) => {
    if (event.target.closest("[data-theme-switch]")) toggle();
  });
})();
