// Sound of an alarm: rings while the alarms region holds an element [data-alarm], until it is acknowledged.
// Two soft tones made by the browser: no sound file. A browser allows sound only after a first gesture,
// so the button [data-alarm-enable] is shown until then.
(() => {
  const region = document.querySelector("[data-alarm-sound]");
  if (!region) return;
  let audio = null;
  let timer = null;

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
  const ring = () => {
    if (audio?.state !== "running") return;
    tone(880, audio.currentTime);
    tone(660, audio.currentTime + 0.3);
    region.dispatchEvent(new CustomEvent("fanal:rang", { bubbles: true }));
  };
  const watch = () => {
    const ringing = region.querySelector("[data-alarm]") !== null;
    if (ringing && timer === null) { ring(); timer = setInterval(ring, 3000); }
    if (!ringing && timer !== null) { clearInterval(timer); timer = null; }
    document.title = document.title.replace(/^\(!\) /, "");
    if (ringing) document.title = `(!) ${document.title}`;
  };
  const wake = () => {
    audio ??= new AudioContext();
    audio.resume().then(() => {
      document.documentElement.dataset.soundOn = "";
      watch();
    });
  };
  addEventListener("pointerdown", wake, { once: true });
  addEventListener("keydown", wake, { once: true });
  new MutationObserver(watch).observe(region, { childList: true, subtree: true });
  watch();
})();
