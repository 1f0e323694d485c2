// The timeline: a row for each span, with its bar under a common axis.

const ROW = 30; // px
const LANE = 8; // px, in the overview
const LANES = 7;
const NARROWEST = 0.05; // ms in sight at the deepest zoom
const [SECOND, MINUTE, HOUR, DAY] = [1000, 60000, 3600000, 86400000]; // ms
const LONG_STEPS = [
  ...[5, 10, 15, 30].map((seconds) => seconds * SECOND),
  ...[1, 2, 5, 10, 15, 30].map((minutes) => minutes * MINUTE),
  ...[1, 2, 6, 12, 24].map((hours) => hours * HOUR),
];

class Timeline {
  // `onSelect(span)` is told what the user picks.
  constructor(onSelect) {
    this.onSelect = onSelect;
    this.trace = null;
    this.view = null; // {from, to} in ms; null: the whole trace
    this.selected = null;
    this.folded = new Set(); // ids of spans whose children are hidden
    this.matches = null; // what the filter finds; null: no filter
    this.scroller = byId("rows");
    this.list = new LongList(this.scroller, ROW, (span, place) => this.drawRow(span, place));
    this.canvas = byId("overview-canvas");
    this.scroller.addEventListener("keydown", (event) => this.onKey(event));
    byId("timeline").addEventListener("wheel", (event) => this.onWheel(event), { passive: false });
    this.listenToBrush();
    byId("zoom-in").addEventListener("click", () => this.zoom(0.5));
    byId("zoom-out").addEventListener("click", () => this.zoom(2));
    byId("zoom-fit").addEventListener("click", () => this.look(null));
    new ResizeObserver(() => this.drawAxis()).observe(byId("overview"));
  }

  show(trace, matches) {
    if (trace.id !== this.trace?.id) {
      this.view = null;
      this.folded.clear();
      this.scroller.scrollTop = 0;
    }
    this.trace = trace;
    this.matches = matches;
    this.selected = this.selected && (trace.byId.get(this.selected.id) ?? null);
    this.list.show(this.rowsInSight());
    this.drawAxis();
    byId("no-spans").hidden = this.list.items.length > 0;
  }

  // Selects a span, and brings it into sight.
  select(span) {
    for (let above = span.parent; above; above = above.parent) this.folded.delete(above.id);
    this.selected = span;
    if (this.view && (span.start > this.view.to || span.until < this.view.from)) this.look(null);
    this.list.show(this.rowsInSight());
    this.revealSelected();
  }

  revealSelected() {
    const place = this.list.items.indexOf(this.selected);
    if (place >= 0) this.list.reveal(place);
  }

  rowsInSight() {
    const { from, to } = this.range;
    const isInView = (span) => !this.view || (span.start <= to && span.until >= from);
    const wanted = this.matches ? this.matchesWithParents() : this.unfolded();
    return this.trace.spans.filter((span) => wanted.has(span) && isInView(span));
  }

  matchesWithParents() {
    const shown = new Set();
    for (const match of this.matches) {
      for (let span = match; span && !shown.has(span); span = span.parent) shown.add(span);
    }
    return shown;
  }

  unfolded() {
    const shown = new Set();
    for (const span of this.trace.spans) {
      const { parent } = span;
      if (!parent || (shown.has(parent) && !this.folded.has(parent.id))) shown.add(span);
    }
    return shown;
  }

  get range() {
    return this.view ?? { from: 0, to: Math.max(this.trace.duration, NARROWEST) };
  }

  percent(ms) {
    const { from, to } = this.range;
    return Math.min(101, Math.max(-1, ((ms - from) / (to - from)) * 100));
  }

  drawRow(span, place) {
    const classes = ["row", `kind-${span.kind}`];
    if (span === this.selected) classes.push("selected");
    if (span.error) classes.push("failed");
    if (span.isRunning) classes.push("running");
    if (this.matches && !this.matches.has(span)) classes.push("dim");
    const label = el(
      "div",
      { class: "label" },
      this.drawCaret(span),
      icon(span.kind),
      el("span", { class: "name" }, span.name),
      span.kind === "tool" ? el("span", { class: "arguments" }, argumentsOf(span)) : null,
      span.error ? icon("error") : null,
    );
    label.style.paddingLeft = `${10 + Math.min(span.depth, 12) * 16}px`;
    const bar = el("div", { class: "bar" });
    bar.style.left = `${this.percent(span.start)}%`;
    bar.style.width = `${this.percent(span.until) - this.percent(span.start)}%`;
    const time = span.end === null ? (span.isRunning ? "running" : "not finished") : null;
    const row = el(
      "div",
      {
        id: `row-${place}`,
        class: classes.join(" "),
        role: "treeitem",
        title: `${span.kind}: ${span.name}`,
        "aria-level": span.depth + 1,
        "aria-selected": String(span === this.selected),
        // There is no click where the row is drawn anew before the button comes up again.
        mousedown: () => this.onSelect(span),
        click: () => this.onSelect(span),
        dblclick: () => this.lookAt(span),
      },
      label,
      el("div", { class: "track" }, bar),
      el("div", { class: "time" }, time ?? formatDuration(span.duration)),
      el("div", { class: "tokens" }, formatTokens(span.tokens)),
    );
    if (span.children.length) row.setAttribute("aria-expanded", !this.folded.has(span.id));
    if (span === this.selected) this.scroller.setAttribute("aria-activedescendant", row.id);
    return row;
  }

  drawCaret(span) {
    if (!span.children.length) return el("span", { class: "caret" });
    const toggle = (event) => {
      event.stopPropagation();
      this.fold(span, !this.folded.has(span.id));
    };
    const state = this.folded.has(span.id) ? "caret closed" : "caret";
    return el("span", { class: state, mousedown: toggle, dblclick: stop }, icon("caret"));
  }

  fold(span, isFolded) {
    if (isFolded) this.folded.add(span.id);
    else this.folded.delete(span.id);
    this.list.show(this.rowsInSight());
  }

  onKey(event) {
    const steps = { ArrowDown: 1, ArrowUp: -1, PageDown: 15, PageUp: -15 };
    const rows = this.list.items;
    const place = rows.indexOf(this.selected);
    if (event.key in steps && rows.length) {
      const next = place < 0 ? 0 : place + steps[event.key];
      this.onSelect(rows[Math.min(rows.length - 1, Math.max(0, next))]);
    } else if (event.key === "ArrowLeft" && this.selected) {
      const isOpen = this.selected.children.length && !this.folded.has(this.selected.id);
      if (isOpen) this.fold(this.selected, true);
      else if (this.selected.parent) this.onSelect(this.selected.parent);
    } else if (event.key === "ArrowRight" && this.selected) this.fold(this.selected, false);
    else if (event.key === "Enter" && this.selected) this.lookAt(this.selected);
    else return;
    event.preventDefault();
  }

  // ---- zoom ----

  look(view) {
    const end = Math.max(this.trace.duration, NARROWEST);
    const length = view ? Math.max(view.to - view.from, NARROWEST) : end;
    const from = view ? Math.min(Math.max(0, view.from), Math.max(0, end - length)) : 0;
    this.view = length >= end ? null : { from, to: from + length };
    this.list.show(this.rowsInSight());
    this.revealSelected();
    this.drawAxis();
  }

  lookAt(span) {
    const margin = Math.max(span.duration * 0.06, NARROWEST);
    this.look({ from: span.start - margin, to: span.until + margin });
  }

  // `at`: the moment that stays where it is, in ms; the middle when left out.
  zoom(factor, at) {
    const { from, to } = this.range;
    const centre = at ?? (from + to) / 2;
    this.look({ from: centre - (centre - from) * factor, to: centre + (to - centre) * factor });
  }

  onWheel(event) {
    const isZoom = event.ctrlKey || event.metaKey;
    const sideways = event.shiftKey ? event.deltaY : event.deltaX;
    if (!isZoom && !(this.view && Math.abs(sideways) > 1)) return;
    event.preventDefault();
    const { from, to } = this.range;
    const { left, width } = this.canvas.getBoundingClientRect();
    if (isZoom) {
      const at = from + ((event.clientX - left) / width) * (to - from);
      this.zoom(Math.exp(event.deltaY / 300), at);
    } else {
      const shift = (sideways / width) * (to - from);
      this.look({ from: from + shift, to: to + shift });
    }
  }

  // Drag over the overview to see that part only; a click there shows the whole again.
  listenToBrush() {
    let start = null;
    const momentAt = (event) => {
      const { left, width } = this.canvas.getBoundingClientRect();
      const share = Math.min(1, Math.max(0, (event.clientX - left) / width));
      return share * this.trace.duration;
    };
    this.canvas.addEventListener("pointerdown", (event) => {
      start = { x: event.clientX, ms: momentAt(event) };
      this.canvas.setPointerCapture(event.pointerId);
    });
    this.canvas.addEventListener("pointermove", (event) => {
      if (!start || Math.abs(event.clientX - start.x) < 4) return;
      const end = momentAt(event);
      this.look({ from: Math.min(start.ms, end), to: Math.max(start.ms, end) });
    });
    this.canvas.addEventListener("pointerup", (event) => {
      if (start && Math.abs(event.clientX - start.x) < 4) this.look(null);
      start = null;
    });
  }

  // ---- axis and overview ----

  drawAxis() {
    if (!this.trace || !this.canvas.clientWidth) return;
    const { from, to } = this.range;
    const step = niceStep((to - from) / Math.max(2, Math.floor(this.canvas.clientWidth / 110)));
    const marks = [];
    const lines = [];
    for (let ms = Math.ceil(from / step) * step; ms <= to; ms += step) {
      marks.push(el("span", {}, formatMark(ms, step)));
      lines.push(el("i"));
      marks.at(-1).style.left = lines.at(-1).style.left = `${this.percent(ms)}%`;
    }
    byId("marks").replaceChildren(...marks);
    byId("grid").replaceChildren(...lines);
    byId("zoom-fit").disabled = !this.view;
    this.drawOverview();
  }

  drawOverview() {
    const { canvas } = this;
    const deepest = this.trace.spans.reduce((most, span) => Math.max(most, span.depth), 1);
    canvas.style.height = `${8 + (Math.min(deepest, LANES - 1) + 1) * LANE}px`;
    const width = canvas.clientWidth;
    const whole = Math.max(this.trace.duration, NARROWEST);
    canvas.width = width * devicePixelRatio;
    canvas.height = canvas.clientHeight * devicePixelRatio;
    const pen = canvas.getContext("2d");
    pen.scale(devicePixelRatio, devicePixelRatio);
    const colours = kindColours();
    const colourOf = (span) => {
      if (this.matches && !this.matches.has(span)) return colours.line;
      return span.error ? colours.error : colours[span.kind];
    };
    const importance = (span) => (colourOf(span) === colours.line ? 0 : span.error ? 2 : 1);
    const byImportance = this.trace.spans.toSorted((a, b) => importance(a) - importance(b));
    for (const span of byImportance) {
      const top = 4 + Math.min(span.depth, LANES - 1) * LANE;
      const length = Math.max(1.5, (span.duration / whole) * width);
      pen.fillStyle = colourOf(span);
      pen.fillRect((span.start / whole) * width, top, length, LANE - 1.5);
    }
    const brush = byId("brush");
    brush.hidden = !this.view;
    brush.style.left = `${(this.range.from / whole) * 100}%`;
    brush.style.width = `${((this.range.to - this.range.from) / whole) * 100}%`;
  }
}

// A call's arguments, in a line.
function argumentsOf(span) {
  const { input } = span.data;
  return input == null ? "" : firstWords(typeof input === "string" ? input : JSON.stringify(input), 80);
}

function stop(event) {
  event.stopPropagation();
}

// The distance between marks on the axis: the next larger one that reads well.
function niceStep(ms) {
  const power = 10 ** Math.floor(Math.log10(ms));
  const steps = ms < 5000 ? [1, 2, 5, 10].map((each) => each * power) : LONG_STEPS;
  return steps.find((step) => step >= ms * 0.999) ?? Math.ceil(ms / DAY) * DAY;
}

function kindColours() {
  const probe = el("i", { hidden: true });
  document.body.append(probe);
  const colours = {};
  for (const kind of [...KIND_NAMES, "error", "line"]) {
    probe.style.color = `var(--${kind})`;
    colours[kind] = getComputedStyle(probe).color;
  }
  probe.remove();
  return colours;
}
