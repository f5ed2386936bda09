// The wall board: full screen at a press, and a word once its figures are no longer those of now.
(() => {
  const STALE = 35000;
  const button = document.querySelector("[data-full-screen]");
  button.addEventListener("click", () => {
    if (document.fullscreenElement) document.exitFullscreen();
    else document.documentElement.requestFullscreen();
  });
  setInterval(() => {
    const made = Date.parse(document.querySelector("[data-wall-at]").dateTime);
    const stale = document.querySelector("[data-wall-stale]");
    // The clock of the screen may be wrong: what counts is how long the same figures have stood.
    if (stale.dataset.made !== String(made)) Object.assign(stale.dataset, { made, shown: Date.now() });
    stale.hidden = Date.now() - Number(stale.dataset.shown) < STALE;
  }, 1000);
})();
