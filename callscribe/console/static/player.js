// The recording of a call: one audio element with its controls, and a switch for each channel.

import { element, shape } from "./dom.js";
import { t } from "./wording.js";
import { clock } from "./words.js";

const SPEEDS = [0.5, 0.75, 1, 1.25, 1.5, 1.75, 2, 2.5, 3];
const SPEED = "callscribe.speed";

export class Player {
  /** place: where to build the controls; source: address of the WAV; duration: milliseconds; lanes: [{ channel, name, side }]. */
  constructor({ place, source, duration, lanes }) {
    Object.assign(this, { place, source, duration, lanes });
    this.audio = element("audio", { src: source, preload: "metadata", preservesPitch: true });
    this.gains = null;
    this.onTime = () => {};
    this.boxes = new Map(lanes.map((lane) => [lane.channel, element("input", { type: "checkbox", checked: true })]));
    this.#build();
    this.#listen();
    this.setSpeed(Number(localStorage.getItem(SPEED)) || 1);
  }

  get ms() {
    return this.audio.currentTime * 1000;
  }

  get running() {
    return !this.audio.paused;
  }

  /** Plays from a time of the call, in milliseconds. */
  playFrom(ms) {
    this.seek(ms);
    this.#play();
  }

  /** The same without a press, which a browser may forbid: then it stands there, and Play goes on from it. */
  standAt(ms) {
    this.seek(ms);
    this.audio.play().catch(() => this.#pressed());
  }

  /** Goes to a time of the call, in milliseconds, and plays on or not as before. */
  seek(ms) {
    this.audio.currentTime = Math.max(0, Math.min(this.duration, ms)) / 1000;
  }

  toggle() {
    if (this.audio.paused) this.#play();
    else this.audio.pause();
  }

  /** One of SPEEDS; voices keep their pitch. */
  setSpeed(speed) {
    const next = SPEEDS.includes(speed) ? speed : 1;
    this.audio.defaultPlaybackRate = this.audio.playbackRate = next;
    this.speeds.value = String(next);
    localStorage.setItem(SPEED, String(next));
    return next;
  }

  /** Faster (1) or slower (-1) by a step; says how fast it is now. */
  changeSpeed(step) {
    const at = SPEEDS.indexOf(this.audio.playbackRate) + step;
    return this.setSpeed(SPEEDS[Math.max(0, Math.min(SPEEDS.length - 1, at))]);
  }

  /** What stands before a channel's lane: its name, and whether it is heard. */
  head({ channel, name }) {
    return element("label", { className: "toggle", title: t("Hear {name}", { name }) }, this.boxes.get(channel), element("span", { className: "lane-name", textContent: name }));
  }

  #build() {
    this.button = element("button", { type: "button", className: "play", ariaLabel: t("Play"), ariaPressed: "false", attributes: { "aria-keyshortcuts": "k" } });
    this.button.append(
      drawShape("play-shape", "M4 2.5v11l9-5.5z"),
      drawShape("pause-shape", "M3.5 2.5h3v11h-3zM9.5 2.5h3v11h-3z"),
    );
    this.clocks = element("span", { className: "clocks", textContent: `0:00 / ${clock(this.duration)}` });
    this.speeds = element(
      "select", { className: "speeds", ariaLabel: t("Speed") },
      ...SPEEDS.map((speed) => element("option", { value: speed, textContent: `${speed}×` })),
    );
    this.place.replaceChildren(this.button, this.clocks, this.speeds, this.audio);
  }

  #listen() {
    this.button.addEventListener("click", () => this.toggle());
    this.speeds.addEventListener("change", () => this.setSpeed(Number(this.speeds.value)));
    for (const box of this.boxes.values()) box.addEventListener("change", () => this.#mix());
    for (const type of ["play", "pause", "ended"]) this.audio.addEventListener(type, () => this.#pressed());
    for (const type of ["timeupdate", "seeking", "seeked"]) this.audio.addEventListener(type, () => this.#moved());
  }

  #pressed() {
    const playing = !this.audio.paused;
    this.button.ariaPressed = String(playing);
    this.button.ariaLabel = playing ? t("Pause") : t("Play");
    if (playing) this.#tick();
  }

  /** timeupdate comes four times a second, too seldom to mark single words. */
  #tick() {
    this.#moved();
    if (!this.audio.paused) requestAnimationFrame(() => this.#tick());
  }

  #moved() {
    const written = `${clock(this.ms)} / ${clock(this.duration)}`;
    if (this.clocks.textContent !== written) this.clocks.textContent = written;
    this.onTime(this.ms, this.running);
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
    this.lanes.forEach(({ channel }, row) => {
      if (this.gains) this.gains[row].gain.value = this.boxes.get(channel).checked ? 1 : 0;
    });
  }
}

function drawShape(className, path) {
  const svg = shape("svg", { class: className, viewBox: "0 0 16 16", "aria-hidden": "true" });
  svg.append(shape("path", { d: path }));
  return svg;
}
