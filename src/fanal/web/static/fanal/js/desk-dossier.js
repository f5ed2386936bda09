// Graph, timeline and table stay in step: what is picked in one is marked in the others.
(() => {
  const items = [...document.querySelectorAll("[data-pick]")];
  for (const item of items) {
    const say = () => document.dispatchEvent(new CustomEvent("fanal:pick", { detail: item.dataset.pick }));
    item.addEventListener("click", say);
    item.addEventListener("focusin", say);
  }
  document.addEventListener("fanal:pick", (event) => {
    for (const item of items) item.toggleAttribute("data-picked", item.dataset.pick === event.detail);
  });
})();
