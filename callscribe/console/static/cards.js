// Cards of assist rules: the newest on top, beside the transcript, so that nothing moves that is being read.

import { byId, element } from "./dom.js";
import { t } from "./wording.js";
import { clock, ROLE_WORDS } from "./words.js";

const SEVERITY_WORDS = { info: t("Note"), warning: t("Warning"), critical: t("Critical") };

const shown = new Set();

/** Shows a card, as its event or the API tells it, unless it is there already. `nameOf` a channel: who speaks there. */
export function showCard(card, nameOf) {
  const id = card.card_id ?? card.id;
  if (shown.has(id)) return;
  shown.add(id);
  byId("cards-panel").hidden = false;
  byId("cards").prepend(cardRow(card, nameOf));
}

/** Shows the cards that a call has, before those that come are read out. */
export function showCards(cards, nameOf) {
  for (const card of cards) showCard(card, nameOf);
  byId("cards").ariaBusy = "false";
}

/** A card as an item of a list. */
export function cardRow({ severity, title, text, link, channel, role, start_ms }, nameOf) {
  const who = channel === null ? "" : nameOf(channel) || ROLE_WORDS[role];
  return element(
    "li", { className: "assist-card", data: { severity } },
    element(
      "p", { className: "assist-head" },
      element("strong", { className: "assist-severity", textContent: SEVERITY_WORDS[severity] }),
      element("a", { href: `#t=${start_ms / 1000}`, textContent: clock(start_ms) }),
      who ? element("span", { textContent: who }) : null,
    ),
    element("p", { className: "assist-title", textContent: title }),
    text ? element("p", { className: "assist-text", textContent: text }) : null,
    link ? element("p", {}, element("a", { href: link, target: "_blank", rel: "noopener noreferrer", textContent: hostOf(link) })) : null,
  );
}

function hostOf(link) {
  return URL.canParse(link) ? new URL(link).host : link;
}
