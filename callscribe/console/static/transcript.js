// A list of utterances that grows while people speak. One utterance is one element from its first partial to its last
// revision, so a final settles where its partial stood.

import { element } from "./dom.js";
import { pieces } from "./pieces.js";
import { clock, side } from "./words.js";

const NEAR_END_PX = 48;
const MARGIN_PX = 20;
const NOTHING = "\u2014";

export class TranscriptView {
  /**
   * list: the <ol>; scroller: what scrolls it; nameOf(channel, role): who speaks; limit: rows kept, 0 for all;
   * full: shows times, words and originals.
   */
  constructor({ list, scroller, nameOf, limit = 0, full = false }) {
    Object.assign(this, { list, scroller, nameOf, limit, full });
    this.rows = new Map();
    this.open = new Map();
    this.seekable = false;
    this.pinned = true;
    const scrolled = scroller === document.scrollingElement ? window : scroller;
    scrolled.addEventListener("scroll", () => (this.pinned = this.atEnd()), { passive: true });
    this.onFinal = () => {};
  }

  /** Takes an utterance event; keeps the reader's place unless they were at the end. */
  take(event) {
    const atEnd = this.atEnd();
    if (event.type === "utterance.partial") this.#partial(event);
    if (event.type === "utterance.final") this.#final(event);
    if (event.type === "utterance.revised") this.#revised(event);
    if (atEnd) this.toEnd();
  }

  /** Shows a stored utterance in its newest text. */
  show(stored) {
    const row = this.#settle(stored);
    row.original = stored.final.text;
    this.#write(row, { ...(stored.revisions.at(-1) ?? stored.final), end_ms: stored.end_ms });
    this.#showOriginal(row, stored.text);
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
    for (const row of this.rows.values()) row.who.textContent = this.nameOf(row.channel, row.role);
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
    this.#write(row, event);
    this.onFinal(event);
  }

  #revised(event) {
    const row = this.rows.get(event.utterance_id);
    if (row?.kind !== "final") return;
    this.#write(row, event);
    this.#showOriginal(row, event.text);
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
    const after = [...this.list.children].findLast((item) => Number(item.dataset.start) <= event.start_ms);
    if (after) after.after(row.item);
    else this.list.prepend(row.item);
    this.rows.set(event.utterance_id, row);
    if (this.limit && this.rows.size > this.limit) this.#remove(this.list.firstElementChild.dataset.utterance);
    return row;
  }

  #makeRow(event) {
    const committed = element("span", { className: "committed" });
    const tentative = element("span", { className: "tentative" });
    const text = element("p", { className: "said", lang: event.language ?? "" }, committed, tentative);
    const who = element("span", { className: "who", textContent: this.nameOf(event.channel, event.role) });
    const when = this.full
      ? element("button", {
          type: "button", className: "when", tabIndex: -1, disabled: !this.seekable, data: { ms: event.start_ms },
          textContent: clock(event.start_ms), ariaLabel: `Play from ${clock(event.start_ms)}`,
        })
      : element("span", { className: "when", textContent: clock(event.start_ms) });
    const item = element(
      "li",
      {
        className: "utterance",
        data: {
          utterance: event.utterance_id, start: event.start_ms, end: event.end_ms, kind: "partial",
          side: side(event.channel, event.role),
        },
      },
      element("div", { className: "line-head" }, who, when),
      text,
    );
    return { item, text, committed, tentative, who, when, channel: event.channel, role: event.role, kind: "partial", revision: 0 };
  }

  #write(row, event) {
    row.item.dataset.end = event.end_ms;
    row.tentative.textContent = "";
    if (!this.full || !(event.words?.length || event.corrections?.length)) {
      row.committed.textContent = event.text || NOTHING;
      return;
    }
    const words = pieces(event).flatMap((piece, index) => [index ? " " : null, this.#makeWord(piece)]);
    row.committed.replaceChildren(...words.filter(Boolean));
  }

  #makeWord({ text, start_ms, end_ms, unsure, heard, correction }) {
    const marks = [unsure && "unsure", correction && "corrected"].filter(Boolean);
    const replaced = correction ? `Heard as \u201c${correction.heard}\u201d` : "";
    return element("span", {
      className: ["word", ...marks].join(" "), textContent: text, data: { ms: start_ms, until: end_ms },
      title: replaced || (heard ? `Said: \u201c${heard}\u201d` : ""),
    });
  }

  #showOriginal(row, newest) {
    row.details?.remove();
    row.details = null;
    if (!this.full || newest === row.original) return;
    row.details = element(
      "details",
      { className: "original" },
      element("summary", { textContent: "Revised" }),
      element("p", { textContent: row.original, ariaLabel: "Text as first heard" }),
    );
    row.item.append(row.details);
  }

  #remove(id) {
    const row = this.rows.get(id);
    if (!row) return;
    row.item.remove();
    this.rows.delete(id);
    if (this.open.get(row.channel) === id) this.open.delete(row.channel);
  }
}
