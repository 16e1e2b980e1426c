// The page of all calls: those going on with their live transcript, those that ended beneath.

import { announce, byId, connection, element, notice } from "./dom.js";
import { ask, follow } from "./feed.js";
import { TranscriptView } from "./transcript.js";
import { callTitle, clock, endNote, fullMoment, moment, plural, speaker } from "./words.js";
import { t } from "./wording.js";

const LINES_IN_A_CARD = 14;
const RECENT_AT_ONCE = 12;
const ENDED_CARD_STAYS_MS = 6000;
const RETRY_MS = 3000;

const cards = new Map();
let serverAhead = 0;

class Card {
  constructor(call) {
    this.view = byId("card").content.firstElementChild.cloneNode(true);
    const part = (name) => this.view.querySelector(name);
    Object.assign(this, { link: part(".card-link"), clock: part(".clock"), dot: part(".dot"), trunk: part(".trunk") });
    this.scroll = part(".card-scroll");
    this.waiting = part(".waiting");
    this.transcript = new TranscriptView({
      list: part(".transcript"), scroller: this.scroll, limit: LINES_IN_A_CARD,
      nameOf: (channel, role, number) => speaker(this.call, channel, role, number),
    });
    this.transcript.onFinal = (event) => this.#announce(event);
    this.describe(call);
    this.setState("active");
  }

  describe(call) {
    this.call = { ...this.call, ...call };
    this.link.textContent = callTitle(this.call);
    this.link.href = `/calls/${this.call.id}`;
    this.trunk.textContent = this.call.trunk;
    this.scroll.ariaLabel = `Live transcript, ${callTitle(this.call)}`;
    this.transcript.rename();
    this.tick();
  }

  take(event) {
    this.transcript.take(event);
    this.waiting.hidden = this.transcript.rows.size > 0;
  }

  tick() {
    if (this.ended) return;
    const ms = Date.now() + serverAhead - Date.parse(this.call.started_at);
    this.clock.textContent = clock(ms);
  }

  end(event) {
    this.ended = true;
    this.clock.textContent = clock(event.duration_ms);
    this.transcript.dropPartials();
    this.waiting.hidden = true;
    this.setState("ended");
  }

  setState(state) {
    this.view.dataset.state = state;
    this.dot.dataset.state = state;
  }

  /** With many calls at once only the one that the reader has gone to is read out. */
  #announce(event) {
    if (cards.size === 1 || this.view.contains(document.activeElement)) {
      announce(`${speaker(this.call, event.channel, event.role)}: ${event.text}`);
    }
  }
}

function addCard(call) {
  const card = new Card(call);
  cards.set(call.id, card);
  byId("floor").prepend(card.view);
  count();
  return card;
}

function dropCard(id) {
  cards.get(id)?.view.remove();
  cards.delete(id);
  count();
}

function count() {
  const active = [...cards.values()].filter((card) => !card.ended).length;
  byId("now-count").textContent = active ? plural(active, t("{count} call", { count: active }), t("{count} calls", { count: active })) : "";
  byId("floor-empty").hidden = cards.size > 0;
  document.title = `${active ? `(${active}) ` : ""}Calls now · Callscribe`;
}

function onEvent(event) {
  const card = cards.get(event.call_id);
  if (event.type === "call.erased") return onErased(event, card);
  if (["call.started", "call.updated", "call.corrected"].includes(event.type)) return onCall(event, card);
  if (!card) return;
  if (event.type.startsWith("utterance.")) card.take(event);
  if (event.type === "call.ended") onEnded(event, card);
}

function onCall(event, card) {
  const call = { ...event, id: event.call_id };
  if (card) return card.describe(call);
  addCard(call);
  announce(`Call started: ${callTitle(call)}`);
}

/** Nothing of it may stay on the page. */
function onErased(event, card) {
  if (card) dropCard(event.call_id);
  loadRecent();
}

function onEnded(event, card) {
  if (card.ended) return;
  card.end(event);
  count();
  announce(`Call ended: ${callTitle(card.call)}`);
  setTimeout(() => leave(event.call_id, card), ENDED_CARD_STAYS_MS);
}

/** A card that someone is at stays until they have gone on. */
function leave(id, card) {
  if (card.view.contains(document.activeElement) || card.view.matches(":hover")) {
    setTimeout(() => leave(id, card), ENDED_CARD_STAYS_MS);
    return;
  }
  dropCard(id);
  loadRecent();
}

async function start() {
  let live;
  try {
    live = await ask("/api/v1/live");
  } catch (problem) {
    notice(problem.message);
    connection("lost");
    setTimeout(start, RETRY_MS);
    return;
  }
  notice("");
  serverAhead = Date.parse(live.at) - Date.now();
  const going = new Set(live.calls.map((each) => each.call.id));
  for (const id of [...cards.keys()]) if (!going.has(id)) dropCard(id);
  for (const { call, latest } of live.calls) {
    const card = cards.get(call.id) ?? addCard(call);
    card.describe(call);
    for (const event of latest) card.take(event);
    card.transcript.toEnd();
  }
  byId("floor").ariaBusy = "false";
  count();
  loadRecent();
  follow("/api/v1/live/events", { onEvent, onState: connection, onResync: start }, live.cursor);
}

const recent = { cursor: null, shown: RECENT_AT_ONCE };

function recentRow(call) {
  const note = call.failed_jobs ? "Work failed" : endNote(call);
  const count = call.utterances;
  const said = count
    ? plural(count, t("{count} utterance", { count }), t("{count} utterances", { count }))
    : t("Nothing said");
  const row = element(
    "a",
    { className: "recent-row", href: `/calls/${call.id}` },
    element("span", { className: "recent-when", textContent: moment(call.started_at), title: fullMoment(call.started_at) }),
    element("span", { className: "recent-title", textContent: callTitle(call) }),
    element("span", { className: "recent-length", textContent: clock(call.duration_ms ?? 0) }),
    element("span", { className: "recent-count", textContent: said }),
    element("span", { className: "recent-note", textContent: note, data: { tone: call.failed_jobs ? "bad" : "plain" } }),
  );
  return element("li", {}, row);
}

async function loadRecent(cursor = null) {
  const query = new URLSearchParams({ state: "over", limit: RECENT_AT_ONCE });
  if (cursor) query.set("cursor", cursor);
  try {
    const page = await ask(`/api/v1/calls?${query}`);
    const rows = page.calls.map(recentRow);
    if (cursor) byId("recent").append(...rows);
    else byId("recent").replaceChildren(...rows);
    recent.cursor = page.cursor;
  } catch (problem) {
    notice(problem.message);
  }
  byId("recent").ariaBusy = "false";
  byId("recent-empty").hidden = byId("recent").childElementCount > 0;
  byId("recent-more").hidden = !recent.cursor;
}

async function find(event) {
  event.preventDefault();
  const id = byId("find-id").value.trim();
  if (!id) return;
  try {
    const call = await ask(`/api/v1/calls/${encodeURIComponent(id)}`);
    location.assign(`/calls/${call.id}`);
  } catch (problem) {
    notice(problem.message);
  }
}

byId("recent-more").addEventListener("click", () => loadRecent(recent.cursor));
byId("find").addEventListener("submit", find);
addEventListener("resize", () => cards.forEach((card) => card.transcript.resized()));
setInterval(() => cards.forEach((card) => card.tick()), 1000);
start();
