// The page of one call: its transcript as it is spoken or as it was kept, its audio and its facts.

import { showCard, showCards } from "./cards.js";
import { Comments } from "./comments.js";
import { copyText } from "./copying.js";
import { allowCorrecting } from "./correct.js";
import { announce, byId, connection, notice } from "./dom.js";
import { drawBadges, drawFacts, drawLength, lengthOf } from "./facts.js";
import { ask, follow } from "./feed.js";
import { Hits } from "./hits.js";
import { Listening } from "./listening.js";
import { allowActing, lineText, momentAddress, updateRoving } from "./lines.js";
import { callKeys } from "./call-keys.js";
import { showScores } from "./scores.js";
import { Timeline } from "./timeline.js";
import { TranscriptView } from "./transcript.js";
import { t } from "./wording.js";
import { clock, speaker } from "./words.js";

const RETRY_MS = 3000;
const TOLD_MS = 4000;

const { callId, visitor: visitorName, admin, corrects, notes } = byId("call").dataset;
const path = `/api/v1/calls/${callId}`;
const nameOf = (channel, role, number) => speaker(call, channel, role, number);
const view = new TranscriptView({
  list: byId("transcript"), scroller: document.scrollingElement, full: true, corrects: Boolean(corrects), nameOf,
});
const timeline = new Timeline(view, () => byId("player").getBoundingClientRect().bottom);
const comments = new Comments({ path, view, timeline, visitor: { name: visitorName, isAdmin: Boolean(admin), writes: Boolean(notes) } });
const hits = new Hits({ form: byId("find"), timeline });
const listening = new Listening({ path, timeline });
const openCorrection = corrects ? allowCorrecting(view, path, () => readTranscript(), visitorName) : () => {};
let call = null;
let cards = [];
let redactions = [];
let arrived = false;
let stopFollowing = () => {};

view.onFinal = (event) => announce(`${nameOf(event.channel, event.role)}: ${event.text}`);

async function start() {
  stopFollowing();
  try {
    const told = ask(`${path}/transcript?format=json`);
    told.catch(() => {}); // Told below, where it is waited for.
    await readCall();
    await readTranscript(told);
    await Promise.all([readCards(), comments.read()]);
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
  if (!arrived) {
    goToPlace();
    hits.fromSearch(call);
  }
  arrived = true;
}

function listen() {
  stopFollowing = follow(`${path}/events`, {
    onEvent, onState: (state) => connection(state, state === "live" && call.state !== "active" ? t("Being worked on") : undefined),
    onEnd: finish, onResync: start,
  });
}

async function readCall() {
  call = await ask(path);
  drawCall();
}

/** Read before the events are followed, so that what was said long ago is not read out as if it were said now. */
async function readTranscript(told = ask(`${path}/transcript?format=json`)) {
  const transcript = await told;
  const atEnd = call.state === "active" && view.atEnd();
  for (const utterance of transcript.utterances) view.show(utterance);
  redactions = transcript.utterances.flatMap(({ channel, revisions, final }) => (
    (revisions.at(-1) ?? final).redactions.map((masked) => ({ kind: "bleep", channel, start_ms: masked.start_ms, end_ms: masked.end_ms }))
  ));
  if (atEnd) view.toEnd();
  changed();
}

async function readCards() {
  cards = (await ask(`${path}/cards`)).cards;
  showCards(cards, nameOf);
  drawMarks();
}

/** The transcript is not what it was. */
function changed() {
  timeline.changed();
  hits.refresh();
  comments.draw();
  drawWaves();
  updateRoving(view);
}

async function onEvent(event) {
  if (event.type === "call.erased") return onErased();
  if (event.type.startsWith("utterance.")) {
    view.take(event);
    sayIfEmpty();
    if (event.type !== "utterance.partial") changed();
    else timeline.changed();
  }
  if (event.type === "call.updated" || event.type === "call.corrected") readCall().then(() => view.rename()).catch(complain);
  if (event.type === "call.paused" || event.type === "call.resumed") onPauses(event.pauses);
  if (event.type === "call.noted") comments.take(event);
  if (event.type === "assist.card") onCard(event);
  if (event.type === "call.ended" && call.state === "active") onEnded(event);
}

function onCard(card) {
  showCard(card, nameOf);
  if (!cards.some((each) => (each.card_id ?? each.id) === card.card_id)) cards.push(card);
  drawMarks();
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
  drawBadges(call);
  drawPauses();
}

const placeOf = ({ channel, start_ms }) => `${channel}:${start_ms}`;

function drawPauses() {
  view.showPauses(call.pauses ?? [], (channel) => speaker(call, channel));
  drawWaves();
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
  place.textContent = emptyWords();
  place.hidden = view.rows.size > 0;
  updateRoving(view);
}

function emptyWords() {
  if (call.state === "active") return t("Listening. Words appear here as they are spoken.");
  return call.text_expired_at ? t("What was said on this call was removed when its time was over.") : t("Nothing was said on this call.");
}

function drawCall() {
  drawFacts(call, retry);
  showScores(path, call).catch(complain);
  byId("download-audio").hidden = !call.recording || !call.audible;
  listening.of(call);
  if (listening.player) view.allowSeeking();
  drawPauses();
}

function drawWaves() {
  listening.draw(view, [...redactions, ...(call.pauses ?? []).map((pause) => ({ ...pause, kind: "pause" }))]);
}

function drawMarks() {
  const found = hits.hits.map(({ ms, text }) => ({ kind: "hit", ms, text }));
  listening.mark([...cards.map(({ start_ms, title }) => ({ kind: "card", ms: start_ms, text: title })), ...found, ...noted]);
}

let noted = [];
comments.onChange = (marks) => {
  noted = marks;
  drawMarks();
};
comments.onProblem = complain;
hits.onChange = drawMarks;
hits.onStep = ({ ms }, told) => {
  listening.seek(ms);
  say(told);
};
hits.place = () => listening.ms;

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

// Moments

/** An address that ends in #t=12.34 plays from there, in seconds of the call. */
function goToPlace() {
  const named = location.hash.match(/^#t=(\d+(?:\.\d+)?)$/);
  if (named) listening.arriveAt(Number(named[1]) * 1000);
}

addEventListener("hashchange", goToPlace);

// A second press on the same link leads there again, though the address stays.
byId("call").addEventListener("click", (event) => {
  const link = event.target.closest("a[href^='#t=']");
  if (link && link.hash === location.hash) goToPlace();
});

byId("transcript").addEventListener("click", (event) => {
  const place = event.target.closest("[data-ms]");
  if (place && getSelection().isCollapsed) listening.playFrom(Number(place.dataset.ms));
});

// What can be done here and now

let telling = 0;

/** Tells for a while that something was done. */
function say(text) {
  clearTimeout(telling);
  byId("told").textContent = text;
  telling = setTimeout(() => (byId("told").textContent = ""), TOLD_MS);
}

const copied = async (text, told) => say((await copyText(text)) ? told : t("The browser does not let this page copy."));
const copyMoment = (ms) => copied(momentAddress(ms), t("The link to {time} is copied.", { time: clock(ms) }));
const startOf = (row) => Number(row.item.dataset.start);

const focusedLine = allowActing(view, [
  ...(notes ? [{ label: t("Comment"), press: (row) => comments.write(startOf(row), row) }] : []),
  { label: t("Copy line"), press: (row) => copied(lineText(row), t("The line is copied.")) },
  { label: t("Copy link"), press: (row) => copyMoment(startOf(row)) },
]);
byId("copy-moment").addEventListener("click", () => copyMoment(listening.ms));
byId("copy-moment").hidden = byId("keys").hidden = byId("find").hidden = false;
callKeys({
  listening, timeline, hits, say,
  edit: () => openCorrection(focusedLine() ?? timeline.playing ?? timeline.before(listening.ms)),
  comment: () => comments.write(focusedLine() ? startOf(focusedLine()) : listening.ms, focusedLine() ?? undefined),
  versions: () => (focusedLine() ?? timeline.playing)?.item.querySelector(".original summary")?.click(),
  copyMoment: () => copyMoment(focusedLine() ? startOf(focusedLine()) : listening.ms),
  may: { correct: Boolean(corrects), comment: Boolean(notes) },
});

// Following the newest, or what is played

const follower = byId("follow");
const isLive = () => call?.state === "active";

function showFollower() {
  const away = isLive() ? !view.atEnd() : listening.running && !timeline.following;
  follower.hidden = !away;
  const words = isLive() ? t("Newest") : t("To what is played");
  if (follower.textContent !== words) follower.textContent = words;
}

follower.addEventListener("click", () => {
  if (isLive()) view.toEnd();
  else timeline.show("center");
  showFollower();
});
timeline.onFollowing = showFollower;
listening.onPress = showFollower;
addEventListener("scroll", showFollower, { passive: true });
setInterval(() => {
  if (!isLive()) return;
  drawLength(call);
  listening.lengthen(lengthOf(call));
}, 1000);

start();
