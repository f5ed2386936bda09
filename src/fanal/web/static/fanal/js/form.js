// The pages of the report form in one document: the browser's Back and Forward move between them, a reload shows the
// same page, and no answer is lost. Each page still comes from the server, as without JavaScript. The sealed draft and
// what is typed stand in this tab's own memory (sessionStorage) for half an hour, until the report is sent or left quickly.
(() => {
  const KEPT = "fanal-report";
  const HALF_AN_HOUR = 1800000;
  const PATIENCE = 20000;
  const SLOWEST = 2; // bytes a millisecond: a long text over a slow line takes minutes
  const form = () => document.getElementById("report");
  const step = () => form().elements.step.value;
  const store = (value) => {
    try {
      if (value) sessionStorage.setItem(KEPT, JSON.stringify(value));
      else sessionStorage.removeItem(KEPT);
    } catch { /* no storage in this browser: a reload then begins again */ }
  };
  const stored = () => {
    try {
      const kept = JSON.parse(sessionStorage.getItem(KEPT));
      if (kept && Date.now() - kept.at < HALF_AN_HOUR) return kept;
    } catch { /* nothing that can be read */ }
    store(null);
    return null;
  };
  if (!form()) { store(null); return; } // the receipt
  if (!window.fetch || !("submitter" in SubmitEvent.prototype)) return; // an older browser: each page is loaded

  let busy = false;
  let leaving = false;
  let checking = false;
  let waiting = false; // what was kept does not stand here yet: an empty page must not take its place
  let until = 0;
  let place = history.state?.at || 0; // the entry of the history to which the page that stands belongs
  let passing = null; // an entry to which nothing but the history moves

  const answers = () => (waiting && stored()?.fields)
    || [...new FormData(form())].filter(([name]) => name !== "proof");
  const keep = () => {
    if (leaving || waiting || !form()) return;
    store({ at: Date.now(), fields: answers() });
    clearTimeout(until);
    until = setTimeout(() => store(null), HALF_AN_HOUR);
  };

  const show = (text) => {
    const next = new DOMParser().parseFromString(text, "text/html");
    if (!next.getElementById("report")) return false;
    document.querySelector("main").replaceWith(document.adoptNode(next.querySelector("main")));
    document.title = next.title;
    document.dispatchEvent(new Event("fanal:page"));
    waiting = false;
    scrollTo(0, 0);
    (document.querySelector("main [autofocus]") || document.querySelector("main")).focus({ preventScroll: true });
    keep();
    return true;
  };

  // Post the page that stands, or what was kept of one, and show the answer. False if there is none, or if it is no page
  // of the form (a proxy's error): the page that stands says so and stays.
  const post = async (fields, go) => {
    const body = new URLSearchParams(fields);
    body.set("go", go);
    const stop = new AbortController();
    const timer = setTimeout(() => stop.abort(), PATIENCE + `${body}`.length / SLOWEST);
    let shown = false;
    busy = true;
    try {
      const answer = await fetch(form().action, { method: "POST", body, cache: "no-store", signal: stop.signal });
      shown = show(await answer.text());
    } catch { /* no connection, or an answer that does not end */ }
    clearTimeout(timer);
    busy = false;
    const said = form().querySelector("[data-offline]");
    if (said && !shown) said.hidden = false;
    return shown;
  };

  // A text that is too long, or no connection: the page says so itself, as before any button.
  const fits = () => {
    checking = true;
    try { return form().dispatchEvent(new Event("submit", { bubbles: true, cancelable: true })); }
    finally { checking = false; }
  };

  const mark = (state) => history.replaceState({ ...state, step: step(), at: place }, "");

  // Show the page of the entry that the history has reached; go back to where it was if that cannot be.
  const follow = async () => {
    while (history.state && history.state.at !== place) {
      const { step: target, at } = history.state;
      if ((waiting || target !== step()) && !(fits() && await post(answers(), target) && step() === target)) {
        passing = place;
        history.go(place - history.state.at);
        return;
      }
      place = at;
    }
  };

  // Show what was kept; if the empty page was given answers meanwhile, show that page, with both.
  const restore = async (given = []) => {
    const { fields } = stored();
    const shown = given.length ? step() : history.state?.step || Object.fromEntries(fields).step;
    if (!await post(fields, shown)) return;
    for (const [name, value] of given) form().elements[name].value = value;
    mark(history.state);
  };

  document.addEventListener("submit", async (event) => {
    const button = event.submitter;
    if (event.target !== form() || event.defaultPrevented || checking) return;
    if (waiting && stored()) {
      event.preventDefault();
      const typed = ([name, value]) => value && form().elements[name].type !== "hidden";
      if (!busy) restore([...new FormData(form())].filter(typed));
      return;
    }
    if (button?.value === "send" || button?.hasAttribute("formaction")) { keep(); return; }
    event.preventDefault();
    if (busy) return;
    const here = step();
    const go = button?.value || "next";
    if (!await post(answers(), go)) return;
    if (step() === here) return;
    if ((history.state?.at ?? place) !== place) { follow(); return; } // the history moved meanwhile
    if (go === "back" && history.state?.before === step()) {
      place = passing = place - 1;
      history.back();
    } else {
      place += 1;
      history.pushState({ step: step(), before: here, at: place }, "");
    }
  });

  addEventListener("popstate", (event) => {
    if (!event.state?.step) return; // a link to a field
    if (passing !== null && event.state.at === passing) { passing = null; return; }
    if (!busy) follow();
  });
  addEventListener("pagehide", keep);
  document.addEventListener("visibilitychange", () => { if (document.hidden) keep(); });
  addEventListener("fanal:leave", () => { leaving = true; store(null); });

  // A page that was loaded anew shows what stood there, at the place of the history to which it belongs.
  const kept = stored();
  const again = performance.getEntriesByType("navigation")[0]?.type !== "navigate";
  if (form().hasAttribute("data-new") && kept && again) {
    waiting = true;
    until = setTimeout(() => store(null), kept.at + HALF_AN_HOUR - Date.now());
    restore();
  } else {
    mark(history.state);
  }
})();
