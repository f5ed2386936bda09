// The browser's own “back” goes one question back, with every answer. No page of the form may be kept (no-store), so without
// this it ends in an error of the browser's, and one step further in an empty form.
(() => {
  const form = document.getElementById("report");
  const back = form.querySelector("button[name=go][value=back]");
  if (!back || !form.requestSubmit) return; // an older browser: sending must not depend on it
  let armed = false;
  let leaving = null;

  // A browser passes over entries that a page made untouched: the entry to come back from is made at the first touch.
  const arm = () => {
    if (armed || leaving) return;
    armed = true;
    history.replaceState({ form: "page" }, "");
    history.pushState({ form: "touched" }, "");
  };
  addEventListener("pointerdown", arm, true);
  addEventListener("keydown", arm, true);

  const go = () => {
    if (!armed) return;
    armed = false;
    leaving = leaving || back;
    form.requestSubmit(leaving);
  };
  form.addEventListener("fanal:stays", () => { leaving = null; });
  // A link to a field moves in the history too, under no state of ours.
  addEventListener("popstate", (event) => { if (leaving || event.state?.form === "page") go(); });
  // Whoever goes on takes that entry away first: it would bring an empty form.
  form.addEventListener("submit", (event) => {
    // The send waits for nothing: after it, back leads to an empty form, and that is as it should be.
    if (!armed || !event.submitter || event.submitter.value === "send") return;
    event.preventDefault();
    if (leaving) return;
    leaving = event.submitter;
    history.back();
    setTimeout(go, 500);
  });
})();
