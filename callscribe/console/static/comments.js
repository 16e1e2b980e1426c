// Comments at a moment of a call, beside the line that is said then: written, changed and removed here, and shown as
// they come. A note without a moment is of the call as a whole and stands before all lines; one without text is a pin.

import { element } from "./dom.js";
import { ask } from "./feed.js";
import { t } from "./wording.js";
import { clock, moment } from "./words.js";

const NAME = "callscribe.name";
const JSON_HEADERS = { accept: "application/json", "content-type": "application/json" };

export class Comments {
  /** path: of the call in the API; visitor: { name, isAdmin, writes }, name "" where nobody signs in. */
  constructor({ path, view, timeline, visitor }) {
    Object.assign(this, { path, view, timeline, visitor });
    this.notes = new Map();
    this.shown = new Map();
    this.onChange = () => {};
    this.onProblem = () => {};
  }

  /** Reads those that are stored, and shows them. */
  async read() {
    const { notes } = await ask(`${this.path}/notes`);
    this.notes = new Map(notes.map((note) => [note.id, note]));
    this.draw();
  }

  /** Takes the event of a note that somebody wrote, changed or removed. */
  take({ note, note_id: id, removed }) {
    if (removed) this.notes.delete(id);
    else this.notes.set(note.id, note);
    this.draw();
  }

  /** Each beside its line; one that is being changed stays as it is. */
  draw() {
    const kept = new Set();
    const counts = new Map();
    for (const note of [...this.notes.values()].sort((one, other) => this.msOf(one) - this.msOf(other))) {
      const place = this.#rowOf(note);
      if (!place) continue;
      const key = JSON.stringify(note);
      const known = this.shown.get(note.id);
      const stays = known && (known.key === key || known.item.querySelector("form"));
      if (!stays) {
        known?.item.remove();
        this.shown.set(note.id, { key, item: this.#makeNote(note) });
      }
      const { item } = this.shown.get(note.id);
      const aside = this.#asideOf(place);
      const number = counts.get(aside) ?? 0;
      // What is moved loses the focus: only what stands elsewhere is.
      if (aside.children[number] !== item) aside.insertBefore(item, aside.children[number] ?? null);
      counts.set(aside, number + 1);
      kept.add(note.id);
    }
    for (const [id, { item }] of this.shown) {
      if (kept.has(id)) continue;
      this.#dropFrom(item);
      this.shown.delete(id);
    }
    this.onChange([...this.notes.values()].map((note) => ({ kind: "note", ms: this.msOf(note), text: [note.by, note.text].filter(Boolean).join(": ") })));
  }

  /** When what it is about is said, in milliseconds. */
  msOf({ at_ms, utterance_id }) {
    return at_ms ?? Number(this.view.rows.get(utterance_id)?.item.dataset.start ?? 0);
  }

  /** Opens a field for a comment at a moment, beside the line that is said then or the one given. */
  write(ms, row = this.timeline.before(ms) ?? this.timeline.all()[0]) {
    if (!this.visitor.writes || !row) return;
    const open = row.item.querySelector("form.comment-form");
    if (open) return open.querySelector("textarea").focus();
    const aside = this.#asideOf(row);
    const save = async (text, by) => {
      const note = await this.#send("POST", "", { text, at_ms: Math.round(ms), utterance_id: row.item.dataset.utterance, by });
      form.remove();
      this.take({ note });
      this.#asideOf(row).querySelector(`[data-note="${note.id}"] a`)?.focus();
    };
    const leave = () => {
      this.#dropFrom(form);
      row.when.focus();
    };
    const form = commentForm({ label: t("Comment at {time}", { time: clock(ms) }), text: "", asksName: !this.visitor.name, save, leave });
    aside.append(form);
    form.querySelector("textarea").focus({ preventScroll: true });
    row.item.scrollIntoView({ block: "nearest" });
  }

  #rowOf(note) {
    return this.view.rows.get(note.utterance_id) ?? this.timeline.before(this.msOf(note)) ?? this.timeline.all()[0] ?? null;
  }

  #asideOf(row) {
    let aside = row.item.querySelector(":scope > .comments");
    if (!aside) {
      aside = element("div", { className: "comments", role: "group", ariaLabel: t("Comments") });
      row.item.append(aside);
      row.item.classList.add("commented");
    }
    return aside;
  }

  /** An empty margin goes. */
  #dropFrom(item) {
    const aside = item.closest(".comments");
    item.remove();
    if (!aside || aside.childElementCount) return;
    aside.parentElement.classList.remove("commented");
    aside.remove();
  }

  #makeNote(note) {
    const ms = this.msOf(note);
    const place = element("a", { href: `#t=${ms / 1000}`, textContent: clock(ms) });
    const changed = note.changed_at !== note.made_at ? t("changed {time}", { time: moment(note.changed_at) }) : moment(note.made_at);
    const item = element(
      "div", { className: "comment", data: { note: note.id } },
      element("p", { className: "comment-head" }, note.by ? element("strong", { textContent: note.by }) : null, place, element("span", { textContent: changed })),
      element("p", { className: "comment-text", textContent: note.text || t("Pinned") }),
    );
    if (this.#isOwn(note)) item.append(this.#buttons(note, item));
    return item;
  }

  #isOwn({ by }) {
    return this.visitor.writes && (!this.visitor.name || this.visitor.isAdmin || by === this.visitor.name);
  }

  #buttons(note, item) {
    const button = (label) => element("button", { type: "button", className: "line-action", textContent: label });
    const [change, remove] = [button(t("Edit")), button(t("Remove"))];
    change.addEventListener("click", () => this.#change(note, item));
    remove.addEventListener("click", () => this.#remove(note, remove).catch((problem) => this.onProblem(problem)));
    remove.addEventListener("blur", () => (remove.textContent = t("Remove")));
    return element("p", { className: "comment-buttons" }, ...(note.text ? [change] : []), remove);
  }

  #change(note, item) {
    const leave = () => {
      form.remove();
      item.classList.remove("editing");
      item.querySelector("button")?.focus();
    };
    const save = async (text, by) => {
      const changed = await this.#send("PATCH", `/${note.id}`, { text, by });
      leave();
      this.take({ note: changed });
      this.shown.get(note.id)?.item.querySelector("button")?.focus();
    };
    const form = commentForm({ label: t("Comment at {time}", { time: clock(this.msOf(note)) }), text: note.text, asksName: !this.visitor.name, save, leave });
    item.classList.add("editing");
    item.append(form);
    form.querySelector("textarea").focus();
  }

  /** The second press does it. */
  async #remove(note, button) {
    if (button.textContent === t("Remove")) {
      button.textContent = t("Really remove?");
      return;
    }
    const row = this.#rowOf(note);
    await ask(`${this.path}/notes/${note.id}`, { method: "DELETE", headers: JSON_HEADERS });
    this.take({ note_id: note.id, removed: true });
    row?.when.focus();
  }

  #send(method, place, { by, ...body }) {
    const told = this.visitor.name ? body : { ...body, by };
    return ask(`${this.path}/notes${place}`, { method, headers: JSON_HEADERS, body: JSON.stringify(told) });
  }
}

/** Enter saves, Shift and Enter begin a new line, Escape leaves. */
function commentForm({ label, text, asksName, save, leave }) {
  const field = element("textarea", { value: text, rows: 3, required: true, maxLength: 2000, ariaLabel: label, placeholder: label });
  const name = element("input", {
    value: localStorage.getItem(NAME) ?? "", maxLength: 100, placeholder: t("Your name"), ariaLabel: t("Your name"), hidden: !asksName,
  });
  const complaint = element("p", { className: "mistake", attributes: { role: "alert" } });
  const cancel = element("button", { type: "button", className: "button", textContent: t("Cancel") });
  const form = element(
    "form", { className: "comment-form" }, field, name,
    element("p", { className: "comment-buttons" }, element("button", { className: "button", textContent: t("Save") }), cancel), complaint,
  );
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    if (asksName) localStorage.setItem(NAME, name.value);
    try {
      await save(field.value, name.value);
    } catch (problem) {
      complaint.textContent = problem.message;
    }
  });
  cancel.addEventListener("click", leave);
  form.addEventListener("keydown", (event) => {
    if (event.key === "Escape") leave();
    if (event.key !== "Enter" || event.shiftKey || event.isComposing || event.target !== field) return;
    event.preventDefault();
    form.requestSubmit();
  });
  return form;
}
