// Trunks and nodes: what is wrong stands first.

import { keepFresh } from "./admin.js";
import { complaintRows, redraw } from "./complaints.js";
import { byId, element } from "./dom.js";
import { ask } from "./feed.js";
import { keptFor } from "./jobwords.js";
import { tableRow } from "./table.js";
import { LOCALE, t } from "./wording.js";
import { fullMoment, moment } from "./words.js";

const EVERY_MS = 5000;
const REGISTRATIONS = {
  registered: t("registered"), registering: t("is registering"), stopped: t("no longer registered"),
};
const articles = new Map();

async function read() {
  const midnight = new Date(new Date().setHours(0, 0, 0, 0));
  const told = await ask(`/api/v1/trunks?since=${encodeURIComponent(midnight.toISOString())}`);
  redraw(byId("node-complaints"), told.problems, complaintRows);
  redraw(byId("nodes"), told.nodes, (nodes) => (nodes.length ? nodes.map(nodeRow) : [tableRow(t("None reports."), "", "", "", "")]));
  if (!articles.size) byId("trunks").replaceChildren();
  // In the order of the settings, what is wrong first; once, as nothing shall jump under a pointer.
  const order = { bad: 0, warn: 1 };
  const rank = ({ problems }) => order[problems[0]?.tone] ?? 2;
  (articles.size ? told.trunks : told.trunks.toSorted((one, other) => rank(one) - rank(other))).forEach(showTrunk);
  byId("trunks").ariaBusy = "false";
  redraw(byId("strangers"), told.strangers, (refused) => refused.map(refusalRow));
  byId("strangers-section").hidden = !told.strangers.length;
}

function nodeRow({ name, runs, calls_active, calls_capacity, recognizer_ready }) {
  const state = element("span", { className: "state", data: { state: runs ? "done" : "failed" }, textContent: runs ? t("Runs") : t("Does not report") });
  const load = element("meter", { min: 0, max: calls_capacity || 1, high: calls_capacity * 0.8 || 1, value: runs ? calls_active : 0, ariaLabel: t("Load") });
  const heard = recognizer_ready ? t("ready") : t("none");
  return tableRow(
    name, state, runs ? t("{active} of {capacity}", { active: calls_active, capacity: calls_capacity }) : String(calls_active),
    runs ? load : "–", runs ? heard : "–",
  );
}

function showTrunk(trunk) {
  if (!articles.has(trunk.name)) articles.set(trunk.name, emptyArticle(trunk.name));
  const parts = articles.get(trunk.name);
  const tone = trunk.problems[0]?.tone ?? "ok";
  redraw(parts.badge, tone, () => [health(tone)]);
  // Of one fault the badge beside the name tells the tone.
  redraw(parts.complaints, trunk.problems, (problems) => complaintRows(problems, problems.length > 1));
  redraw(parts.facts, [trunk.calls_active, trunk.calls_begun, trunk.last_call_at, trunk.registrations], () => facts(trunk));
  redraw(parts.settings, trunk.settings, settingRows);
  redraw(parts.refusals, trunk.refusals, (refused) => refused.map(refusalRow));
  parts.refused.hidden = !trunk.refusals.length;
  redraw(parts.refusedCount, trunk.refusals.length, (number) => [t("Refused within a day: {number}", { number })]);
}

function health(tone) {
  const words = { ok: t("Healthy"), warn: t("Look at this"), bad: t("Fault") };
  return element("span", { className: "badge", data: { tone: tone === "ok" ? "live" : tone }, textContent: words[tone] });
}

function emptyArticle(name) {
  const make = (tag, className = "") => element(tag, { className });
  const parts = {
    badge: make("span"), complaints: make("ul", "complaints"), facts: make("p", "facts"), settings: make("dl", "settings"),
    refusals: make("tbody"), refusedCount: make("summary"),
  };
  const id = `trunk-${articles.size}`;
  const heads = [t("When"), t("From"), t("Times"), t("Why, and what helps")].map((head) => element("th", { scope: "col", textContent: head }));
  parts.refused = element("details", {}, parts.refusedCount, element(
    "div", { className: "table-scroll" },
    element("table", { className: "grid" }, element("thead", {}, element("tr", {}, ...heads)), parts.refusals),
  ));
  byId("trunks").append(element(
    "article", { className: "panel trunk-card", attributes: { "aria-labelledby": id } },
    element("div", { className: "section-head" }, element("h3", { id, textContent: name }), parts.badge),
    parts.facts, parts.complaints,
    element("details", {}, element("summary", { textContent: t("Settings in force") }), parts.settings),
    parts.refused,
  ));
  return parts;
}

function facts(trunk) {
  const last = trunk.last_call_at ? t("last call {time}", { time: moment(trunk.last_call_at) }) : t("no call in 30 days");
  return [
    t("calls now: {number}", { number: trunk.calls_active }), t("today: {number}", { number: trunk.calls_begun }), last,
    ...trunk.registrations.map((state) => REGISTRATIONS[state] ?? t("not registered")),
  ].map((fact) => element("span", { textContent: fact }));
}

function settingRows(settings) {
  const registered = { extension: settings.extension, registrar: settings.registrar };
  const rows = [
    [t("Who may call"), callers(settings)],
    [t("Registers"), settings.registrar ? t("as {extension} at {registrar}", registered) : t("nowhere")],
    [t("Language"), language(settings.language)],
    [t("Engines"), settings.engines.join(", ")],
    [t("Codecs"), settings.codecs.join(", ")],
    [t("Hotwords"), hotwords(settings)],
    [t("Masked"), settings.redaction.join(", ") || t("nothing")],
    [t("Speakers told apart"), { auto: t("where a channel is known to carry several"), on: t("on every channel"), off: t("never") }[settings.diarization]],
    [t("Recordings kept"), keptFor(settings.audio_days)],
    [t("Text kept"), keptFor(settings.text_days)],
  ];
  return rows.flatMap(([name, value]) => [
    element("dt", { textContent: name }), element("dd", {}, ...(Array.isArray(value) ? value : [value])),
  ]);
}

function callers(settings) {
  return [
    settings.allow.join(", ") || t("nobody by address"),
    settings.tls === "optional" ? "" : { required: t("over TLS only"), verified: t("with a certificate only") }[settings.tls],
    settings.password ? t("with a password") : "",
    settings.siprec ? t("each call a recording session") : "",
  ].filter(Boolean).join("; ");
}

function hotwords({ hotwords: number, hotword_lists }) {
  const links = hotword_lists.flatMap((name) => [", ", element("a", { href: `/admin/hotwords#${encodeURIComponent(name)}`, textContent: name })]);
  const words = number ? [t("{number} of the settings", { number })] : [];
  const all = [...words, ...(words.length ? links : links.slice(1))];
  return all.length ? all : t("none");
}

function language(code) {
  if (code === "auto") return t("found out by the recognizer");
  try {
    return new Intl.DisplayNames(LOCALE, { type: "language" }).of(code);
  } catch {
    return code;
  }
}

function refusalRow({ at, source, transport, times, why, cure }) {
  const told = [element("strong", { textContent: why }), " ", element("span", { className: "cure", textContent: cure })];
  const when = element("time", { dateTime: at, title: fullMoment(at), textContent: moment(at) });
  return tableRow(when, `${source} (${transport.toUpperCase()})`, String(times), element("td", {}, ...told));
}

keepFresh(read, EVERY_MS);
