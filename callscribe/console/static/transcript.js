// A list of utterances that grows while people speak. One utterance is one element from its first partial to its last
// revision, so a final settles where its partial stood.

import { element } from "./dom.js";
import { pieces } from "./pieces.js";
import { versionList } from "./versions.js";
import { t } from "./wording.js";
import { clock, side } from "./words.js";

const NEAR_END_PX = 48;
const MARGIN_PX = 20;
const TOGETHER_MS = 1000;
const NOTHING = "\u2014";
const PERSON = "person";
/** Of more utterances than this, words that can be pressed are made as they come near: of an hour they are 15,000. */
const MANY = 200;
const NEAR = "1500px";
/** What is left of an idle moment when no more words are made in it: a few rows, and their layout. */
const IDLE_MS = 8;

export class TranscriptView {
  /**
   * list: the <ol>; scroller: what scrolls it; nameOf(channel, role, number): who speaks; limit: rows kept, 0 for all;
   * full: shows times, words and older texts; corrects: with a button to correct, where it is full.
   */
  constructor({ list, scroller, nameOf, limit = 0, full = false, corrects = full }) {
    Object.assign(this, { list, scroller, nameOf, limit, full, corrects });
    this.rows = new Map();
    this.open = new Map();
    this.engines = new Set();
    this.seekable = false;
    this.pinned = true;
    const scrolled = scroller === document.scrollingElement ? window : scroller;
    scrolled.addEventListener("scroll", () => (this.pinned = this.atEnd()), { passive: true });
    this.onFinal = () => {};
    this.onFilled = () => {};
    this.far = new Map();
    this.idle = null;
    this.nearing = new IntersectionObserver((seen) => this.#near(seen), { rootMargin: NEAR });
  }

  /** Makes the words of a row that can be pressed, where they wait until it comes near. */
  fill(row) {
    if (!this.far.delete(row.item)) return;
    this.nearing.unobserve(row.item);
    this.#write(row, row.shown);
    this.onFilled(row);
  }

  #near(seen) {
    for (const { isIntersecting, target } of seen) {
      if (isIntersecting && this.far.has(target)) this.fill(this.far.get(target));
    }
  }

  /** Makes the others while the browser has nothing else to do: who scrolls fast later waits for none. */
  #fillIdly() {
    this.idle ??= window.requestIdleCallback?.((left) => {
      this.idle = null;
      for (const row of this.far.values()) {
        if (left.timeRemaining() < IDLE_MS) break;
        this.fill(row);
      }
      if (this.far.size) this.#fillIdly();
    }) ?? null;
  }

  /** Takes an utterance event; keeps the reader's place unless they were at the end. */
  take(event) {
    const atEnd = this.atEnd();
    if (event.type === "utterance.partial") this.#partial(event);
    if (event.type === "utterance.final") this.#final(event);
    if (event.type === "utterance.revised") this.#revised(event);
    if (event.type === "utterance.speakers") this.#speakers(event);
    if (atEnd) this.toEnd();
  }

  /** Shows a stored utterance in its newest text. */
  show(stored) {
    const row = this.#settle(stored);
    row.original = stored.final.text;
    const newest = stored.revisions.at(-1) ?? stored.final;
    if (this.full && this.rows.size > MANY && !row.shown) {
      this.far.set(row.item, row);
      this.nearing.observe(row.item);
      this.#fillIdly();
    }
    this.#write(row, { ...newest, end_ms: stored.end_ms, turns: stored.turns });
    this.#showEngine(row, stored.final.engine, stored.language);
    row.versions = [stored.final, ...stored.revisions.map((made) => ({ ...made, at: made.made_at }))];
    this.#note(row, newest, stored.revisions.length);
  }

  /** Marks where nothing was kept because somebody wanted it so; what began and ended together is one mark. */
  showPauses(pauses, nameOf) {
    const atEnd = this.atEnd();
    for (const mark of this.list.querySelectorAll(".pause")) mark.remove();
    const near = (one, other) => one === other || (one !== null && other !== null && Math.abs(one - other) < TOGETHER_MS);
    const marks = [];
    for (const pause of pauses) {
      const same = marks.find(([first]) => near(first.start_ms, pause.start_ms) && near(first.end_ms, pause.end_ms));
      if (same) same.push(pause);
      else marks.push([pause]);
    }
    for (const mark of marks) this.#place(this.#makePause(mark, nameOf));
    if (atEnd) this.toEnd();
  }

  #makePause([first, ...others], nameOf) {
    const who = [first, ...others].map((pause) => nameOf(pause.channel)).join(", ");
    const [start, end] = [clock(first.start_ms), clock(first.end_ms ?? 0)];
    const told = first.end_ms === null
      ? t("Not recorded, as wanted: from {start}, {who}", { start, who })
      : t("Not recorded, as wanted: {start} to {end}, {who}", { start, end, who });
    return element(
      "li", { className: "pause quiet", data: { start: first.start_ms, end: first.end_ms ?? first.start_ms } },
      first.reason ? t("{text} ({reason})", { text: told, reason: first.reason }) : told,
    );
  }

  /** Takes away what is still being spoken: the call is over. */
  dropPartials() {
    for (const id of [...this.open.values()]) this.#remove(id);
  }

  /** Whether the newest utterance is in sight. */
  atEnd() {
    return this.#beyond() < NEAR_END_PX;
  }

  /** Brings the newest utterance into sight, and moves nothing where it is. */
  toEnd() {
    const beyond = this.#beyond() + MARGIN_PX;
    if (beyond > 0) this.scroller.scrollTop += beyond;
  }

  /** Keeps the newest utterance in sight when the window has taken another size. */
  resized() {
    if (this.pinned) this.toEnd();
  }

  /** How far the newest utterance reaches below what is seen, in pixels. */
  #beyond() {
    const newest = this.list.lastElementChild;
    const edge = this.scroller === document.scrollingElement ? innerHeight : this.scroller.getBoundingClientRect().bottom;
    return newest ? newest.getBoundingClientRect().bottom - edge : -MARGIN_PX;
  }

  /** Writes the speakers' names again after the call's parties changed. */
  rename() {
    for (const row of this.rows.values()) this.#name(row);
  }

  /** Lets words and times be pressed to play from there. */
  allowSeeking() {
    this.seekable = true;
    for (const row of this.rows.values()) row.when.disabled = false;
  }

  #partial(event) {
    const known = this.rows.get(event.utterance_id);
    if (known?.kind === "final" || (known && known.revision >= event.revision)) return;
    this.#closeOther(event);
    const row = known ?? this.#insert(event);
    this.open.set(event.channel, event.utterance_id);
    row.revision = event.revision;
    // The whole text has a blank between both where their language has blanks.
    row.committed.textContent = event.text.slice(0, event.text.length - event.tentative.length);
    row.tentative.textContent = event.tentative;
  }

  #final(event) {
    if (this.rows.get(event.utterance_id)?.kind === "final") return;
    const row = this.#settle(event);
    row.original = event.text;
    row.versions = [event];
    this.#write(row, event);
    this.#showEngine(row, event.engine, event.language);
    this.#note(row, event, 0);
    this.onFinal(event);
  }

  #revised(event) {
    const row = this.rows.get(event.utterance_id);
    if (row?.kind !== "final") return;
    this.#write(row, event);
    const revision = event.replaces === "final" ? 1 : event.replaces + 1;
    row.versions = [...row.versions.slice(0, revision), event];
    this.#note(row, event, revision);
  }

  #speakers(event) {
    const row = this.rows.get(event.utterance_id);
    if (row?.kind === "final") this.#write(row, { ...row.shown, turns: event.turns });
  }

  #settle(event) {
    this.#closeOther(event);
    if (this.open.get(event.channel) === event.utterance_id) this.open.delete(event.channel);
    const row = this.rows.get(event.utterance_id) ?? this.#insert(event);
    row.kind = "final";
    row.item.dataset.kind = "final";
    return row;
  }

  /** Of partials only the latest of a channel counts. */
  #closeOther(event) {
    const other = this.open.get(event.channel);
    if (other && other !== event.utterance_id) this.#remove(other);
  }

  #insert(event) {
    const row = this.#makeRow(event);
    this.#place(row.item);
    this.rows.set(event.utterance_id, row);
    if (this.limit && this.rows.size > this.limit) this.#remove(this.list.firstElementChild.dataset.utterance);
    return row;
  }

  /** Puts an item where its start says. */
  #place(item) {
    // Mostly it is the last: to look from there is quick in long calls.
    let after = this.list.lastElementChild;
    while (after && Number(after.dataset.start) > Number(item.dataset.start)) after = after.previousElementSibling;
    if (after) after.after(item);
    else this.list.prepend(item);
  }

  #makeRow(event) {
    const committed = element("span", { className: "committed" });
    const tentative = element("span", { className: "tentative" });
    const text = element("p", { className: "said", lang: event.language ?? "" }, committed, tentative);
    const who = element("span", { className: "who", textContent: this.nameOf(event.channel, event.role) });
    const when = this.full
      ? element("button", {
          type: "button", className: "when", tabIndex: -1, disabled: !this.seekable, data: { ms: event.start_ms },
          textContent: clock(event.start_ms), ariaLabel: t("Play from {time}", { time: clock(event.start_ms) }),
        })
      : element("span", { className: "when", textContent: clock(event.start_ms) });
    const correct = this.full && this.corrects
      ? element("button", {
          type: "button", className: "correct", tabIndex: -1, textContent: t("Correct"), title: t("E on the time does so, too"),
        })
      : null;
    const engine = element("span", { className: "engine" });
    const item = element(
      "li",
      {
        className: "utterance",
        data: {
          utterance: event.utterance_id, start: event.start_ms, end: event.end_ms, kind: "partial",
          side: side(event.channel, event.role),
        },
      },
      element("div", { className: "line-head" }, who, when, engine, correct),
      text,
    );
    return { item, text, committed, tentative, who, when, engine, channel: event.channel, role: event.role, kind: "partial", revision: 0, turns: [] };
  }

  #write(row, event) {
    row.item.dataset.end = event.end_ms;
    row.tentative.textContent = "";
    row.shown = event;
    row.turns = event.turns ?? [];
    const cut = row.turns.length > 1 || row.turns.some((turn) => turn.overlapped);
    const parts = cut ? row.turns.map((turn) => this.#makeTurn(turn, event)) : this.far.has(row.item) ? [event.text || NOTHING] : this.#spoken(event);
    row.committed.replaceChildren(...parts);
    this.#name(row);
  }

  /** A text, of whose words each can be pressed where their times are known. */
  #spoken({ text, words, corrections }) {
    if (!this.full || !(words?.length || corrections?.length)) return [text || NOTHING];
    return pieces({ text, words, corrections }).flatMap((piece, index) => (index ? [" "] : []).concat(this.#makeWord(piece)));
  }

  /** What one of several people says of an utterance. */
  #makeTurn({ speaker, start_ms, end_ms, overlapped, text }, { words, corrections }) {
    const own = words?.filter((word) => {
      const middle = (word.start_ms + word.end_ms) / 2;
      return start_ms <= middle && middle < end_ms;
    });
    return element(
      "span", { className: "turn", title: overlapped ? t("Somebody else speaks at the same time") : "", data: { overlapped } },
      element("span", { className: "turn-who", data: { speaker, both: t("both at once") } }), " ", ...this.#spoken({ text, words: own, corrections }),
    );
  }

  /** Writes who speaks, as far as that is known: who shares a channel with others has a number. */
  #name(row) {
    const name = (number) => this.nameOf(row.channel, row.role, Number(number));
    const speakers = [...new Set(row.turns.map((turn) => turn.speaker))];
    row.who.textContent = (speakers.length ? speakers : [0]).map(name).join(", ");
    for (const who of row.committed.querySelectorAll(".turn-who")) who.textContent = name(who.dataset.speaker);
  }

  /** Which engine heard it, and in which language: worth telling where not all of a call were heard by one. */
  #showEngine(row, engine, language) {
    row.text.lang = language;
    row.engine.textContent = [engine, language].filter(Boolean).join(", ");
    this.engines.add(engine);
    this.list.classList.toggle("several-engines", this.full && this.engines.size > 1);
  }

  #makeWord({ text, start_ms, end_ms, unsure, heard, correction }) {
    const marks = [unsure && "unsure", correction && "corrected"].filter(Boolean);
    const replaced = correction ? t("Heard as \u201c{text}\u201d", { text: correction.heard }) : "";
    return element("span", {
      className: ["word", ...marks].join(" "), textContent: text, data: { ms: start_ms, until: end_ms },
      title: replaced || (heard ? t("Said: \u201c{text}\u201d", { text: heard }) : ""),
    });
  }

  /** What a correction needs to know: the newest text, which revision it is, and the person whose it is. */
  #note(row, { text, reason, by }, revision) {
    row.newest = text;
    row.seen = revision;
    row.by = reason === PERSON ? by : "";
    this.#showOriginal(row, text);
  }

  #showOriginal(row, newest) {
    const wasOpen = row.details?.open ?? false;
    row.details?.remove();
    row.details = null;
    if (!this.full || (newest === row.original && row.versions.length < 2)) return;
    const title = element("summary", { textContent: row.by ? t("Corrected by {name}", { name: row.by }) : t("Revised") });
    row.details = element("details", { className: "original", open: wasOpen }, title);
    // Made when it is wanted: of a long call most are never looked at.
    const fill = () => row.details.querySelector("ol") ?? row.details.append(versionList(row.versions, row.text.lang));
    if (wasOpen) fill();
    title.addEventListener("click", fill);
    row.item.append(row.details);
  }

  #remove(id) {
    const row = this.rows.get(id);
    if (!row) return;
    row.item.remove();
    this.far.delete(row.item);
    this.nearing.unobserve(row.item);
    this.rows.delete(id);
    if (this.open.get(row.channel) === id) this.open.delete(row.channel);
  }
}
