// Proof of work on the check page: altcha's worker runs while the person reads. Without it, or when it fails,
// the form is sent all the same and the server makes it wait.
(() => {
  const GIVE_UP = 60000;

  const solve = (challenge, address) => new Promise((resolve, reject) => {
    const worker = new Worker(address);
    const timer = setTimeout(() => reject(new Error("timeout")), GIVE_UP);
    const end = (settle, value) => { clearTimeout(timer); worker.terminate(); settle(value); };
    worker.onerror = (event) => end(reject, event);
    worker.onmessage = ({ data }) => (data && !data.error ? end(resolve, data) : end(reject, data));
    worker.postMessage({ type: "work", challenge, counterStart: 0, counterStep: 1, counterMode: "uint32" });
  });

  let leaving = false;
  addEventListener("fanal:leave", () => { leaving = true; });

  const begin = () => {
    const form = document.getElementById("report");
    const send = form?.querySelector("[data-send]");
    if (!send) return; // another page of the form
    const state = form.querySelector("[data-proof-state]");
    const field = form.elements.proof;
    const challenge = JSON.parse(document.getElementById("challenge").textContent);
    state.textContent = state.dataset.working;
    const ready = solve(challenge, send.dataset.worker).then((solution) => {
      field.value = btoa(JSON.stringify({ challenge, solution }));
      state.textContent = state.dataset.done;
    }, () => { state.textContent = ""; });

    let sent = false;
    form.addEventListener("submit", (event) => {
      if (event.submitter !== send) return;
      event.preventDefault();
      if (sent) return;
      sent = true;
      send.setAttribute("aria-disabled", "true");
      state.textContent = state.dataset.sending;
      ready.then(() => {
        if (leaving) return; // the receipt would take the place of the page to which one left
        const go = document.createElement("input");
        go.type = "hidden";
        go.name = "go";
        go.value = "send";
        form.append(go);
        form.submit();
      });
    });
  };
  begin();
  document.addEventListener("fanal:page", begin);
  addEventListener("pageshow", (event) => { if (event.persisted) location.reload(); });
})();
