// Plays sentences as they arrive, one after the other, in the page's player. Message: {"n": 0, "src": "data:..."}.
window.sovitsPlay = (message) => {
  if (!message) return;
  const { n, src } = JSON.parse(message);
  const audio = document.querySelector("#sv-player audio");
  const queue = (window.sovitsQueue = n === 0 ? [] : window.sovitsQueue || []);
  queue.push(src);
  const next = () => {
    if (!audio.dataset.busy && queue.length) {
      audio.dataset.busy = "1";
      audio.src = queue.shift();
      audio.play().catch(() => {});
    }
  };
  audio.onended = () => { delete audio.dataset.busy; next(); };
  if (n === 0) delete audio.dataset.busy;
  next();
};
