// How times, lengths and parties are written on the pages.

import { LOCALE, t } from "./wording.js";

/** Milliseconds as 0:07, 12:34 or 1:02:03. */
export function clock(ms) {
  const total = Math.max(0, Math.floor(ms / 1000));
  const [hours, minutes, seconds] = [Math.floor(total / 3600), Math.floor(total / 60) % 60, total % 60];
  const tail = String(seconds).padStart(2, "0");
  return hours ? `${hours}:${String(minutes).padStart(2, "0")}:${tail}` : `${minutes}:${tail}`;
}

const DAY_AND_TIME = new Intl.DateTimeFormat(LOCALE, {
  weekday: "short", day: "numeric", month: "short", hour: "2-digit", minute: "2-digit",
});
const FULL = new Intl.DateTimeFormat(LOCALE, { dateStyle: "long", timeStyle: "medium" });
const TIME = new Intl.DateTimeFormat(LOCALE, { hour: "2-digit", minute: "2-digit" });

/** An ISO time as people near it would say it: only the time for today. */
export function moment(iso) {
  const at = new Date(iso);
  const today = at.toDateString() === new Date().toDateString();
  return today ? t("Today, {time}", { time: TIME.format(at) }) : DAY_AND_TIME.format(at);
}

export const fullMoment = (iso) => FULL.format(new Date(iso));

/** A party's name, or the user part of its address, or "". */
export function partyName(party) {
  if (!party) return "";
  return party.name || party.address.replace(/^(sips?|tel|funasr):/i, "").replace(/@.*$/, "");
}

export const ROLE_WORDS = { agent: t("Agent"), customer: t("Customer"), mixed: t("Both"), unknown: "" };

/** What to call the person on a channel of a call; number: which of several people there, 0 where that is not known. */
export function speaker(call, index, role = "unknown", number = 0) {
  const channel = call?.channels.find((each) => each.index === index);
  const known = channel?.role ?? role;
  const party = partyName(channel?.party);
  const unnamed = t("Channel {number}", { number: index + 1 });
  if (!number) return party || ROLE_WORDS[known] || ROLE_WORDS[role] || unnamed;
  const who = party || (known === "mixed" ? "" : ROLE_WORDS[known]);
  if (!who && call?.channels.length === 1) return t("Speaker {number}", { number });
  return t("{who}, speaker {number}", { who: who || unnamed, number });
}

/** Which side of the page a channel speaks from: the agent (or the first channel) is near. */
export function side(index, role) {
  if (role === "agent" || role === "mixed") return "near";
  if (role === "customer") return "far";
  return index % 2 ? "far" : "near";
}

/** "Anna to +49 30 123": who called whom. */
export function callTitle(call) {
  const [from, to] = [partyName(call.caller), partyName(call.callee)];
  if (from && to) return t("{from} to {to}", { from, to });
  return from || to || t("Unnamed call");
}

const PLURALS = new Intl.PluralRules(document.documentElement.lang);

/** The one of two texts that a count takes: for one of something, or for any other number. Both are translated. */
export function plural(count, one, many) {
  return PLURALS.select(count) === "one" ? one : many;
}

const END_WORDS = {
  bye: "", rejected: t("Refused"), "no-media": t("No audio came"), "line-lost": t("A line failed"),
  "connection-lost": t("Connection lost"),
  drained: t("Ended by shutdown"), interrupted: t("Interrupted"), "node-lost": t("Its machine was lost"),
};

/** How a call ended where that was not simply a hang-up. */
export function endNote(call) {
  if (call.state === "active") return "";
  return END_WORDS[call.end_reason] ?? call.end_reason ?? "";
}
