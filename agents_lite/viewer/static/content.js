// What spans hold: texts, JSON, the items that models are sent and send back.

const CLIP = 3000; // characters shown at first
const SHORT = 64; // characters of JSON that may stand on one line
const NO_COLOURS = 60000; // characters of JSON above which it is shown plainly
const JSON_TOKENS =
  /"[^"\\]*(?:\\.[^"\\]*)*"|-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?|true|false|null|[{}[\],:]/g;

// A text; a long one is cut until it is asked for in full. `draw` makes a node of a text.
function textBlock(text, className = "text", draw = (shown) => document.createTextNode(shown)) {
  const block = el("div", { class: className }, draw(text.slice(0, CLIP)));
  if (text.length <= CLIP) return block;
  const showAll = () => {
    block.replaceChildren(draw(text));
    more.remove();
  };
  const label = `Show all ${formatNumber(text.length)} characters`;
  const more = el("button", { class: "more", type: "button", click: showAll }, label);
  return el("div", { class: "clipped" }, block, more);
}

// A value: text as it is, JSON and the text of JSON laid out and coloured.
function valueBlock(value) {
  if (typeof value !== "string") return jsonBlock(JSON.stringify(value));
  if (/^\s*[{[]/.test(value)) {
    try {
      JSON.parse(value);
      return jsonBlock(value);
    } catch {
      // it only looks like JSON
    }
  }
  return textBlock(value);
}

function jsonBlock(json) {
  const text = indentJson(json);
  return textBlock(text, "json", text.length > NO_COLOURS ? undefined : colourJson);
}

// JSON over several lines; what is short stays on one. Tokens stay as they are: numbers lose no
// digits.
function indentJson(json) {
  const tokens = (json.match(JSON_TOKENS) ?? []).map((token) => token.replace(/^[,:]$/, "$& "));
  const shortOnes = shortParts(tokens);
  let margin = "\n";
  let text = "";
  let inLineUntil = -1; // place of a token
  for (const [place, token] of tokens.entries()) {
    if (place <= inLineUntil) text += token;
    else if (shortOnes.has(place)) {
      inLineUntil = shortOnes.get(place);
      text += token;
    } else if (/^[{[]/.test(token)) {
      margin += "  ";
      text += token + margin;
    } else if (/^[}\]]/.test(token)) {
      margin = margin.slice(0, -2);
      text += margin + token;
    } else text += token === ", " ? `,${margin}` : token;
  }
  return text;
}

// Where the objects and lists that fit on a line begin -> where they end.
function shortParts(tokens) {
  const found = new Map();
  const open = [];
  let length = 0;
  for (const [place, token] of tokens.entries()) {
    if (/^[{[]/.test(token)) open.push({ place, length });
    length += token.length;
    if (/^[}\]]/.test(token)) {
      const start = open.pop();
      if (length - start.length <= SHORT) found.set(start.place, place);
    }
  }
  return found;
}

function colourJson(text) {
  const pieces = document.createDocumentFragment();
  let done = 0;
  for (const { 0: token, index } of text.matchAll(JSON_TOKENS)) {
    if (/[{}[\],:]/.test(token[0])) continue;
    const isKey = token[0] === '"' && text[index + token.length] === ":";
    const kind = isKey ? "key" : token[0] === '"' ? "string" : "number";
    pieces.append(text.slice(done, index), el("span", { class: `json-${kind}` }, token));
    done = index + token.length;
  }
  pieces.append(text.slice(done));
  return pieces;
}

function section(title, ...children) {
  return el("section", { class: "section" }, el("h3", {}, title), ...children);
}

function folded(summary, draw, className = "folded") {
  const box = el("details", { class: className }, el("summary", {}, summary));
  box.addEventListener("toggle", () => box.append(draw()), { once: true });
  return box;
}

function chips(names) {
  const each = names.map((name) => el("span", { class: "chip" }, String(name)));
  return el("div", { class: "chips" }, ...each);
}

function errorBox(error) {
  const box = el("div", { class: "error-box" }, icon("error"));
  const { type, traceback, ...rest } = hasContent(error.data) ? error.data : {};
  const title = el("strong", {}, String(type ?? "Error"));
  const text = el("div", {}, title, textBlock(String(error.message)));
  if (traceback) text.append(folded("Traceback", () => textBlock(String(traceback), "json")));
  if (hasContent(rest)) text.append(valueBlock(rest));
  box.append(text);
  return box;
}

// Items of a model's input or output. `names` are those of tools, by the ids of their calls.
function itemCards(items, names) {
  return items.map((item) => itemCard(item, names));
}

function itemCard(item, names) {
  const type = item?.type ?? "message";
  if (type === "message" && item?.role) {
    const long = item.role === "system" || item.role === "developer";
    return card(item.role, long ? "instructions" : item.role, ...messageParts(item));
  }
  if (type === "function_call") {
    const target = String(item.name ?? "");
    return card("call", ["calls ", el("b", {}, target)], valueBlock(item.arguments ?? ""));
  }
  if (type === "function_call_output") {
    const name = names.get(item.call_id);
    return card("result", name ? ["result of ", el("b", {}, name)] : "result", outputOf(item));
  }
  if (type === "reasoning") {
    return card("reasoning", "reasoning", textBlock(textOf(item) || "(not shown by the server)"));
  }
  return card("other", String(type), valueBlock(item));
}

function messageParts(item) {
  if (typeof item.content === "string") return [valueBlock(item.content)];
  return listOf(item.content).map((part) => valueBlock(part?.text ?? part?.refusal ?? part));
}

function outputOf(item) {
  return valueBlock(item.output ?? "");
}

function card(kind, title, ...body) {
  const head = el("div", { class: "card-head" }, ...[title].flat());
  return el("div", { class: `card card-${kind}` }, head, ...body);
}

function toolNames(...lists) {
  const calls = lists.flat().filter((item) => item?.type === "function_call");
  return new Map(calls.map((item) => [item.call_id, String(item.name)]));
}

// What a span is about, as sections.
function spanSections(span) {
  const { data } = span;
  const sections = span.error ? [errorBox(span.error)] : [];
  const add = (title, ...nodes) => sections.push(section(title, ...nodes));
  if (span.kind === "model") {
    const input = listOf(data.input);
    const output = listOf(data.output);
    const names = toolNames(input, output);
    if (data.response_id) add("Response", textBlock(String(data.response_id), "json"));
    const { tools, ...settings } = data.model_config ?? {};
    if (hasContent(settings)) add("Settings", valueBlock(settings));
    if (listOf(tools).length) add("Was offered", ...tools.map(offeredTool));
    if (data.usage) add("Usage", valueBlock(data.usage));
    if (output.length) add("Came back", ...itemCards(output, names));
    if (input.length) add("Was sent", ...itemCards(input, names));
  } else if (span.kind === "tool") {
    if (data.input != null) add("Arguments", valueBlock(data.input));
    if (data.output != null) add("Output", valueBlock(data.output));
  } else if (span.kind === "agent") {
    if (listOf(data.tools).length) add("Tools", chips(data.tools));
    if (listOf(data.handoffs).length) add("May hand off to", chips(data.handoffs));
    if (data.output_type) add("Final output", chips([data.output_type]));
  } else if (span.kind === "guardrail") {
    add("Verdict", textBlock(data.triggered ? "Triggered: the run was stopped" : "Passed"));
  } else if (span.kind === "custom" && hasContent(data.data)) {
    add("Data", valueBlock(data.data));
  }
  const whole = () => jsonBlock(JSON.stringify({ id: span.id, parent: span.parentId, ...data }));
  sections.push(folded("All as JSON", whole));
  return sections;
}

function offeredTool(tool) {
  const name = String(tool?.name ?? tool?.type ?? "?");
  return folded(name, () => valueBlock(tool), "offered");
}

function hasContent(value) {
  return value && typeof value === "object" && Object.keys(value).length > 0;
}
