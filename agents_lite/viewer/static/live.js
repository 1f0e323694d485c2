// The list of traces, and news from the server.

const POLL = 800; // ms
const LIST_POLL = 2000; // ms
const PAGE = 50; // conversations
const GOES_ON = 3000; // ms in which it is written down that a finished run goes on
const PATIENCE = 200; // ms without a further letter, before a search

const live = {
  limit: PAGE, // conversations in the list
  conversations: [],
  unfolded: new Set(), // names of conversations whose traces are shown
  opened: 0, // when a page was opened, in ms since 1970
  received: "", // what the server said last, to leave the page alone as long as that is the same
};

// The trace that the address names, or "" for the list; and the span in it, or "".
function wantedId() {
  return namedParts()[0];
}

function wantedSpan() {
  return namedParts()[1] ?? "";
}

function namedParts() {
  return location.hash.slice(1).split("/").map((part) => {
    try {
      return decodeURIComponent(part);
    } catch {
      return part;
    }
  });
}

function openPage() {
  live.opened = Date.now();
  live.received = "";
  app.trace = null;
  timeline.selected = null;
  clearFilter();
  document.body.dataset.page = wantedId() ? "none" : "list"; // none: the trace is still to come
  document.title = "Traces";
}

async function poll() {
  const mayGrow = !app.trace?.isFinished || Date.now() - live.opened < GOES_ON;
  if (!document.hidden && mayGrow) await refresh();
  if (!document.hidden && !wantedId()) await refreshRuns().catch(() => {}); // `refresh` has told
  setTimeout(poll, wantedId() ? POLL : LIST_POLL);
}

async function refresh() {
  const id = wantedId();
  try {
    const path = id ? `traces/${encodeURIComponent(id)}` : `conversations?${listQuery()}`;
    const response = await fetch(path, { cache: "no-store" });
    const text = await response.text();
    if (id !== wantedId() || (!id && path !== `conversations?${listQuery()}`)) return; // the user has gone elsewhere
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
  const grows = id ? app.trace?.isRunning : live.conversations.some(isRunningNow);
  if (text === live.received && !grows) return;
  live.received = text;
  if (id) showTrace(new Trace(news, Date.now()));
  else {
    live.conversations = news.conversations;
    fillFilter("workflow", news.workflows);
    fillFilter("agent", news.agents);
    drawList();
  }
}

// ---- the list ----

const FILTERS = ["status", "workflow", "agent", "hours"];

function listQuery() {
  const chosen = FILTERS.map((name) => [name, byId(`filter-${name}`).value]);
  const query = { limit: live.limit, words: app.query, ...Object.fromEntries(chosen) };
  return new URLSearchParams(Object.entries(query).filter(([, value]) => value !== "")).toString();
}

function fillFilter(name, values) {
  const select = byId(`filter-${name}`);
  const known = [...select.options].slice(1).map((option) => option.value);
  if (JSON.stringify(known) === JSON.stringify(values)) return;
  const chosen = select.value;
  const wanted = chosen && !values.includes(chosen) ? [...values, chosen] : values;
  const options = wanted.map((value) => el("option", { value }, value));
  select.replaceChildren(select.options[0], ...options);
  select.value = chosen;
}

function searchList() {
  clearTimeout(live.search);
  live.search = setTimeout(refresh, PATIENCE);
}

function isRunningNow({ traces }) {
  return traces.some((stored) => stored.ended === null);
}

function drawList() {
  const isAll = listQuery() === `limit=${live.limit}`;
  const empty = isAll
    ? "No traces yet: they appear here as soon as a run begins."
    : "Nothing fits the search.";
  const rows = live.conversations.map(conversationRow);
  byId("traces").replaceChildren(...(rows.length ? rows : [nothing(empty)]));
  byId("more-traces").hidden = live.conversations.length < live.limit;
}

function conversationRow(conversation) {
  const traces = conversation.traces.map((stored) => new Trace(stored, Date.now()));
  if (conversation.trace_count === 1) return traceRow(traces[0], conversation.traces[0]);
  const [latest] = conversation.traces;
  const first = conversation.traces.at(-1);
  const box = el(
    "details",
    { class: "conversation", open: live.unfolded.has(conversation.name) },
    el(
      "summary",
      { class: "trace-row" },
      ...rowParts(stateOf(...traces), first.question ?? latest.workflow_name, latest.answer),
      el("code", { class: "group", title: conversation.name }, conversation.name),
      ...rowNumbers(latest.started, conversation.traces, countOf(conversation.trace_count, "run")),
    ),
    ...traces.map((trace, place) => traceRow(trace, conversation.traces[place])),
  );
  box.addEventListener("toggle", () => {
    if (box.open) live.unfolded.add(conversation.name);
    else live.unfolded.delete(conversation.name);
  });
  return box;
}

function traceRow(trace, stored) {
  const time = trace.isFinished ? formatDuration(trace.duration) : stateOf(trace);
  return el(
    "a",
    { class: "trace-row", href: `#${encodeURIComponent(trace.id)}` },
    ...rowParts(stateOf(trace), stored.question ?? trace.name, stored.answer),
    el("span", { class: "group", title: trace.id }, trace.name),
    ...rowNumbers(trace.started, [stored], time),
  );
}

function rowParts(state, title, preview) {
  return [
    el("i", { class: `dot ${state}`, title: state }),
    el("div", { class: "what" }, el("b", {}, firstWords(title)), el("div", {}, firstWords(preview ?? ""))),
  ];
}

function rowNumbers(started, traces, what) {
  const usages = traces.map(({ usage }) => ({ tokens: readTokens(usage) }));
  const errors = traces.reduce((sum, { error_count }) => sum + error_count, 0);
  const costs = traces.filter(({ usage }) => usage).map(({ cost }) => cost);
  const isPriced = costs.length > 0 && costs.every((cost) => typeof cost === "number");
  const cost = isPriced ? costs.reduce((sum, each) => sum + each, 0) : null;
  return [
    el("span", {}, formatMoment(started), el("small", {}, what)),
    el("span", {}, formatTokens(sumTokens(usages)), el("small", {}, formatCost(cost))),
    el("span", { class: "errors" }, errors ? countOf(errors, "error") : ""),
  ];
}

// "running" where one of them is, "failed" where one has failed.
function stateOf(...traces) {
  if (traces.some((trace) => trace.isRunning)) return "running";
  if (traces.some((trace) => trace.errors)) return "failed";
  return traces.every((trace) => trace.isFinished) ? "ok" : "not finished";
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
  for (const name of FILTERS) byId(`filter-${name}`).addEventListener("change", refresh);
  addEventListener("hashchange", () => {
    openPage();
    refresh();
  });
  openPage();
  poll();
}
