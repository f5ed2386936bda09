// A report in hand: the lease is renewed while the page is open, and its loss is said at once.
(() => {
  const lease = document.querySelector("[data-lease]");
  const decision = document.querySelector("[data-decision]");
  const RENEW = 60000;
  const reason = decision?.querySelector("[name=reason]");
  const record = decision?.querySelector("[data-decide-next]");
  const templates = [...(decision?.querySelectorAll("[data-reason]") ?? [])];
  let changed = false;
  let sent = false;

  const lost = (holder) => {
    const note = document.querySelector("[data-lease-lost]");
    const who = note.querySelector("[data-lease-holder]");
    who.textContent = holder ? who.dataset.words.replace("%s", holder) : "";
    document.querySelector("[data-lease-late]").hidden = true;
    note.hidden = false;
    note.focus();
    for (const button of decision?.querySelectorAll("button") ?? []) button.disabled = true;
  };

  const late = (until) => {
    const note = document.querySelector("[data-lease-late]");
    const words = new Date(until).toLocaleTimeString(document.documentElement.lang, { hour: "2-digit", minute: "2-digit" });
    note.querySelector("[data-lease-until]").textContent = words;
    note.hidden = false;
  };

  const watch = () => {
    let until = lease.dataset.until;
    const renew = async () => {
      try {
        const answer = await fetch(lease.action, {
          method: "POST",
          body: new FormData(lease),
          headers: { Accept: "application/json" },
        });
        if (answer.status === 409) {
          clearInterval(timer);
          lost((await answer.json()).holder);
          return;
        }
        if (!answer.ok) { late(until); return; }
        until = (await answer.json()).until;
        document.querySelector("[data-lease-late]").hidden = true;
      } catch {
        late(until);
      }
    };
    const timer = setInterval(renew, RENEW);
    // A machine that slept, a tab that was hidden: ask at once.
    document.addEventListener("visibilitychange", () => { if (!document.hidden) renew(); });
    lease.addEventListener("fanal:renew", renew);
  };
  if (lease) watch();

  const fill = () => {
    const proposal = document.querySelector("[data-proposal]");
    for (const radio of decision.querySelectorAll("[name=way]")) radio.checked = radio.value === proposal.dataset.way;
    const bases = proposal.dataset.bases.trim().split(" ");
    for (const box of decision.querySelectorAll("[type=checkbox][name=basis]")) box.checked = bases.includes(box.value);
    reason.focus();
  };

  // The proposal with its reason on one key: the button that records it is next, and nothing is recorded yet.
  const propose = () => {
    if (!document.querySelector("[data-proposal]")?.dataset.way) return;
    fill();
    if (!reason.value.trim()) template(0);
    record.focus();
  };

  // A template takes the place of an empty reason or of another template, never of somebody's own words.
  const template = (place) => {
    const button = templates[place];
    if (!button || (reason.value.trim() && !templates.some((other) => other.dataset.reason === reason.value))) return;
    reason.value = button.dataset.reason;
    changed = true;
  };
  if (decision) {
    decision.querySelector("[data-take-over]")?.addEventListener("click", fill);
    decision.querySelector("[data-tick-all]")?.addEventListener("click", () => {
      for (const box of decision.querySelectorAll("[name=folded]")) box.checked = true;
      changed = true;
    });
    templates.forEach((button, place) => {
      button.addEventListener("click", () => { template(place); reason.focus(); });
      fanalKeys.add({ [place + 1]: () => template(place) });
    });
    fanalKeys.add({ p: propose });
    document.addEventListener("keydown", (event) => {
      const elsewhere = event.target.closest?.("form, dialog");
      if (event.key !== "Enter" || !(event.ctrlKey || event.metaKey) || (elsewhere && elsewhere !== decision)) return;
      event.preventDefault();
      if (!sent) decision.requestSubmit(record);
    });
    decision.addEventListener("input", () => { changed = true; });
    decision.addEventListener("submit", () => { changed = false; sent = true; });
    addEventListener("pageshow", () => { sent = false; });
    // Words typed and not sent are not thrown away by a slip.
    addEventListener("beforeunload", (event) => { if (changed) event.preventDefault(); });
  }

  fanalKeys.add({
    c: () => document.querySelector(".fd-report-head [data-claim]")?.requestSubmit(),
    d: () => {
      document.getElementById("decide").scrollIntoView();
      decision?.querySelector("[name=way]").focus();
    },
  });
})();
