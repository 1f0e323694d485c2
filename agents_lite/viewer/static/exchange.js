// A trace in short: what was asked, what was answered, and by whom.

function drawExchange(trace, open) {
  const box = byId("answer");
  const drawn = JSON.stringify([trace.id, trace.isRunning, trace.spans.map((span) => [span.end, span.error])]);
  if (box.dataset.drawn === drawn) return; // what a reader has unfolded stays so
  box.dataset.drawn = drawn;
  const calls = trace.spans.filter((span) => span.kind === "model");
  const top = calls.filter((span) => !span.nearest("tool"));
  const asked = top.map(questionOf).find(Boolean) ?? null;
  const parts = [
    exchangePart("Question", asked ? itemCard(asked, new Map()) : nothing("It is not in the trace.")),
    exchangePart("Answer", ...answerCards(trace, top)),
  ];
  const failed = trace.spans.filter((span) => span.error);
  if (failed.length) {
    const boxes = failed.slice(0, 5).map((span) => {
      const where = linkTo(`${span.kind} ${span.name}`, () => open(span));
      return el("div", {}, where, errorBox(span.error));
    });
    parts.push(exchangePart("What went wrong", ...boxes));
  }
  const agents = trace.spans.filter((span) => span.kind === "agent").map((span) => span.name);
  if (agents.length) parts.push(exchangePart("Who worked on it", chips([...new Set(agents)])));
  box.replaceChildren(el("div", { class: "exchange-page" }, ...parts));
}

function exchangePart(title, ...nodes) {
  return el("section", { class: "section" }, el("h3", {}, title), ...nodes);
}

function questionOf(span) {
  return listOf(span.data.input).findLast((item) => item?.role === "user") ?? null;
}

// What a model said in its last call; in one that it ended with calls, those.
function answerCards(trace, calls) {
  if (trace.isRunning) return [nothing("The run goes on …")];
  const items = listOf(calls.at(-1)?.data.output);
  const said = items.filter((item) => item?.role === "assistant");
  const cards = itemCards(said.length ? said : items, new Map());
  return cards.length ? cards : [nothing("There is none in the trace.")];
}
