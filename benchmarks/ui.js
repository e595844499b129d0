// What a page notes down of itself for the benchmark, from its first moment on.

const noted = window.noted = { lcp: 0, shift: 0, interactions: {}, rows: {}, events: [], controls: [] };

const observe = (type, take, more = {}) => {
  new PerformanceObserver((list) => list.getEntries().forEach(take)).observe({ type, buffered: true, ...more });
};
observe("largest-contentful-paint", (entry) => { noted.lcp = entry.startTime; });
observe("layout-shift", (entry) => { if (!entry.hadRecentInput) noted.shift += entry.value; });
observe("event", (entry) => {
  const { interactionId, duration } = entry;
  if (interactionId) noted.interactions[interactionId] = Math.max(noted.interactions[interactionId] ?? 0, duration);
}, { durationThreshold: 16 });

window.EventSource = class extends EventSource {
  constructor(...given) {
    super(...given);
    for (const name of ["run", "epic", "log"]) {
      this.addEventListener(name, (event) => noted.events.push([name, event.data]));
    }
  }
};

// How many lines, and states of an epic, came a second time.
noted.repeated = () => {
  const told = noted.events.filter(([name]) => name !== "run").map(([, data]) => JSON.parse(data)).map(
    (each) => each.seq ?? [each.runEpicId, each.status, each.stagePercent].join(" "),
  );
  return told.length - new Set(told).size;
};

// When each `code STATUS`, and `code STATUS percent`, was first written into the table.
noted.watchRows = () => {
  const row = ({ target }) => (target.closest ? target : target.parentElement)?.closest("tr[id]");
  new MutationObserver((changes) => {
    const at = Date.now();
    for (const changed of new Set(changes.map(row))) {
      if (!changed) continue;
      const code = changed.querySelector("a .muted").textContent.trim();
      const status = changed.querySelector("[data-cell=status]").textContent.trim().toUpperCase();
      noted.rows[`${code} ${status}`] ??= at;
      noted.rows[`${code} ${status} ${changed.querySelector("progress").value}`] ??= at;
    }
  }).observe(document.querySelector("#items tbody"), { subtree: true, childList: true, attributes: true });
};

// From a click on a button of this name to the frame after its form is busy, and to the one after
// another button can be pressed in its place.
noted.watchControl = (name, next) => {
  const control = { click: null, busy: null, done: null };
  const shown = (label) => [...document.querySelectorAll("main button")].some(
    (button) => button.textContent.trim() === label && !button.disabled,
  );
  document.addEventListener("click", (event) => {
    if (event.target.closest("button")?.textContent.trim() === name) control.click = event.timeStamp;
  }, { capture: true, once: true });
  const look = () => requestAnimationFrame((now) => {
    if (control.click === null) return;
    if (document.querySelector("form[aria-busy=true]")) control.busy ??= now - control.click;
    else if (shown(next) && control.done === null) {
      control.done = now - control.click;
      noted.controls.push(control);
      watching.disconnect();
    }
  });
  const watching = new MutationObserver(look);
  watching.observe(document.body, { subtree: true, childList: true, attributes: true });
};
