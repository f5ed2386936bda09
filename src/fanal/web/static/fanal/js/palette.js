// Ctrl+K: go to a page of the menu, act on this page, or search, by typing some letters of it. ?: the guide of the page.
// The menu and the page already show only what the person may do: the list is made of them.
(() => {
  const palette = document.getElementById("palette");
  if (!palette) return;
  const field = palette.querySelector("input");
  const list = palette.querySelector("[role=listbox]");
  const none = palette.querySelector("[role=status]");
  const groups = Object.fromEntries([...palette.querySelectorAll("[data-group]")].map((group) => [group.dataset.group, group]));
  const MOST_WITHOUT_WORDS = 6;
  const HOLDS_ONLY = 4; // an act that holds the letters and does not begin with them: shown, never chosen
  let entries = [];
  let chosen = null;

  const folded = (text) => text.normalize("NFKD").replace(/\p{M}/gu, "").toLowerCase();
  // As heard, without the keys.
  const wordsOf = (element) => {
    if (element.hasAttribute("aria-label")) return element.getAttribute("aria-label").trim();
    const texts = document.createTreeWalker(element, NodeFilter.SHOW_TEXT);
    const words = [];
    while (texts.nextNode()) {
      if (!texts.currentNode.parentElement.closest("kbd, [aria-hidden=true]")) words.push(texts.currentNode.data);
    }
    return words.join(" ").replace(/\s+/g, " ").trim();
  };

  // A form that asks for something, or is to be pressed where it stands, is gone to and never sent; one that is a
  // button alone does what the button does.
  const act = (element) => {
    element.scrollIntoView({ block: "center" });
    const asks = element.type === "submit" && [...element.form.elements].find(
      (control) => control.matches("input, textarea, select") && control.type !== "hidden" && control.checkVisibility(),
    );
    // Not onto the button: `Enter` may still be held.
    const there = element.closest("h2, [data-pressed-here]");
    if (there) there.tabIndex = -1;
    (asks || there || element).focus({ preventScroll: true });
    if (!asks && !there) element.click();
  };

  // An alarm is taken where it stands, by somebody who reads it.
  const ACTS = "main :is(a.btn, a.fn-button, button, summary, h2), .fd-undo button, .fd-answers-held a";
  const onThisPage = () => {
    const seen = new Set();
    return [...document.querySelectorAll(ACTS)].flatMap((element) => {
      const words = wordsOf(element);
      const apart = element.closest("dialog, [data-row], tbody, [hidden], [data-copy]");
      if (!words || apart || element.disabled || seen.has(words) || !element.checkVisibility()) return [];
      seen.add(words);
      return [{ group: "here", words, icon: element.querySelector("svg"), go: () => act(element) }];
    });
  };
  const ofTheMenu = () => [...document.querySelectorAll(".fd-nav a, .fd-bar .fd-user")].map((link) => (
    { group: "pages", words: wordsOf(link), icon: link.querySelector("svg"), go: () => { location.href = link.href; } }
  ));
  const search = (text) => {
    const words = palette.querySelector("template").content.cloneNode(true);
    const said = words.querySelector("[data-words]").dataset.words.replace("%s", () => text);
    return { group: "search", words: said, icon: words.querySelector("svg"), go: () => { location.href = `${palette.dataset.search}?${new URLSearchParams({ q: text })}`; } };
  };

  const choose = (option) => {
    chosen?.setAttribute("aria-selected", "false");
    chosen = option ?? null;
    chosen?.setAttribute("aria-selected", "true");
    chosen?.scrollIntoView({ block: "nearest" });
    if (chosen) field.setAttribute("aria-activedescendant", chosen.id);
    else field.removeAttribute("aria-activedescendant");
  };
  const options = () => [...list.querySelectorAll("[role=option]")];
  const run = (option) => {
    palette.close();
    option.entry.go();
  };

  // Without words: the first acts and all pages, and none is chosen. With words, an act is chosen only where it begins
  // with them and no page does: what is done by `Enter` was asked for.
  const found = () => {
    const text = field.value.trim();
    const asked = folded(text).split(/\s+/).filter(Boolean);
    const rank = ({ group, words }) => {
      if (!asked.every((word) => folded(words).includes(word))) return Infinity;
      if (folded(words).startsWith(folded(text))) return group === "pages" ? 0 : 1;
      return group === "pages" ? 2 : HOLDS_ONLY;
    };
    const fit = entries.map((entry) => ({ ...entry, rank: rank(entry) })).filter((entry) => entry.rank < Infinity).sort((a, b) => a.rank - b.rank);
    const here = fit.filter((entry) => entry.group === "here");
    return [
      ...(asked.length ? here : here.slice(0, MOST_WITHOUT_WORDS)),
      ...fit.filter((entry) => entry.group === "pages"),
      ...(palette.dataset.search && text.length > 1 ? [{ ...search(text), rank: 3 }] : []),
    ];
  };
  const show = () => {
    for (const option of options()) option.remove();
    const shown = found();
    const offered = shown.filter((entry) => entry.rank < HOLDS_ONLY);
    const best = field.value.trim() ? offered.reduce((a, b) => (b.rank < a.rank ? b : a), offered[0]) : null;
    shown.forEach((entry, place) => {
      const option = document.createElement("div");
      const words = document.createElement("span");
      words.textContent = entry.words;
      Object.assign(option, { id: `palette-${place}`, role: "option", entry });
      option.append(...(entry.icon ? [entry.icon.cloneNode(true)] : []), words);
      groups[entry.group].append(option);
    });
    for (const group of Object.values(groups)) group.hidden = !group.querySelector("[role=option]");
    none.textContent = shown.length ? "" : none.dataset.none;
    choose(best ? options().find((option) => option.entry === best) : null);
  };

  const open = () => {
    entries = [...onThisPage(), ...ofTheMenu()];
    field.value = "";
    palette.showModal();
    show();
    field.focus();
  };
  document.addEventListener("keydown", (event) => {
    if (!(event.ctrlKey || event.metaKey) || event.altKey || event.shiftKey || event.key.toLowerCase() !== "k") return;
    event.preventDefault();
    if (palette.open) palette.close();
    else if (!document.querySelector("dialog[open]")) open();
  });
  document.querySelector("[data-palette-open]")?.addEventListener("click", open);
  field.addEventListener("input", show);
  field.addEventListener("keydown", (event) => {
    const all = options();
    const at = all.indexOf(chosen);
    const to = { ArrowDown: (at + 1) % all.length, ArrowUp: (Math.max(at, 0) - 1 + all.length) % all.length }[event.key];
    if (to !== undefined && all.length) {
      event.preventDefault();
      choose(all[to]);
    }
    if (event.key === "Enter" && !event.isComposing) {
      event.preventDefault();
      if (chosen) run(chosen);
    }
  });
  list.addEventListener("click", (event) => {
    const option = event.target.closest("[role=option]");
    if (option) run(option);
  });
  palette.addEventListener("click", (event) => { if (event.target === palette) palette.close(); });

  // In a tab of its own: what is typed on this page stays.
  document.addEventListener("keydown", (event) => {
    if (event.key !== "?" || event.ctrlKey || event.metaKey || event.altKey || event.isComposing) return;
    if (event.target.closest?.("input:not([type=radio]):not([type=checkbox]), textarea, select, [contenteditable], dialog")) return;
    const guide = document.querySelector("[data-guide]");
    if (!guide) return;
    event.preventDefault();
    guide.click();
  });
})();
