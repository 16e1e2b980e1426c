// Hearing a call: its waveform, its player where there is a recording, and the place in the transcript that goes along.

import { byId, element } from "./dom.js";
import { ask } from "./feed.js";
import { Player } from "./player.js";
import { quietAndLoud } from "./timeline.js";
import { Waveform } from "./waveform.js";
import { t } from "./wording.js";
import { side, speaker } from "./words.js";

const POINTS = 3000;
const LIVE_MS = 10000;
const TOLD_CHARACTERS = 70;

export class Listening {
  /** path: of the call in the API; timeline: the transcript's. */
  constructor({ path, timeline }) {
    Object.assign(this, { path, timeline, player: null, waveform: null, stretches: [], marks: [], told: null, stood: 0 });
    this.place = byId("player");
    this.onPress = () => {};
    // What is said scrolls to below the player, however tall that is.
    new ResizeObserver(() => document.documentElement.style.setProperty("--player", `${this.place.offsetHeight}px`)).observe(this.place);
  }

  /** Milliseconds from the call's start: what is played, or was pointed at last. */
  get ms() {
    return this.player?.ms ?? this.stood;
  }

  get running() {
    return this.player?.running ?? false;
  }

  /** Shows what can be heard of a call, as the API tells it: with its recording, so far, or why nothing. */
  of(call) {
    const lanes = call.channels.slice(0, call.recording?.channels ?? call.channels.length).map(({ index, role }) => ({
      channel: index, name: speaker(call, index), side: side(index, role),
    }));
    if (call.recording && call.audible && !this.player) this.#makePlayer(call, lanes);
    else if ((call.state === "active" || call.recording) && !this.waveform && lanes.length) this.#makeMute(call, lanes);
    else if (call.ended_at && !call.recording) this.#sayWhyNot();
    for (const [row, name] of [...this.place.querySelectorAll(".lane-name")].entries()) name.textContent = lanes[row]?.name ?? "";
  }

  /** Draws who spoke when, and stretches that are bleeped or paused. */
  draw(view, covered) {
    const spans = [...view.rows.values()].map(({ channel, item }) => ({
      channel, start_ms: Number(item.dataset.start), end_ms: Number(item.dataset.end),
    }));
    this.spans = spans;
    this.stretches = [...covered, ...quietAndLoud(spans)];
    this.waveform?.draw(spans, this.stretches);
  }

  /** Puts marks on the waveform, in place of those there are. */
  mark(marks) {
    this.marks = marks;
    this.waveform?.mark(marks);
  }

  /** A call that goes on has become longer. */
  lengthen(ms) {
    if (!this.player) this.waveform?.lengthen(ms);
  }

  playFrom(ms) {
    if (this.player) this.player.playFrom(ms);
    else this.seek(ms);
    this.timeline.following = true;
  }

  /** Goes there, and plays on or not as before; the transcript goes along. */
  seek(ms) {
    this.player?.seek(ms);
    this.#stand(this.player ? this.player.ms : Math.max(0, ms), this.running);
    this.timeline.show();
  }

  /** Goes there and plays as far as the browser lets a page play by itself. */
  arriveAt(ms) {
    this.#stand(ms, false);
    this.timeline.show("center");
    this.player?.standAt(ms);
  }

  #stand(ms, running) {
    this.stood = ms;
    this.waveform?.stand(ms);
    this.timeline.mark(ms, running);
  }

  #makePlayer(call, lanes) {
    const duration = Math.max(1, call.recording.duration_ms);
    const transport = element("div", { className: "transport" });
    this.player = new Player({ place: transport, source: `${this.path}/audio`, duration, lanes });
    this.player.onTime = (ms, running) => {
      this.#stand(ms, running);
      this.onPress();
    };
    this.#makeWaveform(transport, { duration, lanes, head: (lane) => this.player.head(lane) });
    this.#read();
  }

  /** A call that cannot be played now: it goes on, or something is to be bleeped first. */
  #makeMute(call, lanes) {
    const duration = Math.max(1, call.recording?.duration_ms ?? Date.now() - Date.parse(call.started_at));
    const note = element("p", {
      className: "quiet transport-note",
      textContent: call.audible ? t("It can be played when the call has ended.") : t("It can be played once what is masked in its text is bleeped."),
    });
    this.#makeWaveform(element("div", { className: "transport" }, note), { duration, lanes });
    if (call.audible) this.#readAgain();
  }

  #makeWaveform(transport, { duration, lanes, head }) {
    const place = element("div", { className: "wave" });
    transport.append(byId("player-tools"));
    this.place.replaceChildren(transport, place);
    this.place.hidden = false;
    this.waveform = new Waveform({ place, duration, lanes, head });
    this.waveform.onSeek = (ms) => this.seek(ms);
    this.waveform.tell = (ms) => this.#said(ms);
    if (this.told) this.waveform.show(this.told);
    this.waveform.draw(this.spans ?? [], this.stretches);
    this.waveform.mark(this.marks);
  }

  #said(ms) {
    const [row] = this.timeline.at(ms);
    return row ? `${row.who.textContent}: ${row.committed.textContent.slice(0, TOLD_CHARACTERS)}` : "";
  }

  #sayWhyNot() {
    if (this.place.dataset.state === "none") return;
    this.place.dataset.state = "none";
    const note = element("p", { className: "quiet transport-note", textContent: t("There is no recording to play: none was kept, or its time was over.") });
    this.place.replaceChildren(element("div", { className: "transport" }, note, byId("player-tools")));
    this.place.hidden = false;
  }

  /** Without it, lanes show when somebody spoke. */
  async #read() {
    this.told = await ask(`${this.path}/waveform?points=${POINTS}`).catch(() => this.told);
    if (this.told) this.waveform.show(this.told);
  }

  async #readAgain() {
    if (this.player || this.place.dataset.state === "none") return;
    if (document.visibilityState === "visible") await this.#read();
    setTimeout(() => this.#readAgain(), LIVE_MS);
  }
}
