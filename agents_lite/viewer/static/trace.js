// A trace as it was stored -> its spans as a tree, and its turns.

const KINDS = {
  agent: "agent",
  generation: "model",
  response: "model",
  function: "tool",
  handoff: "handoff",
  guardrail: "guardrail",
  custom: "custom",
};
const KIND_NAMES = ["agent", "model", "tool", "handoff", "guardrail", "custom"];
const MAY_STILL_RUN = 10 * 60 * 1000; // ms after the last sign of life

class Trace {
  // `now` is in ms since 1970, or null when nobody is there to add to the trace.
  constructor(stored, now) {
    this.id = stored.trace_id;
    this.name = stored.workflow_name;
    this.group = stored.group_id;
    this.metadata = stored.metadata;
    this.started = stored.started;
    this.errors = stored.error_count;
    this.isFinished = stored.ended !== null;
    const lastSign = stored.spans.reduce(
      (latest, { start, end }) => Math.max(latest, start, end ?? 0),
      stored.ended ?? 0,
    );
    const age = now === null ? Infinity : now - stored.started;
    this.isRunning = !this.isFinished && age - lastSign < MAY_STILL_RUN;
    this.duration = this.isRunning ? age : lastSign;
    this.spans = orderSpans(stored.spans.map((span) => new Span(span, this)));
    this.byId = new Map(this.spans.map((span) => [span.id, span]));
    this.turns = findTurns(this.spans);
    this.tokens = sumTokens(this.spans);
    this.cost = sumCosts(this.spans); // dollars, or null
  }
}

class Span {
  constructor(stored, trace) {
    this.id = stored.span_id;
    this.parentId = stored.parent_id;
    this.parent = null;
    this.children = [];
    this.depth = 0;
    this.data = stored.data;
    this.error = stored.error;
    this.cost = stored.cost; // dollars, or null
    this.kind = KINDS[stored.data.type] ?? "custom";
    this.start = stored.start;
    this.end = stored.end; // null: not finished
    this.until = stored.end ?? Math.max(trace.duration, stored.start);
    this.isRunning = stored.end === null && trace.isRunning;
    this.turn = null; // the turn it belongs to
    this.tokens = readTokens(stored.data.usage);
  }

  get duration() {
    return this.until - this.start;
  }

  get name() {
    const { name, model, type, from_agent, to_agent } = this.data;
    if (this.kind === "handoff") return `${from_agent ?? "?"} → ${to_agent ?? "?"}`;
    return String(name ?? model ?? type);
  }

  // Everything in it, in lower case, for the search.
  get text() {
    this.searchText ??= allText([this.id, this.data, this.error]).toLowerCase();
    return this.searchText;
  }

  nearest(kind) {
    let span = this.parent;
    while (span && span.kind !== kind) span = span.parent;
    return span;
  }
}

// One model call, and what followed from it.
class Turn {
  constructor(span, previous) {
    this.span = span;
    this.agent = span.nearest("agent");
    this.caller = this.agent?.nearest("tool") ?? null; // the tool that this agent works as
    this.previous = previous; // the turn before it in the same run
    this.next = null; // the one after it
    if (previous) previous.next = this;
    this.parts = []; // spans of tools, guardrails, handoffs and the like
    this.number = 0;
  }

  get spans() {
    return [this.span, ...this.parts];
  }

  get tools() {
    return this.parts.filter((span) => span.kind === "tool");
  }

  get handoff() {
    return this.parts.find((span) => span.kind === "handoff") ?? null;
  }

  get hasError() {
    return this.spans.some((span) => span.error);
  }

  get duration() {
    return Math.max(...this.spans.map((span) => span.until)) - this.span.start;
  }
}

// The spans depth first, each with its parent and children.
function orderSpans(spans) {
  const byId = new Map(spans.map((span) => [span.id, span]));
  const roots = [];
  for (const span of spans) {
    span.parent = byId.get(span.parentId) ?? null;
    (span.parent ? span.parent.children : roots).push(span);
  }
  const ordered = [];
  const waiting = roots.reverse();
  while (waiting.length) {
    const span = waiting.pop();
    span.depth = span.parent ? span.parent.depth + 1 : 0;
    ordered.push(span);
    for (let place = span.children.length - 1; place >= 0; place--) {
      waiting.push(span.children[place]);
    }
  }
  return ordered;
}

function findTurns(spans) {
  const turns = [];
  const current = new Map(); // parent span -> its turn so far
  const early = new Map(); // parent span -> what came before its first turn
  const latest = new Map(); // span around a run -> its turn so far
  for (const span of spans) {
    if (span.kind === "model") {
      const run = runOf(span);
      const turn = new Turn(span, latest.get(run) ?? null);
      turn.parts.push(...(early.get(span.parent) ?? []));
      early.delete(span.parent);
      current.set(span.parent, turn);
      latest.set(run, turn);
      turn.number = turns.push(turn);
    } else if (span.kind !== "agent") {
      const before = isOfAnswer(span) ? latest.get(runOf(span)) : null; // where the run has paused
      const parts = (current.get(span.parent) ?? before)?.parts ?? early.get(span.parent);
      if (parts) parts.push(span);
      else early.set(span.parent, [span]);
    }
  }
  for (const turn of turns) {
    for (const span of turn.spans) span.turn = turn;
  }
  return turns;
}

// The span around the run that a span belongs to, or null.
function runOf(span) {
  return span.nearest("agent")?.parent ?? null;
}

// Whether it follows from what a model has answered.
function isOfAnswer({ kind }) {
  return kind === "tool" || kind === "handoff";
}

// The list that is expected there, or an empty one.
function listOf(value) {
  return Array.isArray(value) ? value : [];
}

// All names and values in a value, a line each.
function allText(value) {
  if (value === null || typeof value !== "object") return String(value);
  return Object.entries(value).flat().map(allText).join("\n");
}

function readTokens(usage) {
  if (!usage || typeof usage !== "object") return null;
  const { input_tokens, output_tokens } = usage;
  if (typeof input_tokens !== "number" && typeof output_tokens !== "number") return null;
  const cached = usage.input_tokens_details?.cached_tokens;
  return {
    input: Number(input_tokens ?? 0),
    output: Number(output_tokens ?? 0),
    cached: Number(cached ?? 0),
  };
}

function sumTokens(spans) {
  const counted = spans.filter((span) => span.tokens);
  if (!counted.length) return null;
  const sum = { input: 0, output: 0, cached: 0 };
  for (const { tokens } of counted) {
    sum.input += tokens.input;
    sum.output += tokens.output;
    sum.cached += tokens.cached;
  }
  return sum;
}

// Null where it is not known of a model call.
function sumCosts(spans) {
  const costs = spans.filter((span) => span.tokens).map((span) => span.cost);
  const isKnown = costs.length > 0 && costs.every((cost) => typeof cost === "number");
  return isKnown ? costs.reduce((sum, cost) => sum + cost, 0) : null;
}

// The input items of a turn: what the model has seen before, and what it has not.
function splitInput(turn) {
  const input = listOf(turn.span.data.input);
  if (!turn.previous) return { seen: [], fresh: input };
  const { input: before, output } = turn.previous.span.data;
  const known = new Set([before, output].flat().map((item) => JSON.stringify(item)));
  const isKnown = (item) => known.has(JSON.stringify(item));
  return { seen: input.filter(isKnown), fresh: input.filter((item) => !isKnown(item)) };
}

// What a message or another item says, as text; "" when it says nothing in words.
function textOf(item) {
  const content = item?.content ?? item?.summary;
  if (typeof content === "string") return content;
  const texts = listOf(content).map((part) => part?.text ?? part?.refusal);
  return texts.filter(Boolean).join("\n");
}
