// <run-live>: keeps the page of a run true while the run goes on.
//
// It follows the run's event stream; where that cannot be had, it asks every 2 s for the same objects.
// Each event carries a whole object: the latest of each is written into the page, 20 times a second.
// What only the server can say is fetched when it changed.

const POLL_MS = 2000; // without a stream
const STREAM_AGAIN_MS = 30000; // a stream that was refused is tried again
const SILENT_MS = 35000; // heartbeats come every 15 s
const LOST_MS = 6000; // a stream that does not come back is as good as none
const STALE_S = 60;
const HIDDEN_MS = 30000;
const SPEAK_MS = 10000;
const SHOW_MS = 50; // what comes faster is shown together
const PACE_MS = 20000; // the pace falls even where nothing moves
const MOST_LINES = 1000;
const COUNTS = ["total", "pending", "generating", "completed", "failed", "skipped", "cancelled"];
const FINAL = ["SUCCEEDED", "COMPLETED_WITH_ERRORS", "FAILED", "CANCELLED"];

// As `duration_text` of the server.
const duration = (ms) => {
  if (ms === null || ms === undefined) return "–";
  const seconds = Math.round(ms / 1000);
  if (ms < 10000) return `${(ms / 1000).toFixed(1)} s`;
  if (seconds < 100) return `${seconds} s`;
  const minutes = Math.round(seconds / 60);
  return minutes < 60 ? `${minutes} min` : `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
};
const usd = (text) => {
  if (text === null || text === undefined) return "–";
  const amount = Math.abs(Number(text));
  return `${Number(text) < 0 ? "-" : ""}$${amount.toFixed(amount > 0 && amount < 0.1 ? 4 : 2)}`;
};
const used = (budget) => (budget?.limitUsd > 0 ? 100 * (1 - budget.leftUsd / budget.limitUsd) : 100);
const share = (part) => (part === null || part === undefined ? "–" : `${Math.round(100 * part)} %`);
const number = (count) => Number(count).toLocaleString("en");
const write = (element, text) => {
  if (element && element.textContent !== String(text)) element.textContent = text;
};

class RunLive extends HTMLElement {
  connectedCallback() {
    this.fresh = new Map();
    this.states = new Map();
    this.lines = [];
    this.due = {};
    this.done = { moved: Date.now() };
    this.news = new Set();
    this.movedAt = Date.now() - 1000 * Number(this.dataset.idle);
    this.known = `${this.dataset.status} ${this.dataset.controls} ${this.dataset.failed} ${this.dataset.batches}`;
    this.status = this.dataset.status;
    this.counts = this.dataset.counts;
    this.spokenAt = 0;
    this.shownAt = 0;
    this.ended = "ended" in this.dataset;
    const log = document.getElementById("log");
    log.scrollTop = log.scrollHeight;
    if (this.ended) return;
    this.open();
    this.ticks = setInterval(() => this.tick(), 1000);
    this.onSeen = () => this.seen();
    document.addEventListener("visibilitychange", this.onSeen);
  }

  disconnectedCallback() {
    this.close();
    clearInterval(this.ticks);
    document.removeEventListener("visibilitychange", this.onSeen);
  }

  // The stream ------------------------------------------------------------------------------------

  open() {
    this.heardAt = Date.now();
    const source = this.source = new EventSource(this.dataset.events);
    const heard = (name, take) => source.addEventListener(name, (event) => {
      this.heardAt = Date.now();
      take(event.data && JSON.parse(event.data));
    });
    source.addEventListener("open", () => {
      this.brokenAt = null;
      this.stopPolling();
      this.tell("Live");
    });
    heard("run", (run) => this.take("run", run));
    heard("epic", (item) => this.take(item.runEpicId, item));
    heard("item", (item) => this.take(item.itemId, item));
    heard("log", (line) => this.takeLine(line));
    heard("heartbeat", () => {});
    // What was missed is in what a new stream opens with.
    heard("reset", () => {
      this.close();
      this.open();
    });
    heard("end", () => this.end());
    source.addEventListener("error", () => {
      if (this.ended) return;
      if (source.readyState === EventSource.CLOSED) {
        this.close();
        this.poll();
        this.again = setTimeout(() => this.open(), STREAM_AGAIN_MS);
      } else if (!this.polling) {
        this.brokenAt ??= Date.now();
        this.tell("Connection lost, trying again");
      }
    });
  }

  close() {
    this.source?.close();
    this.source = null;
    clearTimeout(this.again);
    this.stopPolling();
  }

  end() {
    this.ended = true;
    this.close();
    clearInterval(this.ticks);
    document.getElementById("stale").hidden = true;
    this.tell("Ended");
  }

  seen() {
    clearTimeout(this.hiding);
    if (this.ended) return;
    if (document.hidden) this.hiding = setTimeout(() => this.close(), HIDDEN_MS);
    else if (!this.source && !this.polling) this.open();
  }

  // Without one -------------------------------------------------------------------------------------

  poll() {
    if (this.polling) return;
    this.tell("Asking every 2 s");
    const ask = async () => {
      try {
        const [run, items, lines] = await Promise.all([
          this.read(this.dataset.run),
          this.read(`${this.dataset.items}?limit=200${this.filter()}`),
          this.read(`${this.dataset.log}?after=${this.lastSeq()}`),
        ]);
        items.forEach((item) => this.take(item.itemId, item));
        lines.forEach((line) => this.takeLine(line));
        this.take("run", run);
        this.tell("Asking every 2 s");
        if (run.completedAt) return this.end();
      } catch {
        this.tell("Connection lost, trying again");
      }
      if (this.polling) this.polling = setTimeout(ask, POLL_MS);
    };
    this.polling = setTimeout(ask, 0);
  }

  stopPolling() {
    clearTimeout(this.polling);
    this.polling = null;
  }

  async read(address) {
    const answer = await fetch(address, { headers: { Accept: "application/json" } });
    if (answer.status === 401 || answer.status === 404) location.reload();
    if (!answer.ok) throw new Error(answer.status);
    return (await answer.json()).data;
  }

  filter() {
    const state = new URLSearchParams(location.search).get("state");
    return state ? `&status=${encodeURIComponent(state)}` : "";
  }

  // Into the page ---------------------------------------------------------------------------------

  take(key, object) {
    this.fresh.set(key, object);
    this.wake();
  }

  takeLine(line) {
    this.lines.push(line);
    this.wake();
  }

  wake() {
    const rest = Math.max(0, this.shownAt + SHOW_MS - Date.now());
    this.frame ??= setTimeout(() => requestAnimationFrame(() => this.show()), rest);
  }

  show() {
    this.frame = null;
    this.shownAt = Date.now();
    const fresh = this.fresh;
    this.fresh = new Map();
    for (const [key, object] of fresh) {
      if (key === "run") this.showRun(object);
      else this.showItem(key, object);
    }
    this.showLines(this.lines.splice(0));
  }

  showRun(run) {
    const { items, usage } = run;
    const over = items.total - items.pending - items.generating;
    // Also since the page was made, before anything came.
    const counts = COUNTS.map((name) => items[name]).join(" ");
    if (counts !== this.counts || run.status !== this.status) this.moved();
    this.counts = counts;
    this.counted = true;
    this.enough = items.completed + items.failed + items.skipped > 2;
    const range = run.estimatedRemainingRange;
    const [low, high] = range ? [duration(range.lowMs), duration(range.highMs)] : [];
    const told = {
      over,
      tokens: usage.inputTokens + usage.cacheReadTokens + usage.cacheWriteTokens + usage.outputTokens,
      nextAction: run.health.nextAction ?? "",
      since: run.health.since.slice(11, 19),
      remaining: range ? (low === high ? `${low} left` : `${low} to ${high} left`)
        : run.status === "RUNNING" ? "Calculating…" : "",
    };
    document.querySelectorAll("[data-live]").forEach((element) => {
      const path = element.dataset.live;
      const value = path in told ? told[path] : path.split(".").reduce((part, name) => part?.[name], run);
      if (element.dataset.as === "look") return this.look(element, value);
      if (element.dataset.as === "used") return void (element.value = used(value));
      const as = { duration, usd, number, share }[element.dataset.as];
      write(element, as ? as(value) : value ?? "–");
    });
    document.getElementById("bar").value = run.percentComplete;
    const known = `${run.status} ${run.controls.join(" ")} ${items.failed} ${run.batches.submitted} ${run.batches.ended}`;
    const drained = run.completedAt && !this.completed;
    this.completed = run.completedAt;
    if (known !== this.known || drained) {
      this.refresh("changed", 1000);
      this.refresh("moved", 2000);
    }
    this.known = known;
    if (run.status !== this.status && FINAL.includes(run.status)) this.speak(`The run is over: ${run.phaseDetail}`, true);
    else this.speak(`${over} of ${items.total}${items.failed ? `, ${items.failed} failed` : ""}`);
    this.status = run.status;
  }

  // Parts that only the server has, each so often at most.
  refresh(part, every) {
    this.due[part] ??= setTimeout(() => {
      this.due[part] = null;
      this.done[part] = Date.now();
      document.body.dispatchEvent(new Event(`run-${part}`));
    }, Math.max(0, (this.done[part] ?? 0) + every - Date.now()));
  }

  showItem(key, item) {
    const state = `${item.status} ${item.attempt} ${item.stage} ${item.stagePercent}`;
    const before = this.states.get(key);
    if (before && before !== state) this.moved();
    this.states.set(key, state);
    const row = document.getElementById(`item-${key}`);
    // What the stream opens with is not new; the run ends that.
    if (!row && this.counted && before?.split(" ")[0] !== item.status && this.belongs(item)) this.showNews(key);
    for (const place of [row, document.getElementById(`active-${key}`)]) if (place) this.patch(place, item);
  }

  patch(row, item) {
    const cell = (name) => row.querySelector(`[data-cell=${name}]`);
    this.look(cell("status"), item.status);
    write(cell("error"), item.error ? item.error.slice(0, 160) : "");
    write(cell("stage"), item.waiting ? `waits: ${item.waiting.reason}`
      : ["GENERATING", "FAILED"].includes(item.status) ? item.stage ?? "" : "");
    write(cell("made"), item.storiesCreated ?? item.created);
    write(cell("attempt"), item.attempt);
    write(cell("time"), duration(item.durationMs));
    write(cell("cost"), usd(item.usage.costUsd));
    write(cell("percent"), `${item.stagePercent} %`);
    const left = this.enough && item.estimatedRemainingMs;
    write(cell("left"), item.status !== "GENERATING" ? "" : left ? `${duration(left)} left` : "Calculating…");
    row.querySelector("progress").value = item.stagePercent;
  }

  belongs(item) {
    const asked = new URLSearchParams(location.search);
    return !asked.get("q") && !asked.get("cursor") && !document.querySelector("#items [rel=next]")
      && (asked.get("state") || item.status) === item.status
      && (asked.get("error") || item.errorCode) === item.errorCode
      && (asked.get("sort") !== "completedAt" || item.completedAt);
  }

  // Nothing that is read moves away.
  showNews(key) {
    this.news.add(key);
    const link = document.getElementById("news");
    if (link.hidden) link.addEventListener("click", () => {
      this.news.clear();
      link.hidden = true;
    }, { once: true });
    write(link.firstElementChild, this.news.size);
    link.hidden = false;
  }

  moved() {
    this.movedAt = Date.now();
    this.refresh("moved", 2000);
    document.getElementById("stale").hidden = true;
  }

  look(element, status) {
    if (!element || element.dataset.status === status) return;
    element.dataset.status = status;
    const look = this.querySelector(`template[data-look="${status}"]`);
    element.replaceChildren(look.content.cloneNode(true));
  }

  lastSeq() {
    return Number(document.getElementById("log").lastElementChild?.dataset.seq ?? 0);
  }

  showLines(lines) {
    if (!lines.length) return;
    const log = document.getElementById("log");
    const follows = log.scrollTop + log.clientHeight >= log.scrollHeight - 8;
    let last = this.lastSeq();
    for (const line of lines) {
      if (line.seq <= last) continue;
      last = line.seq;
      const entry = document.createElement("li");
      entry.className = line.level;
      entry.dataset.seq = line.seq;
      const time = document.createElement("time");
      time.dateTime = line.at;
      time.textContent = line.at.slice(11, 19);
      entry.append(time, ` ${line.message}`);
      log.append(entry);
    }
    while (log.children.length > MOST_LINES) log.firstElementChild.remove();
    if (follows) log.scrollTop = log.scrollHeight;
  }

  // What people are told ----------------------------------------------------------------------------

  tell(text) {
    write(document.querySelector("[data-connection]"), text);
    this.connection = text;
  }

  // For who listens: the way now and then, the end at once.
  speak(text, now = false) {
    if (!now && Date.now() - this.spokenAt < SPEAK_MS) return;
    this.spokenAt = Date.now();
    write(document.getElementById("spoken"), text);
  }

  tick() {
    this.tell(this.connection ?? "Connecting");
    if (this.source && Date.now() - this.heardAt > SILENT_MS) {
      this.close();
      this.open();
    }
    if (this.brokenAt && Date.now() - this.brokenAt > LOST_MS) this.poll();
    if (!document.hidden && Date.now() - this.done.moved > PACE_MS) this.refresh("moved", 0);
    const idle = Math.floor((Date.now() - this.movedAt) / 1000);
    const stale = this.status === "RUNNING" && idle >= STALE_S;
    document.getElementById("stale").hidden = !stale;
    if (stale) write(document.querySelector("[data-stale]"), duration(idle * 1000));
  }
}

customElements.define("run-live", RunLive);
