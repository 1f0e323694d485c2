// What can be taken along: a model call as a request, a run as a test, a link to a span.

// A text in a window of its own, to be read, copied and, with a name for a file, saved.
function offerText(title, text, file = "") {
  const copied = el("span", { class: "quiet", role: "status" });
  const copy = () =>
    navigator.clipboard.writeText(text).then(
      () => (copied.textContent = "copied"),
      () => (copied.textContent = "select the text and copy it"),
    );
  const content = el("pre", { class: "json", tabindex: "0" }, text);
  const save = { download: file, href: `data:text/plain;charset=utf-8,${encodeURIComponent(text)}` };
  const saving = file ? [el("a", { class: "more", ...save }, "Save")] : [];
  openWindow(title, content, el("button", { type: "button", class: "more", click: copy }, "Copy"), ...saving, copied);
}

function openWindow(title, content, ...actions) {
  const close = () => window.close();
  const window = el(
    "dialog",
    { class: "offer" },
    el("h2", {}, title),
    content,
    el("p", {}, ...actions, el("button", { type: "button", class: "more", click: close }, "Close")),
  );
  window.addEventListener("close", () => window.remove());
  document.body.append(window);
  window.showModal();
}

// Links to what can be done with a span.
function spanActions(span) {
  const actions = [];
  if (span.kind === "model" && listOf(span.data.input).length) {
    actions.push(linkTo("as curl", () => offerText("This request, for a shell", asCommand(span))));
    actions.push(linkTo("as Python", () => offerText("This request, in Python", asPython(span))));
  }
  actions.push(linkTo("link", () => offerText("This span", linkToSpan(span))));
  return el("p", { class: "actions" }, ...actions);
}

function linkToSpan(span) {
  const place = source ? "" : encodeURIComponent(app.trace.id);
  return `${location.href.split("#")[0]}#${place}/${encodeURIComponent(span.id)}`;
}

// The body of a request to the Responses API.
function requestBody({ data }) {
  const { tools, retries, output, tool_choice, ...settings } = data.model_config ?? {};
  const items = listOf(data.input);
  const isSystem = items[0]?.role === "system";
  const body = { model: data.model };
  if (isSystem) body.instructions = textOf(items[0]);
  body.input = isSystem ? items.slice(1) : items;
  if (listOf(tools).length) body.tools = tools;
  const known = ["auto", "required", "none"];
  if (typeof tool_choice === "string") {
    body.tool_choice = known.includes(tool_choice) ? tool_choice : { type: "function", name: tool_choice };
  }
  const { max_tokens, verbosity, ...rest } = settings;
  if (max_tokens) body.max_output_tokens = max_tokens;
  if (output || verbosity) body.text = {};
  if (output) body.text.format = { type: "json_schema", name: "final_output", schema: output, strict: true };
  if (verbosity) body.text.verbosity = verbosity;
  return { ...body, ...rest };
}

const ADDRESS = "https://" + "api.openai.com/v1";

function asCommand(span) {
  const json = JSON.stringify(requestBody(span), null, 2);
  return [
    `curl "\${OPENAI_BASE_URL:-${ADDRESS}}/responses" \\`,
    `  -H "Authorization: Bearer $OPENAI_API_KEY" \\`,
    `  -H "Content-Type: application/json" \\`,
    `  --data-binary ${quoted(json)}`,
    "",
  ].join("\n");
}

// For a shell; nothing in it means anything there.
function quoted(text) {
  return `'${text.replaceAll("'", "'\\''")}'`;
}

function asPython(span) {
  return [
    "import os",
    "",
    "import requests",
    "",
    `server = os.environ.get("OPENAI_BASE_URL", "${ADDRESS}")`,
    "response = requests.post(",
    '    f"{server}/responses",',
    `    headers={"Authorization": f"Bearer {os.environ['OPENAI_API_KEY']}"},`,
    `    json=${pythonOf(requestBody(span), "    ")},`,
    "    timeout=600,",
    ")",
    "response.raise_for_status()",
    "print(response.json())",
    "",
  ].join("\n");
}

// Python for a JSON value. JSON's texts and numbers are Python's, too.
function pythonOf(value, margin) {
  if (value === null || value === undefined) return "None";
  if (value === true) return "True";
  if (value === false) return "False";
  if (typeof value !== "object") return JSON.stringify(value);
  const inner = `${margin}    `;
  const lines = Array.isArray(value)
    ? value.map((each) => pythonOf(each, inner))
    : Object.entries(value).map(([name, each]) => `${JSON.stringify(name)}: ${pythonOf(each, inner)}`);
  const [open, close] = Array.isArray(value) ? "[]" : "{}";
  if (!lines.length) return open + close;
  return `${open}\n${lines.map((line) => `${inner}${line},\n`).join("")}${margin}${close}`;
}

// What the server makes of a trace.
const askAbout = (trace, what) => askServer(`traces/${encodeURIComponent(trace.id)}/${what}`);

// Its answer; {error: words} where there is none.
async function askServer(address) {
  try {
    return await (await fetch(address)).json();
  } catch {
    return { error: "The server does not answer." };
  }
}

async function offerTest(trace) {
  const { text, error } = await askAbout(trace, "test");
  if (error) offerText("There is no test of this", error);
  else offerText("This run as a test", text, "test_run.py");
}

async function offerCassette(trace) {
  const { text, error } = await askAbout(trace, "cassette");
  if (error) offerText("There is no cassette of this", error);
  else offerText("This run as a cassette", text, "run.json");
}
