// The loop turn by turn: what was sent, what came back, what was done about it.

const TURN_ROW = 64; // px

class Turns {
  // `onSelect(turn)` and `onFind(span)` are told where the user wants to go.
  constructor(onSelect, onFind) {
    this.onSelect = onSelect;
    this.onFind = onFind;
    this.trace = null;
    this.selected = null;
    this.longest = 1; // ms
    this.list = new LongList(byId("turn-list"), TURN_ROW, (turn) => this.drawRow(turn));
    this.drawn = ""; // what the article shows, to leave it alone as long as that is the same
  }

  show(trace, matches) {
    const turns = trace.turns.filter(
      (turn) => !matches || turn.spans.some((span) => matches.has(span)),
    );
    const isSame = trace.id === this.trace?.id;
    const follows = isSame ? this.trace.isRunning && !this.selected?.next : trace.isRunning;
    const number = isSame ? this.selected?.number : null;
    this.trace = trace;
    this.longest = turns.reduce((longest, turn) => Math.max(longest, turn.duration), 1);
    this.selected = turns.find((turn) => turn.number === number) ?? turns[0] ?? null;
    if (follows) this.selected = turns.at(-1) ?? null;
    this.list.show(turns);
    this.drawArticle();
  }

  select(turn) {
    this.selected = turn;
    const place = this.list.items.indexOf(turn);
    if (place >= 0) this.list.reveal(place);
    this.drawArticle();
    byId("turn").scrollTop = 0;
  }

  step(by) {
    const turn = this.list.items[this.list.items.indexOf(this.selected) + by];
    if (turn) this.onSelect(turn);
  }

  drawRow(turn) {
    const classes = ["turn-row", turn === this.selected ? "selected" : ""];
    if (turn.caller) classes.push("nested");
    if (turn.hasError) classes.push("failed");
    const bar = el("i", { class: "share" });
    bar.style.width = `${(turn.duration / this.longest) * 100}%`;
    return el(
      "div",
      { class: classes.join(" "), mousedown: () => this.onSelect(turn) },
      el("span", { class: "number" }, String(turn.number)),
      el(
        "div",
        { class: "what" },
        el("div", { class: "who" }, turn.agent?.name ?? turn.span.name),
        el("div", { class: "outcome" }, outcomeOf(turn)),
      ),
      el(
        "div",
        { class: "cost" },
        el("div", {}, turn.span.isRunning ? "running" : formatDuration(turn.duration)),
        el("div", {}, turn.span.tokens ? `${formatNumber(totalOf(turn))} tok` : ""),
      ),
      bar,
    );
  }

  drawArticle() {
    const turn = this.selected;
    const place = this.list.items.indexOf(turn);
    byId("turn-position").textContent = turn ? `${place + 1} of ${this.list.items.length}` : "";
    byId("previous").disabled = place <= 0;
    byId("next").disabled = place === this.list.items.length - 1;
    byId("no-turns").hidden = turn !== null;
    const facts = turn?.spans.map((span) => [span.id, span.end, span.data, span.error]);
    const drawn = JSON.stringify([facts, turn?.next?.span.id]);
    if (drawn === this.drawn) return;
    this.drawn = drawn;
    byId("turn-body").replaceChildren(...(turn ? this.articleOf(turn) : []));
  }

  articleOf(turn) {
    const stages = [this.drawSent(turn), this.drawReceived(turn)];
    const others = turn.parts.filter((span) => !["tool", "handoff"].includes(span.kind));
    if (others.length) {
      const asides = others.map((span) => this.aside(span));
      stages.splice(1, 0, stage("guardrail", "Alongside", ...asides));
    }
    if (turn.tools.length) {
      const title = turn.tools.length > 1 ? `${turn.tools.length} tools ran` : "A tool ran";
      stages.push(stage("tool", title, ...turn.tools.map((span) => this.toolCard(span))));
    }
    stages.push(this.drawNext(turn));
    return [this.drawHead(turn), ...stages];
  }

  drawHead(turn) {
    const facts = [
      turn.span.name,
      `at ${formatDuration(turn.span.start)}`,
      turn.span.isRunning ? "running" : `took ${formatDuration(turn.duration)}`,
      formatTokens(turn.span.tokens),
      formatCost(turn.span.cost),
    ];
    const head = el(
      "header",
      { class: "turn-head" },
      el("h2", {}, el("small", {}, `Turn ${turn.number}`), turn.agent?.name ?? turn.span.name),
      el("p", { class: "quiet" }, facts.filter(Boolean).join("  ·  ")),
    );
    if (turn.caller?.turn) {
      const words = ["Works as the tool ", turn.caller.name, " that was called in "];
      head.append(el("p", { class: "quiet" }, ...words, this.linkToTurn(turn.caller.turn)));
    }
    head.append(spanActions(turn.span), this.strip(turn));
    return head;
  }

  // The turn's spans under each other, each as long as it took.
  strip(turn) {
    const strip = el("div", { class: "strip" });
    const origin = Math.min(...turn.spans.map((span) => span.start));
    const whole = Math.max(...turn.spans.map((span) => span.until)) - origin || 1;
    for (const span of turn.spans) {
      const title = `${span.name}, ${formatDuration(span.duration)}`;
      const bar = el("div", {
        class: `bar kind-${span.kind}${span.error ? " failed" : ""}`,
        title,
        click: () => this.onFind(span),
      });
      bar.style.marginLeft = `${((span.start - origin) / whole) * 100}%`;
      bar.style.width = `${(span.duration / whole) * 100}%`;
      strip.append(bar);
    }
    return strip;
  }

  drawSent(turn) {
    const { seen, fresh } = splitInput(turn);
    const names = toolNames(seen, fresh);
    const cards = itemCards(fresh, names);
    if (seen.length) {
      const earlier = `${countOf(seen.length, "item")} sent before`;
      cards.unshift(folded(earlier, () => el("div", {}, ...itemCards(seen, names))));
    }
    if (!cards.length) cards.push(nothing("What was sent is not in the trace."));
    const retries = listOf(turn.span.data.model_config?.retries);
    for (const { attempt, reason } of retries) {
      cards.push(el("p", { class: "warning" }, `Try ${attempt} failed: ${reason}`));
    }
    return stage("sent", "Sent to the model", ...cards);
  }

  drawReceived(turn) {
    const { span } = turn;
    const output = listOf(span.data.output);
    const cards = span.error ? [errorBox(span.error)] : [];
    cards.push(...itemCards(output, new Map()));
    if (span.isRunning) cards.push(nothing("The model is answering …"));
    else if (!cards.length) cards.push(nothing("What came back is not in the trace."));
    return stage("model", "Came back", ...cards);
  }

  toolCard(span) {
    const inner = turnsInside(span);
    const links = spaced(inner.map((turn) => this.linkToTurn(turn)));
    const { input, output } = span.data;
    return el(
      "div",
      { class: `tool-card${span.error ? " failed" : ""}` },
      el(
        "div",
        { class: "card-head" },
        el("b", {}, span.name),
        el("span", { class: "quiet" }, timeOf(span)),
        linkTo("in the timeline", () => this.onFind(span)),
      ),
      el(
        "div",
        { class: "exchange" },
        el("div", {}, el("h4", {}, "Arguments"), knownValue(input)),
        el("div", {}, el("h4", {}, "Output"), knownValue(output)),
      ),
      span.error ? errorBox(span.error) : null,
      inner.length ? el("p", { class: "quiet" }, "An agent worked on it: ", ...links) : null,
    );
  }

  aside(span) {
    const verdict = span.data.triggered ? "triggered" : "passed";
    const line = el(
      "p",
      { class: `aside kind-${span.kind}` },
      icon(span.kind),
      el("b", {}, span.name),
      span.kind === "guardrail" && !span.isRunning ? verdict : null,
      el("span", { class: "quiet" }, timeOf(span)),
      linkTo("in the timeline", () => this.onFind(span)),
    );
    return span.error ? el("div", {}, line, errorBox(span.error)) : line;
  }

  linkToTurn(turn) {
    return linkTo(`turn ${turn.number}`, () => this.onSelect(turn));
  }

  drawNext(turn) {
    const to = turn.next && this.linkToTurn(turn.next);
    const sentence = (...words) => el("p", {}, ...words, to ? " → " : "", to);
    if (turn.handoff) {
      const { handoff } = turn;
      const cards = handoff.error ? [errorBox(handoff.error)] : [];
      const target = String(handoff.data.to_agent ?? "another agent");
      return stage("handoff", "Handed off", sentence(el("b", {}, target), " takes over"), ...cards);
    }
    if (turn.next) return stage("again", "And again", sentence("The model hears of it"));
    if ([turn.agent, ...turn.spans].some((span) => span?.isRunning)) {
      return stage("again", "Running", nothing("…"));
    }
    if (turn.caller?.turn) {
      const back = this.linkToTurn(turn.caller.turn);
      return stage("again", "Done", sentence("The answer goes back to ", back));
    }
    const end = turn.span.error ? "The run failed" : "The run is done";
    return stage("done", "The end", sentence(end));
  }
}

function stage(kind, title, ...content) {
  const head = el("h3", {}, el("i", { class: "knot" }), title);
  return el("section", { class: `stage stage-${kind}` }, head, ...content);
}

function nothing(text) {
  return el("p", { class: "nothing" }, text);
}

function knownValue(value) {
  return value == null ? nothing("not in the trace") : valueBlock(value);
}

function linkTo(text, click) {
  return el("button", { type: "button", class: "link", click }, text);
}

function spaced(nodes) {
  return nodes.flatMap((node, place) => (place ? [", ", node] : [node]));
}

function timeOf(span) {
  if (span.end !== null) return formatDuration(span.duration);
  return span.isRunning ? "running" : "not finished";
}

function totalOf(turn) {
  return turn.span.tokens.input + turn.span.tokens.output;
}

function turnsInside(span) {
  const found = [];
  const waiting = [...span.children];
  while (waiting.length) {
    const each = waiting.shift();
    if (each.kind === "model" && each.turn) found.push(each.turn);
    else waiting.push(...each.children);
  }
  return found;
}

// What a turn led to, in a few words.
function outcomeOf(turn) {
  const failed = turn.spans.find((span) => span.error && span.kind !== "tool");
  if (failed) return `failed: ${firstWords(failed.error.message)}`;
  if (turn.handoff) return `hands off to ${turn.handoff.data.to_agent ?? "another agent"}`;
  if (turn.tools.length) return `calls ${turn.tools.map((span) => span.name).join(", ")}`;
  if (turn.span.isRunning) return "the model is answering …";
  const items = listOf(turn.span.data.output);
  const calls = items.filter((item) => item?.type === "function_call");
  if (calls.length) return `asks for ${calls.map((item) => item.name).join(", ")}`;
  return firstWords(items.map(textOf).findLast(Boolean) ?? items.at(-1)?.type ?? "");
}
