// The page of one call: its transcript as it is spoken or as it was kept, its audio and its facts.

import { showCard, showCards } from "./cards.js";
import { allowCorrecting } from "./correct.js";
import { announce, byId, connection, element, notice } from "./dom.js";
import { ask, follow } from "./feed.js";
import { Player } from "./player.js";
import { showScores } from "./scores.js";
import { TranscriptView } from "./transcript.js";
import { callTitle, clock, endNote, fullMoment, partyName, ROLE_WORDS, side, speaker } from "./words.js";

const RETRY_MS = 3000;
const DIALECT_WORDS = { siprec: "SIPREC", funasr: "FunASR" };
const JOB_WORDS = { "second-pass": "Second pass", recover: "Recovery", diarize: "Speakers" };
const JOB_STATE_WORDS = { queued: "Waiting", running: "Running", done: "Done", failed: "Failed" };

const callId = byId("call").dataset.callId;
const path = `/api/v1/calls/${callId}`;
const view = new TranscriptView({
  list: byId("transcript"), scroller: document.scrollingElement, full: true,
  nameOf: (channel, role, number) => speaker(call, channel, role, number),
});
let call = null;
let player = null;
let playing = null;
let arrived = false;
let stopFollowing = () => {};

view.onFinal = (event) => announce(`${speaker(call, event.channel, event.role)}: ${event.text}`);

async function start() {
  stopFollowing();
  try {
    await readCall();
    await readTranscript();
    await readCards();
  } catch (problem) {
    // Also where the call is not found: this page is served only for calls that are known, if not stored yet.
    notice(problem.message);
    connection("lost");
    setTimeout(start, RETRY_MS);
    return;
  }
  notice("");
  byId("transcript").ariaBusy = "false";
  if (call.state === "active" || call.processing) listen();
  else connection("idle");
  sayIfEmpty();
  if (!arrived) goToPlace();
  arrived = true;
}

function listen() {
  stopFollowing = follow(`${path}/events`, {
    onEvent, onState: (state) => connection(state, state === "live" && call.state !== "active" ? "Being worked on" : undefined),
    onEnd: finish, onResync: start,
  });
}

async function readCall() {
  call = await ask(path);
  drawCall();
}

/** Read before the events are followed, so that what was said long ago is not read out as if it were said now. */
async function readTranscript() {
  const transcript = await ask(`${path}/transcript?format=json`);
  const atEnd = call.state === "active" && view.atEnd();
  for (const utterance of transcript.utterances) view.show(utterance);
  if (atEnd) view.toEnd();
  player?.draw(spans());
}

async function readCards() {
  const told = await ask(`${path}/cards`);
  showCards(told.cards, nameOf);
}

const nameOf = (channel) => speaker(call, channel);

async function onEvent(event) {
  if (event.type === "call.erased") return onErased();
  if (event.type.startsWith("utterance.")) {
    view.take(event);
    sayIfEmpty();
  }
  if (event.type === "call.updated" || event.type === "call.corrected") readCall().then(() => view.rename()).catch(complain);
  if (event.type === "call.paused" || event.type === "call.resumed") onPauses(event.pauses);
  if (event.type === "assist.card") showCard(event, nameOf);
  if (event.type === "call.ended" && call.state === "active") onEnded(event);
}

/** Nothing of the call may stay on the page: the server says that there is no such call. */
function onErased() {
  stopFollowing();
  location.reload();
}

/** A pause is known by where it began; its end comes later. */
function onPauses(pauses) {
  const told = new Set(pauses.map(placeOf));
  const others = (call.pauses ?? []).filter((pause) => !told.has(placeOf(pause)));
  call = { ...call, pauses: [...others, ...pauses].sort((one, other) => one.start_ms - other.start_ms) };
  drawBadges();
  drawPauses();
}

const placeOf = ({ channel, start_ms }) => `${channel}:${start_ms}`;
const isPaused = () => call.state === "active" && (call.pauses ?? []).some((pause) => pause.end_ms === null);

function drawPauses() {
  view.showPauses(call.pauses ?? [], (channel) => speaker(call, channel));
}

/** The event may be ahead of the database: what it tells is shown until the stored call is there. */
function onEnded(event) {
  view.dropPartials();
  call = {
    ...call, state: event.interrupted ? "interrupted" : "ended", duration_ms: event.duration_ms, end_reason: event.reason,
  };
  drawCall();
  sayIfEmpty();
  readEnd();
}

async function readEnd() {
  const stored = await ask(path).catch(() => null);
  if (!stored || stored.state === "active") {
    setTimeout(readEnd, RETRY_MS);
    return;
  }
  call = stored;
  drawCall();
}

async function finish() {
  try {
    await readCall();
    await readTranscript();
    await readCards();
  } catch (problem) {
    complain(problem);
  }
  view.dropPartials();
  sayIfEmpty();
  connection("done");
}

const complain = (problem) => notice(problem.message);

function sayIfEmpty() {
  const place = byId("transcript-empty");
  place.textContent = call.state === "active" ? "Listening. Words appear here as they are spoken." : "Nothing was said on this call.";
  place.hidden = view.rows.size > 0;
  updateRoving();
}

// Facts

function drawCall() {
  const title = callTitle(call);
  byId("title").textContent = title;
  document.title = `${title} · Callscribe`;
  const facts = [fullMoment(call.started_at), "", `trunk ${call.trunk}`, DIALECT_WORDS[call.dialect] ?? null];
  byId("facts").replaceChildren(...facts.filter((fact) => fact !== null).map((fact) => element("span", { textContent: fact })));
  byId("cards-panel").dataset.state = call.state;
  drawLength();
  drawBadges();
  drawParties();
  drawJobs();
  showScores(path, call).catch(complain);
  drawIds();
  drawPlayer();
  drawPauses();
}

function drawLength() {
  const ms = call.duration_ms ?? Date.now() - Date.parse(call.started_at);
  byId("facts").children[1].textContent = clock(ms);
}

function drawBadges() {
  const badges = [];
  if (call.state === "active") badges.push(["Going on now", "live"]);
  if (isPaused()) badges.push(["Paused: nothing is recorded", "warn"]);
  if (call.state === "interrupted") badges.push(["Interrupted: speech may be missing", "warn"]);
  const note = endNote(call);
  if (note && call.state !== "interrupted") badges.push([note, "warn"]);
  if (call.duplicate_of) badges.push(["Recorded twice: a copy", "plain"]);
  for (const quirk of call.quirks) badges.push([`Quirk: ${quirk}`, "plain"]);
  byId("badges").replaceChildren(
    ...badges.map(([text, tone]) => element("li", { className: "badge", textContent: text, data: { tone } })),
  );
}

function drawParties() {
  const rows = call.channels.map((channel) => {
    const facts = [ROLE_WORDS[channel.role], channel.codec, channel.label && `label ${channel.label}`].filter(Boolean).join(", ");
    return partyRow(speaker(call, channel.index), channel.party?.address ?? "", facts, side(channel.index, channel.role));
  });
  const shown = new Set(call.channels.map((channel) => channel.party?.address).filter(Boolean));
  for (const party of call.parties) {
    if (party.address && !shown.has(party.address)) rows.push(partyRow(partyName(party), party.address, "", undefined));
  }
  byId("parties").replaceChildren(...rows);
}

function partyRow(name, address, facts, where) {
  return element(
    "li", { data: { side: where } },
    element("span", { className: "party-name", textContent: name }),
    facts ? element("span", { className: "party-note", textContent: facts }) : null,
    address && address !== name ? addressLine(address) : null,
  );
}

/** An address breaks before its host rather than anywhere. */
function addressLine(address) {
  const at = address.indexOf("@");
  const parts = at < 0 ? [address] : [address.slice(0, at), element("wbr"), address.slice(at)];
  return element("span", { className: "party-note" }, ...parts);
}

function drawJobs() {
  byId("jobs-panel").hidden = call.jobs.length === 0;
  byId("jobs").replaceChildren(...call.jobs.map(jobRow));
}

function jobRow(job) {
  const row = element(
    "li", {},
    element("span", { textContent: `${JOB_WORDS[job.kind] ?? job.kind}: ` }),
    element("span", { className: "job-state", textContent: JOB_STATE_WORDS[job.state], data: { state: job.state } }),
  );
  if (job.error) row.append(element("span", { className: "quiet", textContent: job.error }));
  if (job.state === "queued" && job.attempts) {
    row.append(element("span", { className: "quiet", textContent: `Tried ${job.attempts}×, again at ${fullMoment(job.due_at)}` }));
  }
  if (job.state === "failed") {
    const again = element("button", { type: "button", className: "button", textContent: "Try again" });
    again.addEventListener("click", () => retry(job, again));
    row.append(again);
  }
  return row;
}

async function retry(job, button) {
  button.disabled = true;
  try {
    await ask(`/api/v1/jobs/${job.id}/retry`, { method: "POST" });
    await start();
  } catch (problem) {
    button.disabled = false;
    complain(problem);
  }
}

const ID_WORDS = {
  "sip-call-id": "SIP Call-ID", "siprec-session": "SIPREC session", "siprec-group": "SIPREC group", ucid: "UCID",
  "cisco-guid": "Cisco-Guid", "user-to-user": "User-to-User",
};

function drawIds() {
  const pairs = [["Callscribe", call.id], ...call.outside_ids.map(({ kind, value }) => [ID_WORDS[kind] ?? kind, value]), ["Node", call.node]];
  const links = (call.linked ?? []).map((id) => ["Same conversation", element("a", { href: `/calls/${id}`, textContent: id })]);
  byId("ids").replaceChildren(
    ...[...pairs, ...links].map(([kind, value]) => element("div", {}, element("dt", { textContent: kind }), element("dd", {}, value))),
  );
}

// Audio

function spans() {
  return [...view.rows.values()].map(({ channel, item }) => ({
    channel, start_ms: Number(item.dataset.start), end_ms: Number(item.dataset.end),
  }));
}

function drawPlayer() {
  byId("download-audio").hidden = !call.recording;
  if (player || !call.recording) return;
  const lanes = call.channels.slice(0, call.recording.channels).map((channel) => ({
    channel: channel.index, name: speaker(call, channel.index), side: side(channel.index, channel.role),
  }));
  player = new Player({ place: byId("player"), source: `${path}/audio`, duration: call.recording.duration_ms, lanes });
  player.onTime = mark;
  player.draw(spans());
  view.allowSeeking();
}

/** Marks the word, or where there are no words the utterance, that is being played. */
function mark(ms, running) {
  const covers = (place, from, until) => ms >= Number(place.dataset[from]) && ms < Number(place.dataset[until]);
  const rows = [...view.list.children].filter((item) => covers(item, "start", "end"));
  const words = rows.flatMap((item) => [...item.querySelectorAll(".word")]).filter((word) => covers(word, "ms", "until"));
  const marked = new Set([...rows, ...words]);
  for (const old of view.list.querySelectorAll(".playing")) if (!marked.has(old)) old.classList.remove("playing");
  for (const each of marked) each.classList.add("playing");
  if (running && rows[0] && rows[0] !== playing) rows[0].scrollIntoView({ block: "nearest" });
  playing = rows[0] ?? playing;
}

/** An address that ends in #t=12.34 plays from there, in seconds of the call. */
function goToPlace() {
  const named = location.hash.match(/^#t=(\d+(?:\.\d+)?)$/);
  if (!named) return;
  const ms = Number(named[1]) * 1000;
  mark(ms, false);
  view.list.querySelector(".utterance.playing")?.scrollIntoView({ block: "center" });
  player?.standAt(ms);
}

addEventListener("hashchange", goToPlace);

byId("transcript").addEventListener("click", (event) => {
  const place = event.target.closest("[data-ms]");
  if (place && player) player.playFrom(Number(place.dataset.ms));
});

// Keyboard: Tab enters the transcript at one time button, arrow keys go from utterance to utterance, Enter plays.

function updateRoving() {
  const buttons = [...view.list.querySelectorAll("button.when:not(:disabled)")];
  if (buttons.length && !buttons.some((button) => button.tabIndex === 0)) buttons[0].tabIndex = 0;
}

byId("transcript").addEventListener("keydown", (event) => {
  if (!event.target.matches("button.when")) return;
  const buttons = [...view.list.querySelectorAll("button.when")];
  const at = buttons.indexOf(event.target);
  const to = { ArrowDown: at + 1, ArrowUp: at - 1, Home: 0, End: buttons.length - 1 }[event.key];
  if (to === undefined) return;
  event.preventDefault();
  const next = buttons[Math.min(buttons.length - 1, Math.max(0, to))];
  event.target.tabIndex = -1;
  next.tabIndex = 0;
  next.focus();
});

allowCorrecting(view, path, readTranscript);

// Following the newest

const follower = byId("follow");
const showFollower = () => (follower.hidden = call?.state !== "active" || view.atEnd());
follower.addEventListener("click", () => {
  view.toEnd();
  showFollower();
});
addEventListener("scroll", showFollower, { passive: true });
setInterval(() => call?.state === "active" && drawLength(), 1000);

start();
