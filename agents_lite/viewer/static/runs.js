// The runs of a journal, above the traces.

const RUN_DOTS = { working: "running", failed: "failed", finished: "ok" };

const journal = { isThere: true, received: "" };

async function refreshRuns() {
  if (!journal.isThere) return;
  const response = await fetch(`runs?limit=${live.limit}`, { cache: "no-store" });
  const text = await response.text();
  journal.isThere = text !== "null";
  if (text === journal.received) return;
  journal.received = text;
  const news = JSON.parse(text) ?? [];
  const rows = response.ok ? news.map(runRow) : [nothing(news.error)];
  byId("runs").replaceChildren(...(rows.length ? [el("h2", {}, "Runs"), ...rows] : []));
}

function runRow(run) {
  const waits = run.waiting.map((call) => `waits: ${call.tool_name}(${call.arguments})`);
  const trace = run.trace_id && `#${encodeURIComponent(run.trace_id)}`;
  return el(
    trace ? "a" : "div",
    { class: "trace-row", href: trace },
    el("i", { class: `dot ${RUN_DOTS[run.status] ?? ""}`, title: run.status }),
    el("div", { class: "what" }, el("b", {}, run.run_id), el("code", {}, run.agent_name)),
    el("span", { class: "group" }, run.status),
    el("span", {}, formatMoment(run.changed_at)),
    el("span", {}, waits.join(", ") || (run.holder ?? "")),
    el("span", { class: "errors" }, run.error ?? ""),
  );
}
