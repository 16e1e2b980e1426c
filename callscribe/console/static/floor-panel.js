// One call of the floor, live beside the others: what is said, and its cards.

import { cardRow } from "./cards.js";
import { byId, element } from "./dom.js";
import { ask, follow } from "./feed.js";
import { TranscriptView } from "./transcript.js";
import { t } from "./wording.js";
import { callTitle, clock, speaker } from "./words.js";

export class FloorPanel {
  /** onClose(): the reader closed it. now(): the server's time in milliseconds. */
  constructor({ onClose, now }) {
    Object.assign(this, { now, id: "", call: null, stop: () => {}, cards: new Set() });
    byId("panel-close").addEventListener("click", onClose);
    addEventListener("resize", () => this.view?.resized());
  }

  /** Shows a call, which may have ended meanwhile. `call`: what the floor knows of it, if anything. */
  show(id, call) {
    if (this.id === id) return;
    this.close();
    Object.assign(this, { id, call: call ?? null, cards: new Set(), ended: false });
    byId("panel").hidden = false;
    byId("panel-link").href = `/calls/${id}`;
    byId("panel-cards").replaceChildren();
    byId("panel-cards-part").hidden = true;
    byId("panel-waiting").hidden = false;
    byId("panel-waiting").textContent = t("Listening");
    // A view of its own for each call: the one before may have been scrolled.
    const list = element("ol", { id: "panel-transcript", className: "transcript compact" });
    byId("panel-transcript").replaceWith(list);
    const nameOf = (channel, role, number) => speaker(this.call, channel, role, number);
    this.view = new TranscriptView({ list, scroller: byId("panel-scroll"), nameOf });
    this.describe(call);
    this.stop = follow(`/api/v1/calls/${id}/events`, {
      onEvent: (event) => this.#take(id, event), onState: () => {}, onEnd: () => this.#end(), onResync: () => {},
    });
    this.#readOnce(id);
  }

  /** What is known of the call is something else now. */
  describe(call) {
    if (!call) return;
    this.call = { ...this.call, ...call };
    byId("panel-title").textContent = callTitle(this.call);
    this.view.rename();
    this.tick();
  }

  tick() {
    if (!this.call || byId("panel").hidden) return;
    const length = this.length ?? Math.max(0, this.now() - Date.parse(this.call.started_at));
    const facts = [clock(length), this.call.trunk, this.ended ? t("Call has ended") : ""].filter(Boolean);
    if (this.told === facts.join()) return;
    this.told = facts.join();
    byId("panel-facts").replaceChildren(...facts.map((fact) => element("span", { textContent: fact })));
  }

  close() {
    this.stop();
    Object.assign(this, { id: "", call: null, length: undefined, told: "" });
    byId("panel").hidden = true;
  }

  /** A call that the floor does not show is asked for once: it may have ended, or be none. */
  async #readOnce(id) {
    if (this.call) return;
    try {
      const call = await ask(`/api/v1/calls/${id}`);
      if (this.id !== id) return;
      if (call.duration_ms !== null) this.#end(call.duration_ms);
      this.describe(call);
    } catch (problem) {
      if (this.id === id && !this.call) byId("panel-waiting").textContent = problem.message;
    }
  }

  #take(id, event) {
    if (id !== this.id) return;
    if (["call.started", "call.updated", "call.corrected"].includes(event.type)) this.describe({ ...event, id });
    if (event.type.startsWith("utterance.")) this.view.take(event);
    if (event.type === "assist.card") this.#give(event);
    if (event.type === "call.ended") this.#end(event.duration_ms);
    byId("panel-waiting").hidden = this.view.rows.size > 0 || !this.call;
  }

  #give(card) {
    if (this.cards.has(card.card_id)) return;
    this.cards.add(card.card_id);
    byId("panel-cards-part").hidden = false;
    const row = cardRow(card, (channel) => speaker(this.call, channel));
    for (const place of row.querySelectorAll('a[href^="#t="]')) place.href = `/calls/${this.id}${place.getAttribute("href")}`;
    byId("panel-cards").prepend(row);
  }

  #end(length) {
    this.ended = true;
    this.length ??= length;
    this.view.dropPartials();
    if (!this.view.rows.size) byId("panel-waiting").textContent = t("Nothing was said.");
    this.tick();
  }
}
