// A table that is filled from the API, a stretch at a time; it says that it loads, that nothing is there, or what failed.

import { element } from "./dom.js";
import { t } from "./wording.js";

/**
 * Fills the table of a `.listing` (see grid.html).
 *
 * `read(cursor)` promises { rows, cursor }; `row(item)` makes the <tr>; `empty` is the sentence for no rows, and may be a
 * function. `load()` begins anew, without a jump while old rows are there.
 */
export class Listing {
  #root; #read; #row; #empty; #cursor = null; #turn = 0;

  constructor(root, { read, row, empty }) {
    [this.#root, this.#read, this.#row, this.#empty] = [root, read, row, empty];
    this.#more.addEventListener("click", () => this.#append());
    this.items = [];
  }

  get #body() { return this.#root.querySelector("tbody"); }
  get #state() { return this.#root.querySelector(".listing-state"); }
  get #more() { return this.#root.querySelector(".listing-more"); }

  /** Whether only the first stretch is shown, and nobody is at work in it. */
  get resting() {
    return this.#body.childElementCount === this.first && !this.#root.contains(document.activeElement);
  }

  async load() {
    const turn = ++this.#turn;
    this.#root.ariaBusy = "true";
    if (!this.items.length) this.#say(t("Loading"));
    try {
      const { rows, cursor } = await this.#read(null);
      if (turn !== this.#turn) return;
      this.items = rows;
      this.first = rows.length;
      this.#body.replaceChildren(...rows.map((item) => this.#row(item)));
      this.#end(cursor);
    } catch (problem) {
      if (turn === this.#turn) this.#fail(problem);
    }
  }

  async #append() {
    this.#more.disabled = true;
    const turn = this.#turn;
    try {
      const { rows, cursor } = await this.#read(this.#cursor);
      if (turn !== this.#turn) return;
      const made = rows.map((item) => this.#row(item));
      this.items.push(...rows);
      this.#body.append(...made);
      this.#end(cursor);
      made[0]?.querySelector("a, button, input")?.focus();
    } catch (problem) {
      this.#say(problem.message, "bad");
    } finally {
      this.#more.disabled = false;
    }
  }

  #end(cursor) {
    this.#cursor = cursor;
    this.#more.hidden = !cursor;
    this.#root.ariaBusy = "false";
    this.#root.querySelector("table").hidden = !this.items.length;
    this.#say(this.items.length ? "" : this.#sentence());
  }

  #sentence() {
    return typeof this.#empty === "function" ? this.#empty() : this.#empty;
  }

  #fail(problem) {
    this.#root.ariaBusy = "false";
    this.#say(problem.message, "bad");
    const again = element("button", { type: "button", className: "button", textContent: t("Try again") });
    again.addEventListener("click", () => this.load());
    this.#state.append(" ", again);
  }

  #say(text, tone = "") {
    this.#state.textContent = text;
    this.#state.dataset.tone = tone;
    this.#state.hidden = !text;
  }
}

/** A table cell with text or elements in it. */
export function cell(content, properties = {}) {
  return element("td", properties, ...(Array.isArray(content) ? content : [content]));
}

/** A <tr> of cells; strings become cells of their own. */
export function tableRow(...cells) {
  return element("tr", {}, ...cells.map((each) => (each instanceof HTMLTableCellElement ? each : cell(each))));
}
