// The chat: what was said, what is being said, and the run beside it.

const settings = JSON.parse(document.getElementById("source").textContent);
const byId = (id) => document.getElementById(id);
const [log, hints, send, stop, clear] = ["log", "hints", "send", "stop", "clear"].map(byId);
const [form, main] = ["form", "main"].map((tag) => document.querySelector(tag));
const message = form.elements.message;

let agent = settings.agent; // who is speaking
let speaker = null; // whose name was shown last
let bubble = null; // the answer that is being written
let answering = false;
let underway = Promise.resolve(); // the answer that is being written, or the last one
let known = 0; // items of the conversation that the server keeps

// Texts of the model and of tools only ever become text nodes, never HTML.
function newElement(className, text, tag = "div") {
  const made = document.createElement(tag);
  made.className = className;
  made.textContent = text;
  return made;
}

function add(className, text, parent = log) {
  const atEnd = main.scrollHeight - main.scrollTop - main.clientHeight < 80;
  const made = newElement(className, text);
  parent.append(made);
  if (atEnd) main.scrollTop = main.scrollHeight;
  return made;
}

// ---- the answer that is being written ----

function openBubble() {
  if (speaker !== agent) add("name", (speaker = agent));
  bubble = { element: add("bubble agent writing", ""), text: "", isDue: false };
}

function write(text) {
  if (!bubble) openBubble();
  bubble.text += text;
  if (bubble.isDue) return;
  bubble.isDue = true; // many pieces may come between two pictures
  requestAnimationFrame(draw.bind(null, bubble));
}

function draw(drawn) {
  const atEnd = main.scrollHeight - main.scrollTop - main.clientHeight < 160;
  drawn.isDue = false;
  drawn.element.replaceChildren(markdown(drawn.text));
  if (atEnd) main.scrollTop = main.scrollHeight;
}

function endBubble(text = bubble?.text) {
  if (!bubble) return;
  bubble.text = text;
  draw(bubble);
  bubble.element.classList.remove("writing");
  bubble = null;
}

// ---- items ----

const textOf = (content) =>
  typeof content === "string" ? content : content.map((part) => part.text ?? part.refusal ?? "").join("");

// What a tool of whatever type gave: text, parts, or what commands wrote.
function outputOf({ output }) {
  if (typeof output === "string") return output;
  if (!Array.isArray(output)) return output?.type ?? "";
  return output.map((part) => part.text ?? `${part.stdout ?? ""}${part.stderr ?? ""}`).join("");
}

const argumentsOf = ({ arguments: text, input, action, actions, operation }) =>
  text ?? input ?? JSON.stringify(action ?? actions ?? operation ?? {});

// History and live answers are made of the same items: those of the Responses API.
function showItem(item) {
  known++;
  if (item.role === "user") showQuestion(textOf(item.content));
  else if (item.role === "assistant") {
    if (!bubble) openBubble();
    endBubble(textOf(item.content));
  } else if (item.type?.endsWith("_call")) {
    const name = item.name ?? item.type;
    const card = addCall({ call_id: item.call_id ?? item.id, name, arguments: argumentsOf(item) });
    if (item.call_id) add("output waiting", "…", card); // others are made by the model's server
  } else if (item.type?.endsWith("_output")) {
    showOutput(item.call_id ?? item.id, outputOf(item));
  }
}

function showQuestion(text) {
  agent = settings.agent;
  speaker = null;
  add("bubble user", text);
}

function addCall({ call_id, name, arguments: text }) {
  if (speaker !== agent) add("name", (speaker = agent));
  const card = add("tool", "");
  card.dataset.call = call_id;
  add("call", `${name}(${shownArguments(text)})`, card);
  return card;
}

const cardOf = (callId) =>
  [...log.querySelectorAll(".tool")].findLast((each) => each.dataset.call === callId);

function shownArguments(text) {
  try {
    const values = Object.entries(JSON.parse(text));
    return values.map(([name, value]) => `${name}=${JSON.stringify(value)}`).join(", ");
  } catch {
    return text; // models make mistakes
  }
}

// The agent that takes over by what a handoff gave; null: it is the output of a tool.
function takerOf(text) {
  try {
    const { assistant, ...rest } = JSON.parse(text);
    return typeof assistant === "string" && !Object.keys(rest).length ? assistant : null;
  } catch {
    return null;
  }
}

function showOutput(callId, text) {
  const card = cardOf(callId);
  const taker = takerOf(text);
  if (taker !== null) {
    if (card) withdraw(card);
    agent = taker;
    add("note handoff", `handed over to ${agent}`);
  } else if (card) {
    card.querySelector(".output, .decision")?.remove();
    add("output", text, card);
  }
}

// Take a card away, with the name above it that nothing else stands under.
function withdraw(card) {
  const above = card.previousElementSibling;
  if (!card.nextElementSibling && above?.matches(".name")) above.remove();
  card.remove();
}

// ---- calls that wait for the visitor ----

// Those of agents inside tools have no card yet.
function showWaiting(call) {
  const card = cardOf(call.call_id) ?? addCall(call);
  card.querySelector(".output")?.remove();
  const decision = add("decision", "", card);
  const words = call.question ?? `${call.agent} asks whether to do this.`;
  const question = newElement("", call.url ? `${words} ${call.url}` : words, "p");
  const reason = document.createElement("input");
  reason.placeholder = reason.ariaLabel = "Reason, if you say no";
  const form = (call.fields ?? []).map((field) => [field, newField(field)]);
  const labels = call.question ? ["Answer", "Decline"] : ["Approve", "Reject"];
  const buttons = ["approve", "reject"].map((verdict, place) => {
    const button = newElement(verdict, labels[place], "button");
    const fields = () => (call.url ? "" : JSON.stringify(Object.fromEntries(form.flatMap(valueOf))));
    button.onclick = () => decide(call, verdict, reason.value, call.question ? fields() : "");
    return button;
  });
  reason.onkeydown = (event) => {
    if (event.key === "Enter" && !event.isComposing) buttons[1].click();
  };
  const inputs = form.map(([, input]) => input);
  const refusal = newElement("refusal", ""); // keeps the reason beside its button
  refusal.append(reason, buttons[1]);
  decision.append(question, ...inputs, buttons[0], call.question ? buttons[1] : refusal);
  main.scrollTop = main.scrollHeight;
}

// A field of a form of an MCP server.
function newField({ name, title, description, type, choices, required, default: value }) {
  const input = document.createElement(choices ? "select" : "input");
  const several = choices && type === "array";
  input.multiple = several;
  for (const choice of choices ? [...(several ? [] : [""]), ...choices] : []) {
    input.append(new Option(choice, choice, false, several && (value ?? []).includes(choice)));
  }
  if (type === "boolean") {
    input.type = "checkbox";
    input.checked = value === true;
  } else if (!several) {
    input.value = value ?? "";
  }
  input.name = name;
  input.ariaLabel = input.title = description ?? title;
  input.placeholder = required ? title : `${title}, if you like`;
  return input;
}

function valueOf([{ name, type }, input]) {
  if (type === "boolean") return [[name, input.checked]];
  if (input.value === "") return [];
  if (input.multiple) return [[name, [...input.selectedOptions].map((each) => each.value)]];
  if (type === "integer" || type === "number") return [[name, Number(input.value)]];
  if (type === "array") return [[name, input.value.split(",").map((each) => each.trim())]];
  return [[name, input.value]];
}

async function decide({ call_id: call, question_name: question = "" }, verdict, reason, fields) {
  await underway; // its end may still be on its way
  if (answering || !log.querySelector(".decision")) return;
  const decisions = [...log.querySelectorAll(".decision")].map((each) => [each.parentElement, each]);
  decisions.forEach(([, decision]) => decision.remove());
  add("output waiting", "…", cardOf(call));
  const last = await follow("decide", { call, question, verdict, reason, fields });
  if (last === "decided") {
    await showHistory(); // in another window, perhaps, and there is more by now
    add("note", "This was decided before.");
  } else if (last === "") {
    decisions.forEach(([card, decision]) => card.append(decision)); // the click may be repeated
    log.querySelector(".ended button")?.remove();
    setAnswering(false);
  }
}

// ---- asking ----

function ask(text) {
  if (answering) return;
  log.querySelectorAll(".ended button").forEach((button) => button.remove());
  known++;
  showQuestion(text);
  return follow("ask", { message: text });
}

const LAST = ["done", "waiting", "decided", "error"]; // the events that end an answer

// Show what an answer consists of; gives the name of its last event.
const follow = (address, fields) => (underway = showAnswer(address, fields));

async function showAnswer(address, fields) {
  setAnswering(true);
  forgetEnd();
  let last = "";
  let end = null;
  try {
    const response = await answered(post(address, fields));
    for await (const [name, content] of serverSentEvents(response.body)) {
      showEvent(name, content);
      last = name;
      if (name === "error") end = content;
      if (name === "done" && content === null) end = { message: "Stopped.", isStop: true };
    }
    if (!LAST.includes(last)) throw new Error("The connection broke off.");
  } catch (error) {
    const isCutOff = error instanceof TypeError; // as browsers say of a connection
    end = { message: isCutOff ? "The connection broke off." : error.message };
  }
  const partial = bubble?.text ?? "";
  endBubble();
  log.querySelectorAll(".waiting").forEach((output) => output.remove());
  if (end) await showEnd({ ...end, partial, question: lastQuestion() });
  setAnswering(false);
  if (settings.conversations) showConversations();
  return last;
}

function showEvent(name, content) {
  if (name === "delta") write(content);
  if (name === "item") showItem(content);
  if (name === "run") showRun(content);
  if (name === "worker") stop.hidden = true; // it goes on, whoever leaves
  if (name === "waiting") content.forEach(showWaiting);
}

// The response to a request; an Error in words for the visitor where there is none, or a refusal.
async function answered(request) {
  const response = await request.catch(() => null);
  if (!response) throw new Error("The server cannot be reached.");
  if (!response.ok) throw new Error(await wordsOf(response));
  return response;
}

async function wordsOf(response) {
  const told = await response.json().catch(() => null);
  return told?.error ?? `The server answered ${response.status}.`;
}

function post(address, fields = {}) {
  const body = new URLSearchParams({ ...settings.fields, ...fields });
  return fetch(address, { method: "POST", body });
}

// EventSource can only GET, and would ask again by itself when a connection breaks off.
async function* serverSentEvents(stream) {
  const reader = stream.pipeThrough(new TextDecoderStream()).getReader();
  let buffer = "";
  for (let part = await reader.read(); !part.done; part = await reader.read()) {
    const events = (buffer + part.value).split("\n\n");
    buffer = events.pop();
    for (const event of events) {
      const found = event.match(/^event: (.*)\ndata: (.*)$/m); // not so the comments of proxies
      if (found) yield [found[1], JSON.parse(found[2])];
    }
  }
}

function setAnswering(value) {
  answering = value;
  document.body.classList.toggle("answering", value);
  send.hidden = clear.disabled = value;
  stop.hidden = !value;
  hints.hidden = true;
  const waits = log.querySelector(".decision") !== null;
  message.disabled = send.disabled = waits;
  message.placeholder = waits ? "First decide about the call" : "Write a message";
  if (!value && !waits) message.focus();
}

// ---- turns that did not come to their end ----

// The server keeps whole turns only; what is left of the others is kept in this tab, to be seen
// and asked again after a reload as well.
const END = `ended:${location.pathname}`;

const lastQuestion = () => [...log.querySelectorAll(".user")].at(-1)?.textContent ?? "";

async function showEnd(end) {
  const items = await fetchHistory().then((history) => history.items, () => null);
  if (items) known = items.length;
  try {
    sessionStorage.setItem(END, JSON.stringify({ ...end, known }));
  } catch {
    // the browser keeps nothing for this page
  }
  drawEnd(end);
}

// `again` is what a click repeats.
function drawEnd({ message, details, isStop }, again = askAgain) {
  const box = add(`ended ${isStop ? "stopped" : "error"}`, "");
  const retry = newElement("", "Retry", "button");
  retry.onclick = () => {
    if (answering) return;
    box.remove();
    again();
  };
  box.append(newElement("", message, "p"), retry);
  if (details) {
    const more = document.createElement("details");
    more.append(newElement("", "What went wrong", "summary"), newElement("", details, "pre"));
    box.append(more);
  }
  main.scrollTop = main.scrollHeight;
}

function keptEnd() {
  try {
    return JSON.parse(sessionStorage.getItem(END));
  } catch {
    return null;
  }
}

function forgetEnd() {
  try {
    sessionStorage.removeItem(END);
  } catch {
    // as above
  }
}

// What was left of the last turn, unless the conversation has gone on elsewhere.
function showKeptEnd(items) {
  const end = keptEnd();
  if (!end || end.known !== items.length) return;
  if (!isOpen(items, end.question)) showQuestion(end.question);
  if (end.partial) {
    write(end.partial);
    endBubble();
  }
  drawEnd(end);
}

// Whether the items end with what was done about a question, and no answer.
function isOpen(items, question) {
  const asked = items.findLast((item) => item.role === "user");
  return Boolean(asked) && items.at(-1).role !== "assistant" && textOf(asked.content) === question;
}

async function askAgain() {
  const question = lastQuestion();
  const history = await fetchHistory().catch((error) => drawEnd(error));
  if (!history || answering) return;
  const { items } = history;
  forgetEnd();
  drawHistory(history);
  if (!isOpen(items, question)) showQuestion(question);
  await follow("ask", { message: question, again: "yes" });
}

// ---- the conversations, and the run ----

async function showConversations() {
  const response = await fetch(settings.conversations).catch(() => null);
  if (!response?.ok) return; // the list stays as it is
  byId("list").replaceChildren(...(await response.json()).map(conversationRow));
}

function conversationRow({ address, title }) {
  const isHere = new URL(address, location).pathname === location.pathname;
  const row = newElement(`conversation${isHere ? " current" : ""}`, "");
  const link = newElement("", title, "a");
  link.href = address;
  link.title = title;
  const remove = newElement("", "✕", "button");
  remove.title = "Delete this conversation";
  remove.onclick = async () => {
    try {
      await answered(post(`${address}clear`));
    } catch (error) {
      return drawEnd(error, remove.onclick); // such as: it is being answered
    }
    if (isHere) location.assign(settings.begin);
    else showConversations();
  };
  row.append(link, remove);
  return row;
}

// `traceId` is null as long as nothing was run.
function showRun(traceId) {
  if (!settings.runs) return;
  const frame = byId("run").querySelector("iframe");
  const address = `${settings.runs}?beside#${encodeURIComponent(traceId ?? "")}`;
  if (frame && traceId) {
    const shown = frame.contentWindow;
    if (shown.location.href.endsWith(address)) shown.dispatchEvent(new Event("hashchange")); // it goes on
    else shown.location.replace(address);
  } else if (traceId) {
    const made = document.createElement("iframe");
    made.title = "The run";
    made.src = address;
    byId("run").replaceChildren(made);
  } else byId("run").replaceChildren(newElement("", "The run appears here, turn by turn.", "p"));
}

function toggle(button, panel) {
  panel.hidden = !panel.hidden;
  button.ariaPressed = String(!panel.hidden);
}

// ---- start ----

form.onsubmit = (event) => {
  event.preventDefault();
  const text = message.value.trim();
  if (!text || answering) return;
  message.value = "";
  ready.then(() => ask(text));
};
message.onkeydown = (event) => {
  if (event.key === "Enter" && !event.shiftKey && !event.isComposing) {
    event.preventDefault();
    form.requestSubmit();
  }
};
hints.onclick = (event) => {
  if (event.target.matches("button")) ask(event.target.textContent);
};
stop.onclick = () => post("stop");
addEventListener("pagehide", () => {
  if (answering) navigator.sendBeacon("stop", new URLSearchParams(settings.fields));
});
clear.onclick = async () => {
  if (settings.begin) return location.assign(settings.begin);
  try {
    await answered(post("clear"));
  } catch (error) {
    return drawEnd(error, clear.onclick);
  }
  forgetEnd();
  await showHistory();
};

const fetchHistory = async () => (await answered(fetch("history"))).json();

const showHistory = () => fetchHistory().then(drawHistory, (error) => drawEnd(error, showHistory));

function drawHistory({ items, waiting, trace }) {
  log.replaceChildren();
  agent = settings.agent;
  speaker = null;
  known = 0;
  items.forEach(showItem);
  log.querySelectorAll(".waiting").forEach((output) => output.remove());
  waiting.forEach(showWaiting);
  showKeptEnd(items);
  if (trace !== undefined) showRun(trace);
  setAnswering(false);
  hints.hidden = log.hasChildNodes();
  main.scrollTop = main.scrollHeight;
}

document.title = byId("title").textContent = settings.title;
byId("notice").textContent = settings.notice;
byId("notice").hidden = !settings.notice;
hints.append(...settings.hints.map((hint) => newElement("", hint, "button")));
const isWide = matchMedia("(min-width: 62rem)").matches;
for (const [name, panel] of [["conversations", "list"], ["runs", "run"]]) {
  if (!settings[name]) continue;
  const button = byId(`show-${panel}`);
  button.hidden = false;
  button.onclick = () => toggle(button, byId(panel));
  if (isWide) button.onclick();
}
if (settings.conversations) showConversations();
const ready = showHistory().then(() => document.body.classList.add("ready"));
