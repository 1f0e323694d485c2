// Two runs side by side: what only one of them has, turn by turn.

async function offerComparison(trace) {
  const select = el("select", { "aria-label": "The other trace", change: () => show(select.value) });
  const result = el("div", { class: "compared" });
  const show = async (other) => {
    if (!other) return result.replaceChildren(nothing("Choose the other trace."));
    const { runs, error } = await askAbout(trace, `beside/${encodeURIComponent(other)}`);
    if (select.value !== other) return; // another one was chosen meanwhile
    result.replaceChildren(...(error ? [nothing(error)] : runs.map(comparedRun)));
  };
  const { conversations, error } = await askServer("conversations?limit=50");
  if (error) return offerText("There is nothing to compare with", error);
  const others = conversations.flatMap(({ traces }) => traces).filter((each) => each.trace_id !== trace.id);
  const labels = others.map((each) =>
    el("option", { value: each.trace_id }, `${formatMoment(each.started)}  ${firstWords(each.question ?? each.workflow_name, 60)}`),
  );
  select.append(el("option", { value: "" }, "Which other one?"), ...labels);
  openWindow("Compared with another run", el("div", {}, el("p", {}, select), result));
  show("");
}

function comparedRun(run) {
  const sides = ["recorded", "replayed"];
  const used = sides.map((side) => {
    const [input, output] = run[`${side}_tokens`];
    return [formatTokens({ input, output }), formatCost(run[`${side}_cost`])].filter(Boolean).join(" · ");
  });
  const head = el("tr", {}, el("th"), el("th", {}, "This run", el("small", {}, used[0])), el("th", {}, "The other", el("small", {}, used[1])));
  const rows = run.differences.map((each) => {
    const place = each.turn === null ? "The end" : `Turn ${each.turn}`;
    const where = [...each.inside, place, each.call].filter(Boolean).join(" › ");
    return el("tr", {}, el("th", { scope: "row" }, where, el("small", {}, each.what)), ...differing(each.recorded, each.replayed));
  });
  return rows.length ? el("table", {}, head, ...rows) : nothing(`The runs are the same. ${used[0]}`);
}

// The two texts as cells, with what differs in their middle marked.
function differing(one, other) {
  const [before, now] = [one, other].map((text) => text.split(/(\s+)/));
  let start = 0;
  while (start < Math.min(before.length, now.length) && before[start] === now[start]) start += 1;
  let end = 0;
  const most = Math.min(before.length, now.length) - start;
  while (end < most && before.at(-1 - end) === now.at(-1 - end)) end += 1;
  return [before, now].map((words) => {
    const last = words.length - end;
    const parts = [words.slice(0, start), words.slice(start, last), words.slice(last)].map((each) => each.join(""));
    return el("td", {}, parts[0], parts[1] ? el("mark", {}, parts[1]) : "", parts[2]);
  });
}
