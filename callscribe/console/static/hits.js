// Words that are looked for in a transcript: typed here, or by the search that led to the page. They are marked without
// a change of the page's elements (CSS Custom Highlight API).

import { ask } from "./feed.js";
import { t } from "./wording.js";
import { clock } from "./words.js";

const TYPED_MS = 150;
const SEARCH_LIMIT = 500;

export class Hits {
  /** form: holds a search field, an output and two buttons (name "next", name "previous"); timeline: the transcript's. */
  constructor({ form, timeline }) {
    Object.assign(this, { form, timeline, hits: [], now: -1, searched: null, text: "" });
    this.field = form.querySelector("input");
    this.count = form.querySelector("output");
    this.onChange = () => {};
    this.onStep = () => {};
    this.place = () => 0;
    // A row that got its words has other text nodes: what is marked in it is found again.
    timeline.view.onFilled = () => {
      clearTimeout(this.refreshing);
      if (this.hits.length) this.refreshing = setTimeout(() => this.refresh(), TYPED_MS);
    };
    this.field.addEventListener("input", () => {
      clearTimeout(this.timer);
      this.timer = setTimeout(() => this.find(this.field.value), TYPED_MS);
    });
    this.field.addEventListener("keydown", (event) => this.#typed(event));
    form.addEventListener("submit", (event) => event.preventDefault());
    form.elements.next.addEventListener("click", () => this.step(1));
    form.elements.previous.addEventListener("click", () => this.step(-1));
  }

  /** Looks for a text as it was typed, in any case and with or without accents. */
  find(text) {
    Object.assign(this, { text: text.trim(), searched: null, now: -1 });
    this.refresh();
  }

  /** Shows what the search found in this call that led here; `call` as the API tells it. */
  async fromSearch(call) {
    const wanted = searchThatLedHere();
    const own = call.outside_ids.find(({ kind }) => kind === "sip-call-id") ?? call.outside_ids[0];
    if (!wanted || !own) return;
    wanted.set("id", own.value);
    wanted.set("limit", SEARCH_LIMIT);
    const told = await ask(`/api/v1/search?${wanted}`).catch(() => null);
    const found = told?.calls.find(({ id }) => id === call.id)?.hits ?? [];
    if (!found.length || this.field.value) return;
    this.field.value = wanted.get("q");
    Object.assign(this, { searched: found, text: "" });
    this.refresh();
  }

  /** Marks them anew: the transcript has changed. */
  refresh() {
    this.hits = this.searched ? this.#ofSearch() : this.#ofText();
    this.now = Math.min(this.now, this.hits.length - 1);
    this.#show();
    this.onChange(this.hits);
  }

  /** Goes to the next (1) or the one before (-1), of all in a circle. */
  step(direction) {
    if (!this.hits.length) return;
    const from = this.now >= 0 ? this.now : this.#nearest(direction);
    this.now = (from + direction + this.hits.length) % this.hits.length;
    this.timeline.view.fill(this.hits[this.now].row);
    this.hits = this.searched ? this.#ofSearch() : this.#ofText();
    this.#show();
    const hit = this.hits[this.now];
    hit.row.item.scrollIntoView({ block: "center" });
    this.onStep(hit, t("{number} of {count}, {time}", { number: this.now + 1, count: this.hits.length, time: clock(hit.ms) }));
  }

  /** So that a step leads to the first behind the place that is played, or the last before it. */
  #nearest(direction) {
    const place = this.place();
    const next = this.hits.findIndex(({ ms }) => ms >= place);
    if (direction > 0) return next < 0 ? -1 : next - 1;
    return next < 0 ? this.hits.length : next;
  }

  #typed(event) {
    if (event.key === "Enter") {
      event.preventDefault();
      clearTimeout(this.timer);
      if (this.field.value.trim() !== this.text && !this.searched) this.find(this.field.value);
      this.step(event.shiftKey ? -1 : 1);
    }
    if (event.key === "Escape") {
      this.field.value = "";
      this.find("");
      this.field.blur();
    }
  }

  #show() {
    const { hits, now } = this;
    const wanted = Boolean(this.text || this.searched);
    this.count.textContent = !wanted ? "" : now < 0 ? String(hits.length) : `${now + 1} / ${hits.length}`;
    this.count.ariaLabel = wanted ? t("{count} found", { count: hits.length }) : "";
    for (const name of ["next", "previous"]) this.form.elements[name].disabled = !hits.length;
    if (!globalThis.Highlight) return;
    CSS.highlights.set("hit", new Highlight(...hits.map(({ range }) => range)));
    CSS.highlights.set("hit-now", new Highlight(...(hits[now] ? [hits[now].range] : [])));
  }

  #ofText() {
    if (!this.text) return [];
    const wanted = folded(this.text).text;
    return this.timeline.all().flatMap((row) => {
      const { text, from } = foldedOf(row);
      const found = [];
      for (let at = text.indexOf(wanted); at >= 0 && wanted; at = text.indexOf(wanted, at + wanted.length)) {
        found.push(hitOf(row, from[at], from[at + wanted.length]));
      }
      return found;
    });
  }

  #ofSearch() {
    const rows = new Map(this.timeline.all().map((row) => [row.item.dataset.utterance, row]));
    const found = this.searched.filter(({ utterance_id }) => rows.has(utterance_id)).flatMap((hit) => {
      const row = rows.get(hit.utterance_id);
      const shown = row.committed.textContent;
      if (shown !== hit.text) return [{ ...hitOf(row, 0, shown.length), ms: hit.word_ms }];
      const letters = [...hit.text];
      const units = (points) => letters.slice(0, points).join("").length;
      return hit.highlights.map(([from, to]) => hitOf(row, units(from), units(to)));
    });
    return found.sort((one, other) => one.ms - other.ms);
  }
}

/** The parameters of the search page that led here, or of this page's own address. */
function searchThatLedHere() {
  const own = new URLSearchParams(location.search);
  const from = URL.canParse(document.referrer) ? new URL(document.referrer) : null;
  const found = own.get("q") ? own : from?.origin === location.origin && from.pathname === "/search" ? from.searchParams : null;
  if (!found?.get("q")?.trim()) return null;
  const kept = new URLSearchParams([...found].filter(([name, value]) => value.trim() && !["order", "cursor", "count", "limit"].includes(name)));
  return kept;
}

const known = new WeakMap();

function foldedOf(row) {
  const shown = row.committed.textContent;
  if (known.get(row)?.shown !== shown) known.set(row, { shown, ...folded(shown) });
  return known.get(row);
}

/** A text without case and accents, and where each of its characters stood. */
function folded(text) {
  let made = "";
  const from = [];
  let at = 0;
  for (const letter of text) {
    const bare = letter.normalize("NFKD").replace(/\p{M}/gu, "").toLowerCase();
    for (let unit = 0; unit < bare.length; unit++) from.push(at);
    made += bare;
    at += letter.length;
  }
  return { text: made, from: [...from, at] };
}

/** A stretch of an utterance's text: where it stands on the page and in the call. */
function hitOf(row, from, to) {
  const range = new Range();
  range.setStart(...placeIn(row.committed, from, false));
  range.setEnd(...placeIn(row.committed, to, true));
  const word = range.startContainer.parentElement?.closest("[data-ms]");
  return { row, range, ms: Number(word?.dataset.ms ?? row.item.dataset.start), text: range.toString() };
}

function placeIn(root, offset, isEnd) {
  const walker = document.createTreeWalker(root, NodeFilter.SHOW_TEXT);
  let rest = offset;
  let last = null;
  for (let node = walker.nextNode(); node; node = walker.nextNode()) {
    if (rest < node.length || (isEnd && rest === node.length)) return [node, rest];
    rest -= node.length;
    last = node;
  }
  return last ? [last, last.length] : [root, 0];
}
