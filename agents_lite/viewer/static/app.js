// The page as a whole: the trace, its two views, the filter and the keys.

const source = JSON.parse(byId("source").textContent);

const IS_BESIDE = location.search === "?beside" && self !== top; // in a frame beside a chat

const TABS = ["answer", "timeline", "turns"];

const PREFERS_DARK = matchMedia("(prefers-color-scheme: dark)");

const app = {
  trace: null,
  tab: "answer",
  query: "",
  kinds: new Set(), // empty: all of them
  errorsOnly: false,
};
const timeline = new Timeline((span) => selectSpan(span));
const turns = new Turns(
  (turn) => selectTurn(turn),
  (span) => findSpan(span),
);

// ---- one trace ----

function showTrace(trace) {
  const isNew = trace.id !== app.trace?.id;
  app.trace = trace;
  document.body.dataset.page = "trace";
  document.title = trace.name;
  byId("name").textContent = trace.name;
  byId("trace-id").textContent = trace.id;
  byId("whole").setAttribute("href", `#${encodeURIComponent(trace.id)}`);
  drawState(trace);
  drawFacts(trace);
  drawKinds(trace);
  if (isNew) openTrace(trace);
  else drawFiltered();
  drawDetails();
}

// A trace opens with the span that the address names, or with its question and answer.
function openTrace(trace) {
  const span = trace.byId.get(wantedSpan());
  if (span) findSpan(span);
  else if (IS_BESIDE) openTab("turns");
  else openTab(trace.turns.length ? "answer" : "timeline");
}

function findSpan(span) {
  openTab("timeline");
  selectSpan(span);
}

function drawState(trace) {
  const failed = trace.errors > 0;
  const unfinished = trace.isRunning ? "running" : "not finished";
  const verdict = failed ? countOf(trace.errors, "error") : "ok";
  const badge = byId("state");
  badge.textContent = trace.isFinished ? verdict : unfinished;
  badge.className = `state ${trace.isFinished && failed ? "failed" : badge.textContent}`;
}

function drawFacts(trace) {
  const tools = trace.spans.filter((span) => span.kind === "tool").length;
  const facts = [
    ["Started", formatMoment(trace.started)],
    ["Time", formatDuration(trace.duration)],
    ["Turns", formatNumber(trace.turns.length)],
    ["Tool calls", formatNumber(tools)],
    ["Tokens", formatTokens(trace.tokens)],
    ["Cached", formatCached(trace.tokens)],
    ["Cost", formatCost(trace.cost)],
    ["Group", trace.group ?? ""],
    ...Object.entries(trace.metadata ?? {}).map(([name, value]) => [
      name,
      typeof value === "string" ? value : JSON.stringify(value),
    ]),
  ];
  const known = facts.filter(([, value]) => value !== "");
  byId("facts").replaceChildren(...known.map(factPair));
}

function factPair([name, value]) {
  return el("div", {}, el("dt", {}, name), el("dd", {}, value));
}

function drawKinds(trace) {
  const counts = new Map();
  for (const span of trace.spans) counts.set(span.kind, (counts.get(span.kind) ?? 0) + 1);
  const drawn = JSON.stringify([[...counts], [...app.kinds], trace.errors > 0, app.errorsOnly]);
  if (byId("kinds").dataset.drawn === drawn) return;
  byId("kinds").dataset.drawn = drawn;
  const buttons = KIND_NAMES.filter((kind) => counts.has(kind)).map((kind) =>
    filterButton(kind, app.kinds.has(kind), () => toggleKind(kind), [
      icon(kind),
      kind,
      el("small", {}, formatNumber(counts.get(kind))),
    ]),
  );
  if (trace.errors) {
    buttons.push(filterButton("error", app.errorsOnly, toggleErrors, ["errors only"]));
  }
  byId("kinds").replaceChildren(...buttons);
}

function filterButton(kind, isOn, click, content) {
  const attributes = { type: "button", class: `kind kind-${kind}`, "aria-pressed": String(isOn) };
  return el("button", { ...attributes, click }, ...content);
}

function selectSpan(span) {
  timeline.select(span);
  drawDetails();
}

function selectTurn(turn) {
  turns.select(turn);
  highlight();
}

function openTab(tab) {
  app.tab = tab;
  for (const each of TABS) {
    byId(each).hidden = each !== tab;
    byId(`tab-${each}`).setAttribute("aria-selected", String(each === tab));
  }
  if (app.trace) drawFiltered();
}

function drawDetails() {
  const span = timeline.selected;
  const box = byId("details");
  const drawn = JSON.stringify(span && [span.id, span.end, span.data, span.error]);
  if (box.dataset.drawn === drawn) return;
  box.dataset.drawn = drawn;
  box.hidden = !span;
  byId("details-body").replaceChildren(...(span ? detailsOf(span) : []));
  byId("details-body").scrollTop = 0;
  highlight();
}

function detailsOf(span) {
  const facts = [
    ["At", formatDuration(span.start)],
    ["Took", timeOf(span)],
    ["Tokens", formatTokens(span.tokens)],
    ["Cached", formatCached(span.tokens)],
    ["Cost", formatCost(span.cost)],
  ].filter(([, value]) => value);
  const head = el(
    "header",
    { class: `kind-${span.kind}` },
    el("div", { class: "badge" }, icon(span.kind), span.kind),
    el("h2", {}, span.name),
    el("dl", {}, ...facts.map(factPair)),
  );
  if (span.turn) {
    const open = () => {
      openTab("turns");
      selectTurn(span.turn);
    };
    head.append(linkTo(`Step through turn ${span.turn.number}`, open));
  }
  head.append(spanActions(span));
  return [head, ...spanSections(span)];
}

// ---- filter ----

function findMatches() {
  const words = app.query.toLowerCase().split(/\s+/).filter(Boolean);
  if (!words.length && !app.kinds.size && !app.errorsOnly) return null;
  const isMatch = (span) =>
    (!app.errorsOnly || span.error) &&
    (!app.kinds.size || app.kinds.has(span.kind)) &&
    words.every((word) => span.text.includes(word));
  return new Set(app.trace.spans.filter(isMatch));
}

function drawFiltered() {
  const matches = findMatches();
  const count = byId("matches");
  count.textContent = matches ? `${formatNumber(matches.size)} found` : "";
  if (app.tab === "timeline") timeline.show(app.trace, matches);
  else if (app.tab === "answer") drawExchange(app.trace, findSpan);
  else turns.show(app.trace, matches);
  highlight();
}

function toggleKind(kind) {
  if (!app.kinds.delete(kind)) app.kinds.add(kind);
  drawKinds(app.trace);
  drawFiltered();
}

function toggleErrors() {
  app.errorsOnly = !app.errorsOnly;
  drawKinds(app.trace);
  drawFiltered();
}

function clearFilter() {
  app.query = byId("search").value = "";
  app.kinds.clear();
  app.errorsOnly = false;
}

// Marks the searched words in what is on screen.
function highlight() {
  if (!globalThis.Highlight) return;
  const words = app.query.toLowerCase().split(/\s+/).filter(Boolean);
  const ranges = [];
  for (const root of words.length ? document.querySelectorAll(".searched") : []) {
    const walker = document.createTreeWalker(root, NodeFilter.SHOW_TEXT);
    while (walker.nextNode() && ranges.length < 2000) {
      ranges.push(...words.flatMap((word) => rangesOf(word, walker.currentNode)));
    }
  }
  CSS.highlights.set("found", new Highlight(...ranges));
}

function rangesOf(word, node) {
  const text = node.data.toLowerCase();
  const ranges = [];
  if (text.length !== node.data.length) return ranges; // places differ in some alphabets
  for (let at = text.indexOf(word); at >= 0; at = text.indexOf(word, at + word.length)) {
    const range = new Range();
    range.setStart(node, at);
    range.setEnd(node, at + word.length);
    ranges.push(range);
  }
  return ranges;
}

// ---- keys, theme, start ----

function onKey(event) {
  if (document.querySelector("dialog[open]")) return;
  if (event.target === byId("search")) {
    if (event.key === "Escape") event.target.blur();
    return;
  }
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  if (event.target.matches?.("select, textarea") || !(app.trace || event.key === "/")) return;
  const isTurns = app.tab === "turns";
  const actions = {
    "/": () => byId("search").focus(),
    t: () => openTab(isTurns ? "timeline" : "turns"),
    "+": () => timeline.zoom(0.5),
    "-": () => timeline.zoom(2),
    0: () => timeline.look(null),
  };
  const steps = { ArrowRight: 1, ArrowLeft: -1, j: 1, k: -1 };
  if (isTurns && event.key in steps) turns.step(steps[event.key]);
  else if (actions[event.key]) actions[event.key]();
  else return;
  event.preventDefault();
}

function setTheme(theme) {
  document.documentElement.dataset.theme = theme;
  timeline.drawAxis();
}

function toggleTheme() {
  const { theme: chosen } = document.documentElement.dataset;
  const isDark = chosen ? chosen === "dark" : PREFERS_DARK.matches;
  const theme = isDark ? "light" : "dark";
  setTheme(theme);
  try {
    localStorage.setItem("theme", theme);
  } catch {
    // the browser keeps nothing for this page
  }
}

function start() {
  try {
    setTheme(localStorage.getItem("theme") ?? "");
  } catch {
    // as above
  }
  byId("theme").addEventListener("click", toggleTheme);
  byId("take-along").hidden = source !== null;
  byId("as-test").addEventListener("click", () => offerTest(app.trace));
  byId("as-cassette").addEventListener("click", () => offerCassette(app.trace));
  byId("compare").addEventListener("click", () => offerComparison(app.trace));
  byId("tab-answer").addEventListener("click", () => openTab("answer"));
  byId("tab-timeline").addEventListener("click", () => openTab("timeline"));
  byId("tab-turns").addEventListener("click", () => openTab("turns"));
  byId("previous").addEventListener("click", () => turns.step(-1));
  byId("next").addEventListener("click", () => turns.step(1));
  byId("close-details").addEventListener("click", () => {
    timeline.selected = null;
    timeline.list.draw();
    drawDetails();
  });
  byId("search").addEventListener("input", (event) => {
    app.query = event.target.value;
    if (app.trace) drawFiltered();
    else searchList();
  });
  document.addEventListener("keydown", onKey);
  PREFERS_DARK.addEventListener("change", () => timeline.drawAxis());
  byId("whole").hidden = !IS_BESIDE;
  document.body.classList.toggle("beside", IS_BESIDE);
  if (source) {
    byId("back").hidden = true;
    showTrace(new Trace(source, null));
  } else startLive();
}

start();
