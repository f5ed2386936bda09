// Quick exit: replaces this page in the history, so that “back” does not return here. Three Escapes do the same.
(() => {
  const forget = () => {
    try { sessionStorage.removeItem("fanal-report"); } catch { /* no storage in this browser */ }
  };
  const link = document.querySelector("[data-quick-exit]");
  if (!link) return;
  const leave = () => {
    document.body.hidden = true;
    document.title = "…";
    dispatchEvent(new Event("fanal:leave")); // an open form keeps nothing more
    forget();
    location.replace(link.href);
  };
  link.addEventListener("click", (event) => { event.preventDefault(); leave(); });
  let presses = [];
  document.addEventListener("keydown", (event) => {
    if (event.key !== "Escape") return;
    presses = [...presses.filter((at) => event.timeStamp - at < 1500), event.timeStamp];
    if (presses.length >= 3) leave();
  });
})();
