// Notes and pins of one call: what people wrote beside it, in the order in which they did.

import { element } from "./dom.js";
import { ask } from "./feed.js";
import { t } from "./wording.js";
import { clock } from "./words.js";

const HEADERS = { accept: "application/json", "content-type": "application/json" };

export class Notes {
  /**
   * list: the <ol>; form: with a textarea; path: of the call in the API; now(): milliseconds from the call's start, or
   * null after it; mayEdit(note); isOwn(note); onPins(ids): utterances that have a pin of ours; textOf(id): what an utterance says;
   * onShow(id): somebody wants to see an utterance; complain(problem).
   */
  constructor(parts) {
    Object.assign(this, parts);
    this.known = new Map();
    this.field = this.form.querySelector("textarea");
    this.editing = null;
    this.draft = "";
    this.form.addEventListener("submit", (event) => {
      event.preventDefault();
      this.#save();
    });
    this.field.addEventListener("keydown", (event) => {
      if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) this.form.requestSubmit();
      if (event.key === "Escape") this.#leave();
    });
  }

  /** Whether something is written that is not saved. */
  get hasDraft() {
    return this.field.value.trim() !== "";
  }

  /** Whether somebody is writing. */
  get isOpen() {
    return document.activeElement === this.field && this.hasDraft;
  }

  async read() {
    const { notes } = await ask(`${this.path}/notes`);
    this.known = new Map(notes.map((note) => [note.id, note]));
    this.draw();
  }

  /** The event `call.noted`. */
  take({ note_id, removed, note }) {
    if (removed) this.#forget(note_id);
    else this.#keep(note);
  }

  isPinned(utterance) {
    return this.#pinOf(utterance) !== undefined;
  }

  /** Pins an utterance, or takes one's pin away. */
  async togglePin(utterance) {
    const pin = this.#pinOf(utterance);
    try {
      if (pin) await this.#remove(pin);
      else this.#keep(await this.#send("POST", "", { utterance_id: utterance }));
    } catch (problem) {
      this.complain(problem);
    }
  }

  draw() {
    const rows = [...this.known.values()].sort((one, other) => one.made_at.localeCompare(other.made_at));
    this.list.replaceChildren(...rows.map((note) => (note.text ? this.#noteRow(note) : this.#pinRow(note))));
    this.onPins(new Set(rows.filter((note) => note.utterance_id && this.isOwn(note)).map((note) => note.utterance_id)));
  }

  #pinOf(utterance) {
    return [...this.known.values()].find((note) => note.utterance_id === utterance && !note.text && this.isOwn(note));
  }

  #noteRow(note) {
    const when = note.at_ms === null ? null : element("span", { className: "note-when", textContent: clock(note.at_ms) });
    const by = note.by ? element("span", { textContent: note.by }) : null;
    return element(
      "li", { className: "note", data: { note: note.id } },
      element("p", { className: "note-head" }, when, by, ...this.#tools(note)),
      element("p", { className: "note-text", textContent: note.text }),
    );
  }

  #pinRow(note) {
    const jump = element("button", { type: "button", className: "link note-text", textContent: this.textOf(note.utterance_id) || t("Pinned line") });
    jump.addEventListener("click", () => this.onShow(note.utterance_id));
    const by = note.by ? element("span", { textContent: note.by }) : null;
    return element(
      "li", { className: "note pin", data: { note: note.id, pinned: note.utterance_id } },
      element("p", { className: "note-head" }, element("span", { textContent: t("Pinned") }), by, ...this.#tools(note)), jump,
    );
  }

  #tools(note) {
    if (!this.mayEdit(note)) return [];
    const remove = element("button", { type: "button", className: "link note-remove", textContent: t("Remove") });
    remove.addEventListener("click", () => this.#remove(note).catch(this.complain));
    if (!note.text) return [remove];
    const edit = element("button", { type: "button", className: "link note-edit", textContent: t("Change") });
    edit.addEventListener("click", () => this.#edit(note));
    return [edit, remove];
  }

  /** What stood in the field before comes back afterwards. */
  #edit(note) {
    if (!this.editing) this.draft = this.field.value;
    this.editing = note.id;
    this.field.value = note.text;
    this.field.focus();
  }

  #leave() {
    if (this.editing) this.#putBack();
    this.field.blur();
  }

  #putBack() {
    this.editing = null;
    this.field.value = this.draft;
    this.draft = "";
  }

  async #save() {
    const { editing, field } = this;
    const written = field.value;
    const text = written.trim();
    const button = this.form.querySelector("button");
    if (!text || button.disabled) return;
    button.disabled = true;
    try {
      if (editing) this.#keep(await this.#send("PATCH", `/${editing}`, { text }));
      else this.#keep(await this.#send("POST", "", { text, at_ms: this.now() }));
      // What was typed while the answer was on its way is not saved yet.
      const more = field.value.startsWith(written) ? field.value.slice(written.length) : field.value;
      if (this.editing !== editing || (editing && more)) return;
      this.#putBack();
      field.value += more;
      if (!more) this.onSaved();
    } catch (problem) {
      this.complain(problem);
    } finally {
      button.disabled = false;
    }
  }

  async #remove(note) {
    await this.#send("DELETE", `/${note.id}`);
    this.#forget(note.id);
  }

  /** What somebody was changing meanwhile is saved as a new note. */
  #forget(id) {
    if (this.editing === id) this.editing = null;
    this.known.delete(id);
    this.draw();
  }

  #keep(note) {
    this.known.set(note.id, note);
    this.draw();
  }

  #send(method, after, order) {
    return ask(`${this.path}/notes${after}`, { method, headers: HEADERS, body: order && JSON.stringify(order) });
  }
}
