// The cards of one call on the desk: the newest on top, and none that was dismissed.

import { cardRow } from "./cards.js";
import { element } from "./dom.js";
import { t } from "./wording.js";

const DISMISSED = "callscribe.dismissed";
const KEPT = 200;

export class DeskCards {
  /** list: the <ol>; empty: what stands there while there are none; more: the button that brings dismissed ones back. */
  constructor({ list, empty, more, nameOf, onShow }) {
    Object.assign(this, { list, empty, more, nameOf, onShow });
    this.rows = new Map();
    this.dismissed = new Set(remembered());
    this.more.addEventListener("click", () => this.#bringBack());
  }

  /** Shows a card unless it is there already; whether it is new. */
  take(card) {
    const id = card.card_id ?? card.id;
    if (this.rows.has(id)) return false;
    const row = cardRow(card, this.nameOf);
    row.dataset.card = id;
    const dismiss = element("button", { type: "button", className: "link card-dismiss", textContent: t("Dismiss"), ariaLabel: t("Dismiss: {title}", { title: card.title }) });
    dismiss.addEventListener("click", () => this.dismiss(id));
    row.querySelector(".assist-head").append(dismiss);
    row.querySelector(".assist-head a").addEventListener("click", (event) => {
      event.preventDefault();
      this.onShow(card.utterance_id, card.start_ms);
    });
    row.hidden = this.dismissed.has(id);
    this.rows.set(id, row);
    this.list.prepend(row);
    this.#count();
    return !row.hidden;
  }

  dismiss(id) {
    const row = this.rows.get(id);
    if (!row) return;
    const next = row.nextElementSibling?.querySelector(".card-dismiss");
    const focused = row.contains(document.activeElement);
    row.hidden = true;
    this.dismissed.add(id);
    this.#remember();
    this.#count();
    if (focused) (next ?? this.list).focus();
  }

  dismissNewest() {
    const row = [...this.list.children].find((each) => !each.hidden);
    if (row) this.dismiss(row.dataset.card);
  }

  #bringBack() {
    for (const [id, row] of this.rows) {
      row.hidden = false;
      this.dismissed.delete(id);
    }
    this.#remember();
    this.#count();
    this.list.focus();
  }

  #count() {
    const hidden = [...this.rows.values()].filter((row) => row.hidden).length;
    this.empty.hidden = this.rows.size > 0;
    this.list.hidden = this.rows.size === hidden;
    this.more.hidden = hidden === 0;
    this.more.textContent = t("Show dismissed ({count})", { count: hidden });
  }

  #remember() {
    try {
      sessionStorage.setItem(DISMISSED, JSON.stringify([...this.dismissed].slice(-KEPT)));
    } catch {
      // A frame whose site may keep nothing: they are dismissed until the page is loaded again.
    }
  }
}

function remembered() {
  try {
    return JSON.parse(sessionStorage.getItem(DISMISSED) ?? "[]");
  } catch {
    return [];
  }
}
