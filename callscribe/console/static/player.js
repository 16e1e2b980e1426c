// The recording of a call: one audio element, lanes that show who spoke when, and a switch for each channel.

import { element, shape } from "./dom.js";
import { clock } from "./words.js";

const LANE_HEIGHT = 20;
const STEP_MS = 5000;

export class Player {
  /** place: where to build; source: address of the WAV; duration_ms; lanes: [{channel, name, side}]. */
  constructor({ place, source, duration, lanes }) {
    Object.assign(this, { place, source, duration, lanes });
    this.audio = element("audio", { src: source, preload: "metadata" });
    this.gains = null;
    this.onTime = () => {};
    this.#build();
    this.#listen();
  }

  /** Plays from a time of the call, in milliseconds. */
  playFrom(ms) {
    this.audio.currentTime = ms / 1000;
    this.#play();
  }

  /** The same without a press, which a browser may forbid: then it stands there, and Play goes on from it. */
  standAt(ms) {
    this.audio.currentTime = ms / 1000;
    this.audio.play().catch(() => this.#pressed());
  }

  /** Draws when each channel spoke: spans are [{channel, start_ms, end_ms}]. */
  draw(spans) {
    const rows = new Map(this.lanes.map((lane, row) => [lane.channel, { ...lane, row }]));
    const bars = spans.filter((span) => rows.has(span.channel)).map((span) => {
      const lane = rows.get(span.channel);
      const bar = shape("rect", {
        class: "spoken", x: span.start_ms, y: lane.row * LANE_HEIGHT + 5, height: LANE_HEIGHT - 10,
        width: Math.max(span.end_ms - span.start_ms, 1), opacity: 0.75,
      });
      bar.dataset.side = lane.side;
      return bar;
    });
    this.drawing.replaceChildren(...bars, this.needle);
  }

  #build() {
    const height = Math.max(1, this.lanes.length) * LANE_HEIGHT;
    this.needle = shape("line", { class: "needle", x1: 0, x2: 0, y1: 0, y2: height });
    this.drawing = shape("svg", {
      viewBox: `0 0 ${Math.max(1, this.duration)} ${height}`, preserveAspectRatio: "none", "aria-hidden": "true",
    });
    this.drawing.append(this.needle);
    this.slider = element("input", {
      type: "range", min: 0, max: this.duration, step: 100, value: 0, ariaLabel: "Place in the call",
      attributes: { "aria-valuetext": clock(0) },
    });
    this.button = element("button", { type: "button", className: "play", ariaLabel: "Play", ariaPressed: "false" });
    this.button.append(
      drawShape("play-shape", "M4 2.5v11l9-5.5z"),
      drawShape("pause-shape", "M3.5 2.5h3v11h-3zM9.5 2.5h3v11h-3z"),
    );
    this.clocks = element("span", { className: "clocks", textContent: `0:00 / ${clock(this.duration)}` });
    this.place.replaceChildren(
      element("div", { className: "transport" }, this.button, this.clocks, this.#switches()),
      element("div", { className: "lanes" }, this.drawing, this.slider),
      this.audio,
    );
    this.place.hidden = false;
  }

  #switches() {
    const group = element("div", { className: "channels", role: "group", ariaLabel: "Heard channels" });
    this.boxes = this.lanes.map((lane) => element("input", { type: "checkbox", checked: true }));
    this.lanes.forEach((lane, row) => {
      this.boxes[row].addEventListener("change", () => this.#mix());
      group.append(element("label", { className: "toggle" }, this.boxes[row], lane.name));
    });
    return group;
  }

  #listen() {
    this.button.addEventListener("click", () => (this.audio.paused ? this.#play() : this.audio.pause()));
    this.slider.addEventListener("input", () => (this.audio.currentTime = this.slider.value / 1000));
    this.slider.addEventListener("keydown", (event) => this.#step(event));
    for (const type of ["play", "pause", "ended"]) this.audio.addEventListener(type, () => this.#pressed());
    for (const type of ["timeupdate", "seeked"]) this.audio.addEventListener(type, () => this.#moved());
  }

  #step(event) {
    const step = { ArrowLeft: -STEP_MS, ArrowRight: STEP_MS }[event.key];
    if (step) this.audio.currentTime = Math.max(0, this.audio.currentTime + step / 1000);
    if (event.key === " ") this.button.click();
    if (step || event.key === " ") event.preventDefault();
  }

  #pressed() {
    const playing = !this.audio.paused;
    this.button.ariaPressed = String(playing);
    this.button.ariaLabel = playing ? "Pause" : "Play";
    if (playing) this.#tick();
  }

  /** timeupdate comes four times a second, too seldom to mark single words. */
  #tick() {
    this.#moved();
    if (!this.audio.paused) requestAnimationFrame(() => this.#tick());
  }

  #moved() {
    const ms = this.audio.currentTime * 1000;
    const written = `${clock(ms)} / ${clock(this.duration)}`;
    this.needle.setAttribute("x1", ms);
    this.needle.setAttribute("x2", ms);
    this.slider.value = ms;
    if (this.clocks.textContent !== written) {
      this.clocks.textContent = written;
      this.slider.setAttribute("aria-valuetext", clock(ms));
    }
    this.onTime(ms, !this.audio.paused);
  }

  #play() {
    this.#route();
    this.audio.play().catch(() => this.#pressed());
  }

  /** Every channel goes to both ears through a gain of its own; browsers allow this only after a press. */
  #route() {
    if (this.gains || this.lanes.length < 2) return;
    const context = new AudioContext();
    const splitter = context.createChannelSplitter(this.lanes.length);
    context.createMediaElementSource(this.audio).connect(splitter);
    this.gains = this.lanes.map((lane, row) => {
      const gain = context.createGain();
      splitter.connect(gain, row);
      gain.connect(context.destination);
      return gain;
    });
    this.#mix();
  }

  #mix() {
    this.#route();
    this.gains?.forEach((gain, row) => (gain.gain.value = this.boxes[row].checked ? 1 : 0));
  }
}

function drawShape(className, path) {
  const svg = shape("svg", { class: className, viewBox: "0 0 16 16", "aria-hidden": "true" });
  svg.append(shape("path", { d: path }));
  return svg;
}
