// Pieces of the page. Whatever comes from a trace gets into it as text, never as HTML.

const SVG = "http://www.w3.org/2000/svg";
const ICONS = {
  agent:
    "M8 8.1a2.6 2.6 0 1 0 0-5.2 2.6 2.6 0 0 0 0 5.2M3 13.4c.6-2.3 2.5-3.5 5-3.5s4.4 1.2 5 3.5",
  model: "M8 1.8l1.6 4.6L14.2 8 9.6 9.6 8 14.2 6.4 9.6 1.8 8l4.6-1.6z",
  tool: "M2.8 4.2L6.6 8l-3.8 3.8M8.2 12h5",
  handoff: "M2 8h11M9 4l4 4-4 4",
  guardrail: "M8 1.9l5 1.8v4.1c0 3-2 5.1-5 6.3-3-1.2-5-3.3-5-6.3V3.7z",
  custom: "M4.2 2.2v11.6M4.2 3h7.6l-2 2.8 2 2.8H4.2",
  error: "M8 2.2l6.2 11.2H1.8zM8 6.4v3.2M8 11.6v.1",
  caret: "M6 4l4 4-4 4",
};

// An element. Attributes that are functions listen to events; children are nodes or texts.
function el(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (typeof value === "function") element.addEventListener(name, value);
    else if (value === true) element.setAttribute(name, "");
    else if (value !== false && value !== null) element.setAttribute(name, value);
  }
  element.append(...children.filter((child) => child !== null && child !== ""));
  return element;
}

function icon(name) {
  const picture = document.createElementNS(SVG, "svg");
  picture.setAttribute("viewBox", "0 0 16 16");
  picture.setAttribute("class", `icon icon-${name}`);
  picture.setAttribute("aria-hidden", "true");
  const path = document.createElementNS(SVG, "path");
  path.setAttribute("d", ICONS[name]);
  picture.append(path);
  return picture;
}

function byId(id) {
  return document.getElementById(id);
}

// A list of any length in which only the rows in sight exist. All rows have one height.
class LongList {
  // `drawRow(item, index)` gives an element.
  constructor(scroller, rowHeight, drawRow) {
    this.scroller = scroller;
    this.rowHeight = rowHeight;
    this.drawRow = drawRow;
    this.items = [];
    this.rows = el("div", { class: "rows" });
    scroller.append(this.rows);
    scroller.addEventListener("scroll", () => this.draw(), { passive: true });
    new ResizeObserver(() => this.draw()).observe(scroller);
  }

  show(items) {
    this.items = items;
    this.rows.style.height = `${items.length * this.rowHeight}px`;
    this.draw();
  }

  draw() {
    const { scrollTop, clientHeight } = this.scroller;
    const first = Math.max(0, Math.floor(scrollTop / this.rowHeight) - 4);
    const last = Math.ceil((scrollTop + clientHeight) / this.rowHeight) + 4;
    const rows = this.items.slice(first, last).map((item, offset) => {
      const row = this.drawRow(item, first + offset);
      row.style.top = `${(first + offset) * this.rowHeight}px`;
      return row;
    });
    this.rows.replaceChildren(...rows);
  }

  reveal(index) {
    const top = index * this.rowHeight;
    const { scrollTop, clientHeight } = this.scroller;
    if (top < scrollTop) this.scroller.scrollTop = top - this.rowHeight;
    else if (top + 2 * this.rowHeight > scrollTop + clientHeight) {
      this.scroller.scrollTop = top + 2 * this.rowHeight - clientHeight;
    }
    this.draw();
  }
}
