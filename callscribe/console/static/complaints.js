// What is wrong, and what helps.

import { element } from "./dom.js";
import { t } from "./wording.js";

const TONES = { bad: t("Fault"), warn: t("Look at this") };

/** A list item for each { tone, what, cure }; the tone is told in words, too, but where `badged` is false: it stands elsewhere. */
export function complaintRows(complaints, badged = true) {
  return complaints.map(({ tone, what, cure }) => element(
    "li", { className: "complaint", data: { tone } },
    badged ? element("span", { className: "badge", textContent: TONES[tone], data: { tone } }) : null,
    element("span", {}, element("strong", { textContent: what }), " ", element("span", { className: "cure", textContent: cure })),
  ));
}

/** Draws again only where something has changed, so that nothing that is being read or selected jumps. */
export function redraw(place, told, make) {
  const key = JSON.stringify(told);
  if (place.dataset.shown === key) return;
  place.dataset.shown = key;
  place.replaceChildren(...make(told));
}
