// The list of traces, and news from the server.

const POLL = 800; // ms
const PAGE = 50; // traces

const live = {
  limit: PAGE, // traces in the list
  traces: [],
  received: "", // what the server said last, to leave the page alone as long as that is the same
};

// The trace that the address names, or "" for the list.
function wantedId() {
  try {
    return decodeURIComponent(location.hash.slice(1));
  } catch {
    return location.hash.slice(1);
  }
}

function openPage() {
  live.received = "";
  app.trace = null;
  timeline.selected = null;
  clearFilter();
  document.body.dataset.page = wantedId() ? "trace" : "list";
  document.title = "Traces";
}

async function poll() {
  if (!document.hidden && !app.trace?.isFinished) await refresh();
  if (!document.hidden && !wantedId()) await refreshRuns().catch(() => {}); // `refresh` has told
  setTimeout(poll, POLL);
}

async function refresh() {
  const id = wantedId();
  try {
    const path = id ? `traces/${encodeURIComponent(id)}` : `traces?limit=${live.limit}`;
    const response = await fetch(path, { cache: "no-store" });
    const text = await response.text();
    if (id !== wantedId()) return; // the user has gone elsewhere
    const news = JSON.parse(text);
    if (news === null) return; // a run that has just begun
    if (!response.ok) throw new Error(news.error);
    showNews(id, news, text);
    say("");
  } catch (error) {
    say(error instanceof TypeError ? "The server does not answer." : error.message);
  }
}

function showNews(id, news, text) {
  const grows = app.trace?.isRunning;
  if (text === live.received && !grows) return;
  live.received = text;
  if (id) showTrace(new Trace(news, Date.now()));
  else {
    live.traces = news;
    drawList();
  }
}

function drawList() {
  const query = app.query.toLowerCase();
  const fitting = live.traces.filter(({ workflow_name, trace_id }) =>
    `${workflow_name} ${trace_id}`.toLowerCase().includes(query),
  );
  const empty = live.traces.length
    ? "Nothing fits the search."
    : "No traces yet: they appear here as soon as a run begins.";
  byId("traces").replaceChildren(...(fitting.length ? fitting.map(listRow) : [nothing(empty)]));
  byId("more-traces").hidden = live.traces.length < live.limit;
}

function listRow(stored) {
  const trace = new Trace(stored, Date.now());
  const unfinished = trace.isRunning ? "running" : "not finished";
  const state = !trace.isFinished ? unfinished : trace.errors ? "failed" : "ok";
  return el(
    "a",
    { class: "trace-row", href: `#${encodeURIComponent(trace.id)}` },
    el("i", { class: `dot ${state}`, title: state }),
    el("div", { class: "what" }, el("b", {}, trace.name), el("code", {}, trace.id)),
    el("span", {}, formatMoment(trace.started)),
    el("span", {}, trace.isFinished ? formatDuration(trace.duration) : unfinished),
    el("span", {}, countOf(stored.span_count, "span")),
    el("span", { class: "errors" }, trace.errors ? countOf(trace.errors, "error") : ""),
  );
}

function say(message) {
  byId("notice").textContent = message;
  byId("notice").hidden = !message;
}

function startLive() {
  byId("more-traces").addEventListener("click", () => {
    live.limit += PAGE;
    refresh();
  });
  addEventListener("hashchange", () => {
    openPage();
    refresh();
  });
  openPage();
  poll();
}
