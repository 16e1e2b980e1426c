// What is known of a call beside what was said: title, state, parties, work after it, ids.

import { byId, element } from "./dom.js";
import { t } from "./wording.js";
import { callTitle, clock, endNote, fullMoment, partyName, ROLE_WORDS, side, speaker } from "./words.js";

const DIALECT_WORDS = { siprec: "SIPREC", funasr: "FunASR" };
const JOB_WORDS = {
  "second-pass": t("Second pass"), recover: t("Recovery"), diarize: t("Speakers"), bleep: t("Bleeping"), evaluate: t("Evaluation"),
};
const JOB_STATE_WORDS = { queued: t("Waiting"), running: t("Running"), done: t("Done"), failed: t("Failed") };
const ID_WORDS = {
  "sip-call-id": "SIP Call-ID", "siprec-session": t("SIPREC session"), "siprec-group": t("SIPREC group"), ucid: "UCID",
  "cisco-guid": "Cisco-Guid", "user-to-user": "User-to-User",
};

/** Draws all of it; `retry(job, button)` is called where somebody wants a failed job tried again. */
export function drawFacts(call, retry) {
  const title = callTitle(call);
  byId("title").textContent = title;
  document.title = `${title} · Callscribe`;
  const facts = [fullMoment(call.started_at), "", t("trunk {name}", { name: call.trunk }), DIALECT_WORDS[call.dialect] ?? null];
  byId("facts").replaceChildren(...facts.filter((fact) => fact !== null).map((fact) => element("span", { textContent: fact })));
  byId("cards-panel").dataset.state = call.state;
  drawLength(call);
  drawBadges(call);
  drawParties(call);
  drawJobs(call, retry);
  drawIds(call);
}

/** Of a call that goes on: until now. */
export function drawLength(call) {
  byId("facts").children[1].textContent = clock(lengthOf(call));
}

export const lengthOf = (call) => call.duration_ms ?? Date.now() - Date.parse(call.started_at);

const isPaused = (call) => call.state === "active" && (call.pauses ?? []).some((pause) => pause.end_ms === null);

export function drawBadges(call) {
  const badges = [];
  if (call.state === "active") badges.push([t("Going on now"), "live"]);
  if (isPaused(call)) badges.push([t("Paused: nothing is recorded"), "warn"]);
  if (call.state === "interrupted") badges.push([t("Interrupted: speech may be missing"), "warn"]);
  const note = endNote(call);
  if (note && call.state !== "interrupted") badges.push([note, "warn"]);
  if (call.audio_expired_at) badges.push([t("Its recording was removed when its time was over"), "plain"]);
  if (call.text_expired_at) badges.push([t("Its text was removed when its time was over"), "plain"]);
  if (call.held) badges.push([t("On legal hold"), "plain"]);
  if (call.duplicate_of) badges.push([t("Recorded twice: a copy"), "plain"]);
  for (const quirk of call.quirks) badges.push([t("Quirk: {name}", { name: quirk }), "plain"]);
  byId("badges").replaceChildren(
    ...badges.map(([text, tone]) => element("li", { className: "badge", textContent: text, data: { tone } })),
  );
}

function drawParties(call) {
  const rows = call.channels.map((channel) => {
    const facts = [ROLE_WORDS[channel.role], channel.codec, channel.label && t("label {name}", { name: channel.label })].filter(Boolean).join(", ");
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

function drawJobs(call, retry) {
  byId("jobs-panel").hidden = call.jobs.length === 0;
  byId("jobs").replaceChildren(...call.jobs.map((job) => jobRow(job, retry)));
}

function jobRow(job, retry) {
  const row = element(
    "li", {},
    element("span", { textContent: `${JOB_WORDS[job.kind] ?? job.kind}: ` }),
    element("span", { className: "job-state", textContent: JOB_STATE_WORDS[job.state], data: { state: job.state } }),
  );
  if (job.error) row.append(element("span", { className: "quiet", textContent: job.error }));
  if (job.state === "queued" && job.attempts) {
    const told = t("Tried {count}×, again at {time}", { count: job.attempts, time: fullMoment(job.due_at) });
    row.append(element("span", { className: "quiet", textContent: told }));
  }
  if (job.state === "failed" && byId("call").dataset.retries) {
    const again = element("button", { type: "button", className: "button", textContent: t("Try again") });
    again.addEventListener("click", () => retry(job, again));
    row.append(again);
  }
  return row;
}

function drawIds(call) {
  const pairs = [["Callscribe", call.id], ...call.outside_ids.map(({ kind, value }) => [ID_WORDS[kind] ?? kind, value]), [t("Node"), call.node]];
  const links = (call.linked ?? []).map((id) => [t("Same conversation"), element("a", { href: `/calls/${id}`, textContent: id })]);
  byId("ids").replaceChildren(
    ...[...pairs, ...links].map(([kind, value]) => element("div", {}, element("dt", { textContent: kind }), element("dd", {}, value))),
  );
}
