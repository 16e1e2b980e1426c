// One call on the desk: what is said, its cards, notes and pauses, from its first word until another call takes its place.

import { copyText } from "./copying.js";
import { DeskCards } from "./desk-cards.js";
import { Notes } from "./desk-notes.js";
import { announce, byId, element } from "./dom.js";
import { ask, follow } from "./feed.js";
import { otherParty, recordLink } from "./record.js";
import { TranscriptView } from "./transcript.js";
import { t } from "./wording.js";
import { clock, endNote, partyName, speaker } from "./words.js";

const RETRY_MS = 1500;
const COPIED_MS = 2500;
const ID_WORDS = { "sip-call-id": "Call-ID", ucid: "UCID", "cisco-guid": "Cisco-Guid", "user-to-user": "User-to-User", "siprec-session": "SIPREC session", "siprec-group": "SIPREC group" };

export class DeskCall {
  /**
   * call: as the API tells it; place: { addresses, recordLink, user, editsAll, always, serverAhead() }; told: { onEvent(event),
   * onState(), onErased(), onFree() } where onFree says that nobody writes a note any more.
   */
  constructor(call, place, told) {
    Object.assign(this, { call, place, told, id: call.id, path: `/api/v1/calls/${call.id}`, state: "idle", position: "", stop: null, wanted: null, meanwhile: null });
    this.root = byId("desk-call").content.firstElementChild.cloneNode(true);
    this.root.id = `call-${call.id}`;
    const part = (name) => this.root.querySelector(name);
    this.part = part;
    this.scroller = part(".desk-scroll");
    this.view = new TranscriptView({
      list: part(".transcript"), scroller: this.scroller, full: true, corrects: false,
      nameOf: (channel, role, number) => speaker(this.call, channel, role, number),
    });
    this.cards = new DeskCards({
      list: part(".cards"), empty: part(".desk-no-cards"), more: part(".desk-dismissed"),
      nameOf: (channel) => speaker(this.call, channel), onShow: (utterance, ms) => this.showLine(utterance, ms),
    });
    this.notes = new Notes({
      list: part(".notes"), form: part(".desk-note"), path: this.path, now: () => (this.isOver ? null : this.#elapsed()),
      mayEdit: ({ by }) => this.place.editsAll || by === this.place.user, isOwn: ({ by }) => by === this.place.user,
      onPins: (ids) => this.#markPins(ids), textOf: (id) => this.#textOf(id), onShow: (id) => this.showLine(id),
      onSaved: () => this.told.onFree(), complain: (problem) => this.complain(problem),
    });
    this.pins = new Set();
    this.#listen();
    this.draw();
  }

  get isOver() {
    return this.call.state !== "active";
  }

  get isPaused() {
    return !this.isOver && this.call.pauses.some((pause) => pause.end_ms === null);
  }

  get title() {
    return partyName(otherParty(this.call, this.place.addresses)) || t("Unnamed call");
  }

  #listen() {
    const { part } = this;
    part(".desk-pause").addEventListener("click", () => this.togglePause());
    part(".desk-copy").addEventListener("click", () => this.copyAll());
    part(".desk-newest").addEventListener("click", () => this.toNewest());
    part(".desk-note textarea").addEventListener("blur", () => this.told.onFree());
    this.scroller.addEventListener("scroll", () => this.#showNewest(), { passive: true });
    this.view.list.addEventListener("click", (event) => {
      const line = event.target.closest("[data-utterance]");
      if (event.target.closest(".line-pin")) this.pin(line);
      if (event.target.closest(".line-copy")) this.copyLine(line);
    });
  }

  // Following

  /** Follows the call from where it was left. */
  follow() {
    if (this.stop || this.state === "done") return;
    this.stop = follow(`${this.path}/events`, {
      always: this.place.always,
      onEvent: (event) => this.#onEvent(event),
      onState: (state) => this.#onState(state),
      onEnd: () => this.#onState("done"),
      onResync: () => this.#again(),
    }, this.position);
  }

  /** Lets go of the connection; what is shown stays. */
  leave() {
    this.stop?.();
    this.stop = null;
  }

  drop() {
    this.leave();
    clearTimeout(this.timer);
    this.root.remove();
  }

  #again() {
    this.leave();
    this.follow();
  }

  #onState(state) {
    this.state = state;
    if (state === "live" || state === "done") this.#read();
    if (state === "done") this.view.dropPartials();
    this.told.onState();
  }

  /** What no event tells again: pauses, and notes that were removed while nobody listened. Answers may be older than events. */
  async #read() {
    clearTimeout(this.timer);
    const meanwhile = (this.meanwhile = []);
    try {
      const stored = await ask(this.path);
      if (meanwhile !== this.meanwhile) return;
      // The end may be told before it is stored.
      const ended = this.isOver && stored.state === "active";
      this.call = ended ? { ...stored, state: this.call.state, duration_ms: this.call.duration_ms } : stored;
      this.draw();
      meanwhile.forEach((event) => this.#onChange(event));
      await this.notes.read();
      meanwhile.forEach((event) => this.#onChange(event));
    } catch (problem) {
      // A call that has just begun is stored a moment later.
      if (problem.status === 404) this.timer = setTimeout(() => this.#read(), RETRY_MS);
      else this.complain(problem);
    } finally {
      if (meanwhile === this.meanwhile) this.meanwhile = null;
    }
  }

  #onEvent(event) {
    this.position = event.id || this.position;
    if (event.type.startsWith("utterance.")) this.#onUtterance(event);
    else this.meanwhile?.push(event);
    this.#onChange(event);
    if (event.type === "assist.card") this.#onCard(event);
    if (event.type === "call.ended") this.#onEnded(event);
    if (event.type === "call.erased") this.told.onErased();
    this.told.onEvent(event);
  }

  /** What is told by answers, too. */
  #onChange(event) {
    if (["call.started", "call.updated", "call.corrected"].includes(event.type)) this.describe(event);
    if (event.type === "call.paused" || event.type === "call.resumed") this.#onPauses(event.pauses);
    if (event.type === "call.noted") this.notes.take(event);
  }

  #onUtterance(event) {
    this.view.take(event);
    const row = this.view.rows.get(event.utterance_id);
    if (row) this.#equip(row);
    this.part(".waiting").hidden = this.view.rows.size > 0;
    this.#showNewest();
  }

  /** What can be done with a line, once it is final; and that it was revised. */
  #equip(row) {
    if (row.kind !== "final" || row.item.querySelector(".line-tools")) return;
    const atEnd = this.view.atEnd();
    const pin = element("button", { type: "button", className: "link line-pin", tabIndex: -1, ariaPressed: "false", textContent: t("Pin") });
    const copy = element("button", { type: "button", className: "link line-copy", tabIndex: -1, textContent: t("Copy") });
    row.item.querySelector(".line-head").append(element("span", { className: "line-tools" }, pin, copy));
    row.item.tabIndex = -1;
    this.#markPin(row.item);
    if (atEnd) this.view.toEnd();
  }

  #onCard(card) {
    if (this.cards.take(card) && !this.root.hidden) this.part(".cards").scrollTop = 0;
  }

  describe(event) {
    const { started_at, trunk, caller, callee, channels } = event;
    const outside_ids = Array.isArray(event.outside_ids)
      ? event.outside_ids
      : Object.entries(event.outside_ids).map(([kind, value]) => ({ kind, value }));
    this.call = { ...this.call, started_at, trunk, caller, callee, channels, outside_ids };
    this.view.rename();
    this.draw();
  }

  /** A pause is known by where it began; its end comes later. */
  #onPauses(pauses) {
    const placeOf = ({ channel, start_ms }) => `${channel}:${start_ms}`;
    const known = new Map(this.call.pauses.map((pause) => [placeOf(pause), pause]));
    // An answer may come after the event of what was asked for next: what has an end goes on no more.
    for (const pause of pauses) if (!known.get(placeOf(pause))?.end_ms) known.set(placeOf(pause), pause);
    this.call = { ...this.call, pauses: [...known.values()].sort((one, other) => one.start_ms - other.start_ms) };
    this.draw();
    this.view.resized();
  }

  #onEnded({ interrupted, duration_ms, reason }) {
    if (this.isOver) return;
    this.view.dropPartials();
    this.call = { ...this.call, state: interrupted ? "interrupted" : "ended", duration_ms, end_reason: reason };
    this.draw();
    announce(t("Call ended: {title}", { title: this.title }));
  }

  // What is seen

  draw() {
    const { call, part } = this;
    const other = otherParty(call, this.place.addresses);
    const name = partyName(other);
    part(".desk-party").textContent = this.title;
    const number = other.address && other.address !== name ? element("span", { textContent: other.address.replace(/^(sips?|tel):/i, "") }) : null;
    const trunk = element("span", { textContent: t("trunk {trunk}", { trunk: call.trunk }) });
    part(".desk-facts").replaceChildren(element("span", { className: "clock" }), ...[number, trunk, this.#recordFact()].filter(Boolean));
    this.root.setAttribute("aria-label", this.title);
    this.root.dataset.state = call.state;
    this.#drawState();
    this.view.showPauses(call.pauses, (channel) => speaker(call, channel));
    this.tick();
  }

  #drawState() {
    const badge = this.part(".desk-state");
    const words = this.isOver ? [t("Ended"), endNote(this.call)].filter(Boolean).join(": ") : this.isPaused ? t("Paused") : t("Going on now");
    if (badge.textContent !== words) badge.textContent = words;
    badge.dataset.tone = this.isOver ? "plain" : this.isPaused ? "warn" : "live";
    this.root.dataset.paused = this.isPaused;
    const pause = this.part(".desk-pause");
    pause.hidden = this.isOver;
    pause.textContent = this.isPaused ? t("Resume") : t("Pause for card data");
    pause.ariaPressed = String(this.isPaused);
    const told = this.part(".desk-paused");
    const sentence = this.isPaused ? t("Paused: nothing is recorded or written down. Resume when the card data is said.") : "";
    if (told.textContent !== sentence) told.textContent = sentence;
    told.hidden = !this.isPaused;
    const waiting = this.isOver ? t("Nothing was said on this call.") : t("Listening");
    if (this.part(".waiting").textContent !== waiting) this.part(".waiting").textContent = waiting;
  }

  /** The id that another system has for the call, as a link to its record there. */
  #recordFact() {
    const ids = this.call.outside_ids;
    const known = ids.find(({ kind }) => kind !== "sip-call-id" && !kind.startsWith("siprec")) ?? ids.find(({ kind }) => kind === "sip-call-id") ?? ids[0];
    const link = recordLink(this.place.recordLink, this.call, this.place.addresses);
    const text = known ? `${ID_WORDS[known.kind] ?? known.kind} ${known.value}` : "";
    if (!link) return text ? element("span", { className: "desk-id", textContent: text }) : null;
    return element("a", {
      className: "desk-id desk-record", href: link, target: "_blank", rel: "noopener noreferrer", textContent: text || t("Open record"),
      title: t("Open the record in another window"),
    });
  }

  tick() {
    const place = this.part(".desk-facts .clock");
    const told = clock(this.isOver ? this.call.duration_ms ?? 0 : this.#elapsed());
    if (place.textContent !== told) place.textContent = told;
  }

  #elapsed() {
    return Math.max(0, Math.round(Date.now() + this.place.serverAhead() - Date.parse(this.call.started_at)));
  }

  #showNewest() {
    this.part(".desk-newest").hidden = this.view.atEnd();
  }

  toNewest() {
    this.view.toEnd();
    this.#showNewest();
  }

  // Doing

  /** What is pressed while an answer is on its way is asked for after it: nodes may get two requests in either order. */
  async togglePause() {
    if (this.isOver) return;
    this.wanted = !this.isPaused;
    if (this.asking) return;
    this.asking = true;
    this.part(".desk-pause").ariaBusy = "true";
    while (this.wanted !== null) await this.#askFor(this.wanted);
    this.asking = false;
    this.part(".desk-pause").ariaBusy = "false";
  }

  async #askFor(pausing) {
    this.wanted = null;
    const headers = { accept: "application/json", "content-type": "application/json" };
    const body = pausing ? JSON.stringify({ reason: "card data" }) : "{}";
    try {
      const { calls } = await ask(`${this.path}/${pausing ? "pause" : "resume"}`, { method: "POST", headers, body });
      const own = calls.find((each) => each.id === this.id);
      if (own) this.#onPauses(own.pauses);
      this.complain(null);
    } catch (problem) {
      this.complain(problem);
    }
  }

  /** Shows a sentence over the call, or takes it away. */
  complain(problem) {
    const place = this.part(".desk-problem");
    place.textContent = problem?.message ?? "";
    place.hidden = !problem;
  }

  /** The line that the reader is at, or else the newest that is final. */
  line() {
    const at = document.activeElement?.closest?.("[data-utterance]");
    return this.root.contains(at) ? at : this.#finals().at(-1);
  }

  #finals() {
    return [...this.view.list.querySelectorAll('[data-utterance][data-kind="final"]')];
  }

  /** Goes to the line after (1) or before (-1) the one that the reader is at. */
  step(by) {
    const lines = this.#finals();
    const at = lines.indexOf(document.activeElement?.closest?.("[data-utterance]"));
    const next = at < 0 ? lines.at(-1) : lines[Math.min(lines.length - 1, Math.max(0, at + by))];
    next?.focus({ preventScroll: true });
    next?.scrollIntoView({ block: "nearest" });
  }

  showLine(utterance, ms = 0) {
    const row = this.view.rows.get(utterance)?.item
      ?? [...this.view.list.querySelectorAll("[data-utterance]")].findLast((item) => Number(item.dataset.start) <= ms);
    row?.scrollIntoView({ block: "center" });
    row?.focus({ preventScroll: true });
  }

  pin(line = this.line()) {
    if (line) return this.notes.togglePin(line.dataset.utterance);
  }

  async copyLine(line = this.line()) {
    if (line) this.#sayCopied(await copyText(this.#textOf(line.dataset.utterance)), t("Line copied"));
  }

  async copyAll() {
    const lines = this.#finals().map((item) => {
      const row = this.view.rows.get(item.dataset.utterance);
      return `[${clock(Number(item.dataset.start))}] ${row.who.textContent}: ${row.newest}`;
    });
    this.#sayCopied(await copyText(lines.join("\n")), t("Transcript copied"));
  }

  #sayCopied(done, words) {
    const place = this.part(".desk-copied");
    place.textContent = done ? words : t("The browser does not let this page copy.");
    clearTimeout(this.copied);
    this.copied = setTimeout(() => (place.textContent = ""), COPIED_MS);
  }

  #textOf(utterance) {
    return this.view.rows.get(utterance)?.newest ?? "";
  }

  #markPins(ids) {
    this.pins = new Set([...ids].filter((id) => this.notes.isPinned(id)));
    for (const row of this.view.rows.values()) this.#markPin(row.item);
  }

  #markPin(item) {
    const pinned = this.pins.has(item.dataset.utterance);
    item.classList.toggle("pinned", pinned);
    const button = item.querySelector(".line-pin");
    if (!button) return;
    button.ariaPressed = String(pinned);
    button.textContent = pinned ? t("Unpin") : t("Pin");
  }
}

