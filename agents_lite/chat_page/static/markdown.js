"use strict";

// Markdown -> nodes. What a model writes becomes text, and the elements that are named here: never
// HTML of its own, no pictures from elsewhere, and no links but to web pages and mail.

const DEEPEST = 8; // lists and quotations inside each other; what lies deeper is plain text
const LONGEST = 20000; // characters of one paragraph; a longer one is plain text
const FENCE = /^ {0,3}(`{3,}|~{3,})/;
const HEADING = /^ {0,3}(#{1,6})\s+(.*?)[\s#]*$/;
const RULE = /^ {0,3}([-*_])( *\1){2,} *$/;
const QUOTE = /^ {0,3}> ?/;
const ITEM = /^( *)([-*+]|\d{1,9}[.)])( +)(?=\S)/;
const TABLE_RULE = /^ *\|?( *:?-+:? *\|)+( *:?-+:? *)?$/;
const SAFE_LINK = /^(https?:\/\/|mailto:)/i;
const INLINE = new RegExp(
  [
    /\\(?<escaped>[!-/:-@[-`{-~])/,
    /(?<ticks>`+)(?<code>[^`]|[^`].*?[^`])\k<ticks>(?!`)/,
    /!?\[(?<label>[^[\]]*)\]\((?<target>[^\s()]+)(?: +"[^"]*")?\)/,
    /(?<url>https?:\/\/[^\s<>"'`()[\]*]*[^\s<>"'`()[\]*.,;:!?])/,
    /\*\*(?=\S)(?<strong>.+?)(?<=\S)\*\*/,
    /(?<!\w)__(?=\S)(?<strong2>.+?)(?<=\S)__(?!\w)/,
    /\*(?=[^\s*])(?<em>[^*]+?)(?<=\S)\*/,
    /(?<!\w)_(?=[^\s_])(?<em2>[^_]+?)(?<=\S)_(?!\w)/,
    /~~(?=\S)(?<del>.+?)(?<=\S)~~/,
  ].map(({ source }) => source).join("|"),
  "gs",
);

function markdown(text) {
  return blocksOf(text.split("\n"), 0);
}

function element(tag, ...children) {
  const made = document.createElement(tag);
  made.append(...children);
  return made;
}

function blocksOf(lines, depth) {
  const blocks = document.createDocumentFragment();
  let at = 0;
  while (at < lines.length) {
    const [block, next] = blockAt(lines, at, depth);
    if (block) blocks.append(block);
    at = next;
  }
  return blocks;
}

// The block that begins in a line (null: an empty line), and the place of the line behind it.
function blockAt(lines, at, depth) {
  const line = lines[at];
  if (!line.trim()) return [null, at + 1];
  if (FENCE.test(line)) return codeAt(lines, at);
  const heading = line.match(HEADING);
  if (heading) {
    const level = Math.min(6, heading[1].length + 2); // the page has a heading of its own
    return [element(`h${level}`, inline(heading[2])), at + 1];
  }
  if (RULE.test(line)) return [element("hr"), at + 1];
  if (depth < DEEPEST && QUOTE.test(line)) return quoteAt(lines, at, depth);
  if (depth < DEEPEST && ITEM.test(line)) return listAt(lines, at, depth);
  if (line.includes("|") && TABLE_RULE.test(lines[at + 1] ?? "")) return tableAt(lines, at);
  return paragraphAt(lines, at, depth);
}

function codeAt(lines, at) {
  const [mark] = lines[at].trim().match(/^(`+|~+)/);
  const closes = (line) => line.trim().startsWith(mark) && !line.trim().slice(mark.length).trim();
  let end = at + 1;
  while (end < lines.length && !closes(lines[end])) end++;
  const code = lines.slice(at + 1, end).join("\n");
  return [element("pre", element("code", code)), end + 1];
}

function quoteAt(lines, at, depth) {
  let end = at;
  while (end < lines.length && QUOTE.test(lines[end])) end++;
  const inner = lines.slice(at, end).map((line) => line.replace(QUOTE, ""));
  return [element("blockquote", blocksOf(inner, depth + 1)), end];
}

function listAt(lines, at, depth) {
  const [, indent, mark] = lines[at].match(ITEM);
  const isOrdered = /\d/.test(mark);
  const list = element(isOrdered ? "ol" : "ul");
  if (isOrdered && parseInt(mark) !== 1) list.start = parseInt(mark);
  const isSibling = (line) => {
    const found = line?.match(ITEM);
    return found && found[1].length <= indent.length && /\d/.test(found[2]) === isOrdered;
  };
  while (isSibling(lines[at])) {
    const [whole] = lines[at].match(ITEM);
    const item = [lines[at].slice(whole.length)];
    at++;
    while (at < lines.length && belongs(lines, at, indent.length)) {
      const margin = lines[at].match(/^ */)[0].length;
      item.push(lines[at].slice(Math.min(margin, whole.length)));
      at++;
    }
    list.append(element("li", blocksOf(item, depth + 1)));
    if (!lines[at]?.trim() && isSibling(lines[at + 1])) at++;
  }
  return [list, at];
}

// Whether a line goes on with the item of a list whose mark stands that far in.
function belongs(lines, at, indent) {
  const isDeeper = (line) => line.match(/^ */)[0].length > indent;
  if (lines[at].trim()) {
    return isDeeper(lines[at]) || (lines[at - 1].trim() && !begins(lines[at]));
  }
  return Boolean(lines[at + 1]?.trim()) && isDeeper(lines[at + 1]);
}

function tableAt(lines, at) {
  const cells = (line) => line.trim().replace(/^\||\|$/g, "").split("|");
  const row = (line, tag) =>
    element("tr", ...cells(line).map((cell) => element(tag, inline(cell.trim()))));
  const body = element("tbody");
  let end = at + 2;
  while (lines[end]?.includes("|")) body.append(row(lines[end++], "td"));
  const box = element("div", element("table", element("thead", row(lines[at], "th")), body));
  box.className = "table"; // a wide one scrolls by itself
  return [box, end];
}

function begins(line) {
  return [FENCE, HEADING, RULE, QUOTE, ITEM].some((pattern) => pattern.test(line));
}

function paragraphAt(lines, at, depth) {
  let end = at + 1;
  while (lines[end]?.trim() && (depth >= DEEPEST || !begins(lines[end]))) end++;
  const paragraph = element("p");
  for (const [place, line] of lines.slice(at, end).entries()) {
    if (place) paragraph.append(element("br"));
    paragraph.append(inline(line.trim()));
  }
  return [paragraph, end];
}

function inline(text) {
  const pieces = document.createDocumentFragment();
  let done = 0;
  for (const found of text.length > LONGEST ? [] : text.matchAll(INLINE)) {
    pieces.append(text.slice(done, found.index), inlineNode(found[0], found.groups));
    done = found.index + found[0].length;
  }
  pieces.append(text.slice(done));
  return pieces;
}

function inlineNode(whole, { escaped, code, label, target, url, del, ...marked }) {
  const strong = marked.strong ?? marked.strong2;
  const em = marked.em ?? marked.em2;
  if (escaped) return escaped;
  if (code) return element("code", code.trim() || code);
  if (url) return link(url, url);
  if (target) return SAFE_LINK.test(target) ? link(target, inline(label || target)) : whole;
  if (strong) return element("strong", inline(strong));
  if (em) return element("em", inline(em));
  return element("del", inline(del));
}

function link(target, label) {
  const made = element("a", label);
  made.href = target;
  made.target = "_blank";
  made.rel = "noopener noreferrer";
  return made;
}
