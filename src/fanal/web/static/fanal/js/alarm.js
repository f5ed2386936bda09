// Sound of an alarm: rings while the alarms region holds an element [data-alarm], until it is acknowledged.
// Two soft tones made by the browser: no sound file. Some browsers allow sound only after a gesture on the
// page itself, so [data-alarm-silent] is shown until then.
// Who is about to click when an alarm comes in hits what they meant: the page stays under the pointer, and
// what has just come in takes no click.
(() => {
  const region = document.querySelector("[data-alarm-sound]");
  if (!region) return;
  let audio = null;
  let timer = null;
  let height = region.offsetHeight;
  let changed = performance.now();
  const SETTLES = 700;

  const tone = (frequency, at) => {
    const oscillator = audio.createOscillator();
    const gain = audio.createGain();
    oscillator.frequency.value = frequency;
    gain.gain.setValueAtTime(0, at);
    gain.gain.linearRampToValueAtTime(0.25, at + 0.03);
    gain.gain.exponentialRampToValueAtTime(0.001, at + 0.45);
    oscillator.connect(gain).connect(audio.destination);
    oscillator.start(at);
    oscillator.stop(at + 0.5);
  };
  const silent = document.querySelector("[data-alarm-silent]");
  const tell = () => silent?.toggleAttribute("hidden", timer === null || audio.state === "running");
  const ring = () => {
    if (audio.state !== "running") return;
    tone(880, audio.currentTime);
    tone(660, audio.currentTime + 0.3);
    region.dispatchEvent(new CustomEvent("fanal:rang", { bubbles: true }));
  };
  const begin = () => {
    audio ??= Object.assign(new AudioContext(), { onstatechange: tell });
    timer = setInterval(ring, 3000);
    setTimeout(tell, 1000); // where sound is allowed it takes a moment
    ring();
  };
  const end = () => {
    clearInterval(timer);
    timer = null;
    tell();
  };
  const watch = () => {
    const ringing = region.querySelector("[data-alarm]") !== null;
    if (ringing && timer === null) begin();
    if (!ringing && timer !== null) end();
    document.title = document.title.replace(/^\(!\) /, "");
    if (ringing) document.title = `(!) ${document.title}`;
  };
  // The drawer stays open, and keeps what was typed and the focus, while the alarms in it change.
  let opened = false;
  let typed = "";
  let held = "";
  let back = 0;
  document.addEventListener("focusin", ({ target }) => { held = region.contains(target) && target.matches("summary, #alarm-reason") ? target.localName : ""; });
  addEventListener("pointerdown", ({ target }) => { if (!region.contains(target)) held = ""; });
  region.addEventListener("input", ({ target }) => { typed = target.value; });
  region.addEventListener("toggle", ({ target }) => {
    if (target.open === opened) return;
    opened = target.open;
    if (opened) back = scrollY;
    stand();
    height = region.offsetHeight;
    clear();
    scrollTo({ top: opened ? 0 : back, behavior: "instant" });
  }, { capture: true });
  const restore = () => {
    const drawer = region.querySelector("details");
    const reason = region.querySelector("#alarm-reason");
    if (opened && (!drawer || (typed && !reason))) { // the reason was sent
      opened = false;
      scrollTo({ top: back, behavior: "instant" });
    }
    if (!reason) typed = "";
    else if (!reason.value) reason.value = typed;
    if (opened) drawer.open = true;
    if (held && document.activeElement === document.body) (held === "input" ? reason : drawer?.firstElementChild)?.focus();
  };
  // The line follows whoever scrolls, except over a field: a form is never covered.
  const FIELDS = "main :is(input:not([type=hidden]), select, textarea)";
  const stand = () => {
    const line = region.offsetHeight;
    const covers = (field) => {
      const box = field.getBoundingClientRect();
      return box.height > 0 && box.top < line && box.bottom > 0;
    };
    region.classList.toggle("fd-alarms-stuck", line > 0 && !opened && ![...document.querySelectorAll(FIELDS)].some(covers));
  };
  addEventListener("scroll", stand, { passive: true });
  addEventListener("resize", stand);
  new ResizeObserver(stand).observe(document.querySelector("main"));
  const settle = () => {
    changed = performance.now();
    const grown = region.offsetHeight - height;
    height += grown;
    const anchored = scrollY > 0 && CSS.supports("overflow-anchor", "auto"); // the browser does it by itself
    if (grown && !anchored) scrollBy({ top: grown, behavior: "instant" });
  };
  // What the page goes to, by an anchor or by Tab, stands under the alarms and not behind them.
  const clear = () => { document.documentElement.style.scrollPaddingTop = opened ? "" : `${region.offsetHeight + 8}px`; };
  new ResizeObserver(clear).observe(region);
  clear();
  stand();
  region.addEventListener("click", (event) => {
    const acts = event.detail && !event.target.closest("summary"); // 0: from the keyboard
    if (acts && performance.now() - changed < SETTLES) event.preventDefault();
  }, { capture: true });
  const wake = () => audio?.resume();
  addEventListener("pointerdown", wake);
  addEventListener("keydown", wake);
  new MutationObserver(() => { restore(); settle(); watch(); }).observe(region, { childList: true, subtree: true });
  watch();
})();
