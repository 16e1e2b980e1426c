// How loud each party is over time, a lane each: drawn on canvas, a slider for hands and keys, marks for what is where.

import { element } from "./dom.js";
import { laneShapes, paintLane, paintStrip } from "./waves.js";
import { t } from "./wording.js";
import { clock } from "./words.js";

const STEP_MS = 5000;
const PAGE_MS = 60000;
const STRETCH_WORDS = {
  silence: t("Silence"), overtalk: t("Both speak"), pause: t("Not recorded"), bleep: t("Bleeped"),
};
const MARK_WORDS = { hit: t("Found"), note: t("Comment"), card: t("Assist card") };

export class Waveform {
  /**
   * place: where to build; duration: milliseconds; lanes: [{ channel, name, side }]; head(lane): what stands before a
   * lane. `onSeek(ms)` is called where somebody points or presses; `tell(ms)` says what is there.
   */
  constructor({ place, duration, lanes, head = ({ name }) => element("span", { className: "lane-name", textContent: name }) }) {
    Object.assign(this, { place, duration, lanes });
    this.onSeek = () => {};
    this.tell = () => "";
    this.shapes = new Map();
    this.spans = [];
    this.stretches = [];
    this.now = 0;
    this.#build(head);
    this.#listen();
  }

  /** Shows how loud it is: the API's answer. */
  show(told) {
    this.shapes = laneShapes(told);
    this.#paint();
  }

  /** Shows where each channel spoke ([{ channel, start_ms, end_ms }]), and stretches ([{ kind, channel, start_ms, end_ms }]). */
  draw(spans, stretches) {
    Object.assign(this, { spans, stretches });
    this.#paint();
    this.#explain();
  }

  /** Puts marks at moments: [{ kind, ms, text }]. */
  mark(marks) {
    this.marks = marks.filter(({ ms }) => ms <= this.duration);
    this.strip.replaceChildren(...this.marks.map(({ kind, ms, text }) => {
      const mark = element("span", { className: "wave-mark", title: `${clock(ms)} ${MARK_WORDS[kind]}${text ? `: ${text}` : ""}`, data: { kind, ms } });
      mark.style.left = this.#percent(ms);
      return mark;
    }));
    this.#explain();
  }

  /** Shows how far it is played. */
  stand(ms) {
    this.now = ms;
    this.needle.style.left = this.#percent(ms);
    this.box.style.setProperty("--rest", `${100 - Math.min(100, (ms / this.duration) * 100)}%`);
    const said = t("{time} of {length}", { time: clock(ms), length: clock(this.duration) });
    if (this.slider.getAttribute("aria-valuetext") === said) return;
    this.slider.setAttribute("aria-valuenow", String(Math.round(ms)));
    this.slider.setAttribute("aria-valuetext", said);
  }

  /** The call has become longer. */
  lengthen(duration) {
    this.duration = Math.max(1, duration);
    this.slider.setAttribute("aria-valuemax", String(this.duration));
    this.stand(this.now);
    this.mark(this.marks ?? []);
    this.#paint();
  }

  #percent(ms) {
    return `${Math.min(100, (ms / this.duration) * 100)}%`;
  }

  #build(head) {
    this.needle = element("div", { className: "wave-needle" });
    this.pointer = element("div", { className: "wave-pointer", hidden: true });
    this.readout = element("div", { className: "wave-readout", hidden: true });
    this.strip = element("div", { className: "wave-marks" });
    this.bands = element("canvas", { className: "wave-bands" });
    this.canvases = this.lanes.map(({ side }) => {
      const [rest, played] = ["wave-rest", "wave-played"].map((className) => element("canvas", { className, data: { side } }));
      return { rest, played };
    });
    const rows = this.canvases.map(({ rest, played }) => element("div", { className: "wave-lane" }, rest, played));
    this.slider = element(
      "div",
      {
        className: "wave-box", tabIndex: 0, role: "slider", ariaLabel: t("Place in the call"),
        attributes: { "aria-valuemin": 0, "aria-valuemax": this.duration, "aria-valuenow": 0 },
      },
      ...rows, this.bands, this.strip, this.needle, this.pointer, this.readout,
    );
    this.box = this.slider;
    this.legend = element("p", { className: "wave-legend" });
    this.place.replaceChildren(
      element("div", { className: "wave-heads" }, ...this.lanes.map((lane) => element("div", { className: "wave-head", data: { side: lane.side } }, head(lane)))),
      this.box, this.legend,
    );
    this.stand(0);
  }

  #listen() {
    this.box.addEventListener("pointerdown", (event) => this.#take(event));
    this.box.addEventListener("pointermove", (event) => this.#point(event));
    this.box.addEventListener("pointerleave", () => this.#pointAway());
    this.box.addEventListener("keydown", (event) => this.#step(event));
    new ResizeObserver(() => this.#paint()).observe(this.box);
    new MutationObserver(() => this.#paint()).observe(document.documentElement, { attributeFilter: ["data-theme"] });
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => this.#paint());
    this.#watchDensity();
  }

  /** Another screen, or another zoom, has other pixels. */
  #watchDensity() {
    matchMedia(`(resolution: ${devicePixelRatio}dppx)`).addEventListener("change", () => {
      this.#paint();
      this.#watchDensity();
    }, { once: true });
  }

  #at({ clientX }) {
    const { left, width } = this.bands.getBoundingClientRect();
    return Math.max(0, Math.min(1, (clientX - left) / width)) * this.duration;
  }

  #take(event) {
    if (event.button) return;
    const mark = event.target.closest(".wave-mark");
    this.box.setPointerCapture(event.pointerId);
    this.dragged = true;
    this.onSeek(mark ? Number(mark.dataset.ms) : this.#at(event));
    this.box.addEventListener("pointerup", () => (this.dragged = false), { once: true });
    this.box.addEventListener("pointercancel", () => (this.dragged = false), { once: true });
  }

  #point(event) {
    const ms = this.#at(event);
    if (this.dragged) this.onSeek(ms);
    const { left, width } = this.bands.getBoundingClientRect();
    const told = [clock(ms), ...this.#kindsAt(ms), this.tell(ms)].filter(Boolean).join(" · ");
    if (this.readout.textContent !== told) this.readout.textContent = told;
    for (const each of [this.pointer, this.readout]) {
      each.hidden = false;
      each.style.left = `${event.clientX - left}px`;
    }
    this.readout.dataset.edge = event.clientX - left > width / 2 ? "right" : "left";
  }

  #pointAway() {
    this.pointer.hidden = this.readout.hidden = true;
  }

  #kindsAt(ms) {
    const there = this.stretches.filter(({ start_ms, end_ms }) => start_ms <= ms && ms < (end_ms ?? this.duration));
    return [...new Set(there.map(({ kind }) => STRETCH_WORDS[kind]))];
  }

  #step(event) {
    const place = {
      ArrowLeft: this.now - STEP_MS, ArrowDown: this.now - STEP_MS, ArrowRight: this.now + STEP_MS, ArrowUp: this.now + STEP_MS,
      PageDown: this.now - PAGE_MS, PageUp: this.now + PAGE_MS, Home: 0, End: this.duration,
    }[event.key];
    if (place === undefined || event.ctrlKey || event.altKey || event.metaKey || event.shiftKey) return;
    event.preventDefault();
    this.onSeek(Math.max(0, Math.min(this.duration, place)));
  }

  #paint() {
    const loudest = Math.max(26, ...[...this.shapes.values()].map(({ loudest }) => loudest));
    this.lanes.forEach(({ channel }, row) => {
      const lane = {
        shape: this.shapes.get(channel), loudest, duration: this.duration, spans: this.spans.filter((span) => span.channel === channel),
        stretches: this.stretches.filter((each) => each.channel === channel),
      };
      for (const canvas of Object.values(this.canvases[row])) paintLane(canvas, lane);
    });
    paintStrip(this.bands, this.stretches.filter((each) => each.channel === null), this.duration);
  }

  /** Says what the signs stand for, of those that are there. */
  #explain() {
    const kinds = new Set([...this.stretches, ...(this.marks ?? [])].map(({ kind }) => kind));
    const words = { ...STRETCH_WORDS, ...MARK_WORDS };
    const known = Object.keys(words).filter((kind) => kinds.has(kind));
    this.legend.replaceChildren(...known.map((kind) => element("span", { className: "wave-key", data: { kind }, textContent: words[kind] })));
    this.legend.hidden = !known.length;
  }
}
