// A rule held against a past call: which cards come when, beside what was said.

import { may, send } from "./admin.js";
import { cardRow } from "./cards.js";
import { byId, element } from "./dom.js";
import { ask } from "./feed.js";
import { LOCALE, t } from "./wording.js";
import { callTitle, clock, moment, side, speaker } from "./words.js";

const form = byId("trial-form");

/** Offers the box to who may use it. `rules()` are those to try by name, or null for all that are saved. */
export function offerTrial(rules) {
  if (!may("lists:write") || !may("calls:read")) return;
  byId("trial").hidden = false;
  form.elements.recent.addEventListener("change", () => { form.elements.call.value = form.elements.recent.value; });
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    trial(rules);
  });
  fillRecent();
}

async function fillRecent() {
  try {
    const { calls } = await ask("/api/v1/calls?state=over&limit=30");
    form.elements.recent.append(...calls.map((call) => element("option", {
      value: call.id, textContent: `${moment(call.started_at)}, ${clock(call.duration_ms ?? 0)}, ${callTitle(call)}`,
    })));
  } catch {
    // An id can still be typed, and a trial tells what is wrong.
  }
}

async function trial(rules) {
  const button = form.querySelector("button");
  const call = form.elements.call.value.trim();
  const wanted = form.elements.which.value === "all" ? null : rules();
  button.disabled = true;
  say(t("Trying"));
  try {
    const [told, said, facts] = await Promise.all([
      send("/api/v1/rules/test", "POST", { call, rules: wanted }),
      ask(`/api/v1/calls/${encodeURIComponent(call)}/transcript?format=json`), ask(`/api/v1/calls/${encodeURIComponent(call)}`),
    ]);
    show(told.cards, said.utterances, facts);
  } catch (problem) {
    say("", problem.message);
  }
  button.disabled = false;
}

function say(outcome, mistake = "") {
  byId("trial-outcome").textContent = outcome;
  byId("trial-mistake").textContent = mistake;
  byId("trial-mistake").hidden = !mistake;
  if (!outcome || mistake) byId("trial-lines").hidden = true;
  byId("trial-cards").replaceChildren();
}

function show(cards, utterances, call) {
  const none = utterances.length ? t("No card would have come on this call.") : t("Nothing is stored of what was said on this call.");
  say(cards.length ? t("Cards that would have come: {number}", { number: cards.length.toLocaleString(LOCALE) }) : none);
  byId("trial-cards").append(...cards.map((card) => element(
    "li", {}, element("a", { href: `#line-${card.id}`, textContent: `${clock(card.heard_ms)} ${card.title}`, onclick: (event) => jump(event, card) }),
  )));
  byId("trial-lines").hidden = !utterances.length && !cards.length;
  byId("trial-lines").replaceChildren(...rows(cards, utterances, call));
}

/** Utterances in their order, each with its cards; a card about no utterance has a row where it comes. */
function rows(cards, utterances, call) {
  const nameOf = (channel) => speaker(call, channel);
  const own = new Set(utterances.map(({ utterance_id: id }) => id));
  const free = cards.filter(({ utterance_id: id }) => !own.has(id)).map((card) => ({ at: card.heard_ms, row: line(null, [card], call, nameOf) }));
  const spoken = utterances.map((utterance) => ({
    at: utterance.start_ms,
    row: line(utterance, cards.filter(({ utterance_id: id }) => id === utterance.utterance_id), call, nameOf),
  }));
  return [...spoken, ...free].sort((one, other) => one.at - other.at).map(({ row }) => row);
}

function line(utterance, cards, call, nameOf) {
  const said = utterance
    ? [
      element("span", { className: "trial-when", textContent: clock(utterance.start_ms) }),
      element("span", { className: "trial-who", textContent: nameOf(utterance.channel) }),
      element("span", { textContent: utterance.text }),
    ]
    : [];
  return element(
    "li", { className: "trial-line", data: { side: utterance ? side(utterance.channel, utterance.role) : "none" } },
    element("p", { className: "trial-said" }, ...said),
    element("ul", { className: "cards trial-beside" }, ...cards.map((card) => {
      const row = cardRow(card, nameOf);
      // On this page the place in the call is no link of its own page.
      row.querySelector("a").href = `/calls/${call.id}#t=${card.start_ms / 1000}`;
      row.id = `line-${card.id}`;
      row.tabIndex = -1;
      return row;
    })),
  );
}

function jump(event, { id }) {
  event.preventDefault();
  byId(`line-${id}`).scrollIntoView({ block: "center" });
  byId(`line-${id}`).focus({ preventScroll: true });
}
