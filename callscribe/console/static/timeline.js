// The utterances of a transcript in time: what is said at a moment, what comes next, and the mark that follows the voice.

/** How far from the window's edges what is said stays. */
const EDGE_PX = 40;

export class Timeline {
  /** view: a TranscriptView that scrolls with the page; covered(): pixels at the top that something stands over. */
  constructor(view, covered) {
    Object.assign(this, { view, covered });
    this.rows = null;
    this.longest = 0;
    this.marked = new Set();
    this.playing = null;
    this.following = true;
    this.onFollowing = () => {};
    addEventListener("scroll", () => this.#look(), { passive: true });
  }

  /** Utterances came, went or changed. */
  changed() {
    this.rows = null;
  }

  /** All utterances, in order. */
  all() {
    if (!this.rows) {
      this.rows = [...this.view.list.children].map((item) => this.view.rows.get(item.dataset.utterance)).filter(Boolean);
      this.longest = this.rows.reduce((most, row) => Math.max(most, endOf(row) - startOf(row)), 0);
    }
    return this.rows;
  }

  /** Those that are being said at a moment. */
  at(ms) {
    const rows = this.all();
    const found = [];
    for (let index = this.#behind(ms) - 1; index >= 0 && startOf(rows[index]) > ms - this.longest; index--) {
      if (ms < endOf(rows[index])) found.unshift(rows[index]);
    }
    return found;
  }

  /** The last that began then or before; null where none did. */
  before(ms) {
    return this.all()[this.#behind(ms) - 1] ?? null;
  }

  /** Where the next (1) or the one before (-1) begins; where there is none, where this one does. */
  step(ms, direction) {
    const rows = this.all();
    if (!rows.length) return ms;
    const now = this.#behind(ms) - 1;
    // Back from the middle of one leads to its beginning.
    const back = now >= 0 && ms - startOf(rows[now]) > 1000 ? now : now - 1;
    return startOf(rows[Math.max(0, Math.min(rows.length - 1, direction > 0 ? now + 1 : back))]);
  }

  /** Marks what is said at a moment, to the word; goes along where the reader has not gone elsewhere. */
  mark(ms, running) {
    const rows = this.at(ms);
    for (const row of rows) this.view.fill(row);
    const words = rows.flatMap((row) => wordsOf(row, ms));
    const marked = new Set([...rows.map((row) => row.item), ...words]);
    for (const old of this.marked) if (!marked.has(old)) old.classList.remove("playing");
    for (const each of marked) each.classList.add("playing");
    this.marked = marked;
    this.running = running;
    const row = rows[0] ?? this.before(ms);
    if (row === this.playing) return;
    this.playing = row;
    if (running && this.following) this.show();
  }

  /** Brings what is said now into sight, and goes along with it again. */
  show(block = "nearest") {
    this.playing?.item.scrollIntoView({ block });
    this.#follow(true);
  }

  #behind(ms) {
    const rows = this.all();
    let [low, high] = [0, rows.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      if (startOf(rows[middle]) <= ms) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  #look() {
    if (!this.playing || !this.running) return;
    const { top, bottom } = this.playing.item.getBoundingClientRect();
    this.#follow(bottom > this.covered() - EDGE_PX && top < innerHeight + EDGE_PX);
  }

  #follow(following) {
    this.following = following;
    this.onFollowing(following);
  }
}

const startOf = (row) => Number(row.item.dataset.start);
const endOf = (row) => Number(row.item.dataset.end);

function wordsOf(row, ms) {
  const covers = ({ dataset }) => ms >= Number(dataset.ms) && ms < Number(dataset.until);
  return [...row.item.querySelectorAll(".word")].filter(covers);
}

/** Of [{ channel, start_ms, end_ms }]: where two channels speak at once, and where for long nobody does. */
export function quietAndLoud(spans, { silence = 5000, overtalk = 300 } = {}) {
  const found = [];
  const ends = new Map();
  let end = 0;
  for (const span of [...spans].sort((one, other) => one.start_ms - other.start_ms)) {
    if (span.start_ms - end >= silence) found.push({ kind: "silence", channel: null, start_ms: end, end_ms: span.start_ms });
    for (const [channel, until] of ends) {
      const both = Math.min(until, span.end_ms);
      if (channel !== span.channel && both - span.start_ms >= overtalk) found.push({ kind: "overtalk", channel: null, start_ms: span.start_ms, end_ms: both });
    }
    ends.set(span.channel, Math.max(ends.get(span.channel) ?? 0, span.end_ms));
    end = Math.max(end, span.end_ms);
  }
  return found;
}
