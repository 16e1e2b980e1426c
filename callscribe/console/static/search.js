// The search page: the address holds the search, under the names that the API's parameters have.

import { byId, element, notice } from "./dom.js";
import { showFacets } from "./facets.js";
import { ask } from "./feed.js";
import { Shortcuts } from "./keys.js";
import { SavedSearches } from "./saved.js";
import { LOCALE, t } from "./wording.js";
import { callTitle, clock, fullMoment, moment, partyName, ROLE_WORDS, side } from "./words.js";

/** Texts that wait to be indexed: fewer are a second's work, more are not counted. */
const [BEHIND, COUNTED] = [500, 10_000];
const asked = new URLSearchParams(location.search);
const groups = new Map();
const next = { query: "", cursor: null };
let shown = 0;

/** The parts of a text that were looked for, marked. Places are code points, of which JavaScript may count two as one. */
function marked(text, highlights) {
  const characters = [...text];
  const parts = [];
  let from = 0;
  for (const [start, end] of highlights) {
    parts.push(characters.slice(from, start).join(""), element("mark", { textContent: characters.slice(start, end).join("") }));
    from = end;
  }
  return [...parts, characters.slice(from).join("")];
}

function hitRow(hit) {
  const party = partyName(hit.party) || ROLE_WORDS[hit.role] || t("Channel {number}", { number: hit.channel + 1 });
  const who = hit.speaker ? t("{name}, speaker {number}", { name: party, number: hit.speaker }) : party;
  const notes = [
    hit.party.name && ROLE_WORDS[hit.role],
    hit.newest ? "" : t("Replaced by a later text"),
  ].filter(Boolean).join(" · ");
  return element(
    "li", { className: "hit", data: { side: side(hit.channel, hit.role) } },
    element(
      "a", { className: "hit-link", href: hit.link },
      element("span", { className: "hit-when", textContent: clock(hit.word_ms), title: t("Play from {time}", { time: clock(hit.word_ms) }) }),
      element(
        "span", { className: "hit-said" },
        element("span", { className: "who", textContent: who }),
        notes ? element("span", { className: "hit-note", textContent: notes }) : null,
        element("span", { className: "hit-text" }, ...marked(hit.text, hit.highlights)),
      ),
    ),
  );
}

function callGroup(call) {
  const facts = [
    moment(call.started_at), call.duration_ms === null ? t("Going on now") : clock(call.duration_ms), t("trunk {name}", { name: call.trunk }),
    call.score === null ? null : t("score {number}", { number: Math.round(call.score) }),
  ].filter((fact) => fact !== null);
  const list = element("ol", { className: "hits" });
  const item = element(
    "li", { className: "panel found-call" },
    element("h3", { className: "found-title" }, element("a", { href: `/calls/${call.id}`, textContent: callTitle(call) })),
    element("p", { className: "facts", title: fullMoment(call.started_at) }, ...facts.map((fact) => element("span", { textContent: fact }))),
    list,
  );
  byId("found").append(item);
  groups.set(call.id, list);
  return list;
}

/** A page may begin within a call that the one before ended in. */
function show(answer) {
  for (const call of answer.calls) {
    const list = groups.get(call.id) ?? callGroup(call);
    list.append(...call.hits.map(hitRow));
    shown += call.hits.length;
  }
  Object.assign(next, { query: answer.query, cursor: answer.cursor });
  byId("more").hidden = !answer.cursor;
}

function say(answer) {
  byId("status").textContent = shown ? countWords(answer) : "";
  byId("behind").hidden = answer.waiting < BEHIND;
  const count = answer.waiting.toLocaleString(LOCALE);
  byId("behind").textContent = answer.waiting < COUNTED
    ? t("{count} texts cannot be found yet: they are being indexed.", { count })
    : t("{count} or more texts cannot be found yet: they are being indexed.", { count });
  byId("empty").hidden = shown > 0;
  if (!shown) offerFewer();
  byId("csv").hidden = !shown;
  byId("csv").href = `/api/v1/search.csv?${new URLSearchParams({ q: answer.query })}`;
}

function countWords({ matches: { number, more: beyond }, alike }) {
  const count = number.toLocaleString(LOCALE);
  const some = number === 1 ? t("{count} utterance", { count }) : t("{count} utterances", { count });
  const told = beyond ? t("At least {some}", { some }) : some;
  const ordered = asked.get("order") === "rank" ? t("{some}, the best first", { some: told }) : t("{some}, said last first", { some: told });
  return alike ? t("Nothing is spelled so. Spelled alike: {found}", { found: ordered }) : ordered;
}

/** Links to the search without each of its filters. */
function offerFewer() {
  const filters = [...new Set(asked.keys())].filter((name) => !["q", "order", "limit"].includes(name));
  byId("fewer").hidden = !filters.length;
  byId("fewer").replaceChildren(...filters.map((name) => element("a", {
    className: "button", href: `/search?${new URLSearchParams([...asked].filter(([other]) => other !== name))}`,
    textContent: t("Without {name}", { name: `${name}:${asked.getAll(name).join(",")}` }),
  })));
}

async function find() {
  byId("found").ariaBusy = "true";
  byId("status").textContent = t("Searching");
  try {
    const answer = await ask(`/api/v1/search?${new URLSearchParams([...asked, ["count", "true"]])}`);
    show(answer);
    say(answer);
    saved.allow();
    if (shown) showFacets(asked);
  } catch (problem) {
    complain(problem);
  }
  byId("found").ariaBusy = "false";
}

/** What is wrong with the query is told beside it, anything else on top of the page. */
function complain(problem) {
  byId("status").textContent = "";
  const mistaken = problem.status === 422;
  byId("mistake").hidden = !mistaken;
  byId("mistake").textContent = mistaken ? problem.message : "";
  byId("q").ariaInvalid = String(mistaken);
  if (mistaken) {
    byId("how").open = true;
    showPlace(problem.message);
  }
  notice(mistaken ? "" : problem.message);
}

/** Selects what the sentence says is wrong: "at character 8, (: …" names the first character, and "at the end" none. */
function showPlace(told) {
  const field = byId("q");
  const before = Number(told.match(/^at character (\d+)/)?.[1] ?? 0) - 1;
  if (before < 0 && !told.startsWith("at the end")) return;
  const characters = [...field.value];
  const from = before < 0 ? field.value.length : characters.slice(0, before).join("").length;
  const length = before < 0 ? 0 : characters.slice(before).join("").search(/(?!^)\s|$/);
  field.focus({ preventScroll: true });
  field.setSelectionRange(from, from + length);
}

async function more() {
  const button = byId("more");
  button.disabled = true;
  const order = asked.get("order") || "time";
  try {
    const last = [...byId("found").querySelectorAll(".hit-link")].at(-1);
    show(await ask(`/api/v1/search?${new URLSearchParams({ q: next.query, cursor: next.cursor, order })}`));
    following(last)?.focus();
  } catch (problem) {
    complain(problem);
  }
  button.disabled = false;
}

function following(link) {
  const links = [...byId("found").querySelectorAll(".hit-link")];
  return links[links.indexOf(link) + 1];
}

/** An address without what was left empty. */
function submit(event) {
  event.preventDefault();
  const filled = [...new FormData(byId("search"))].filter(([, value]) => value.trim());
  location.assign(filled.length ? `/search?${new URLSearchParams(filled)}` : "/search");
}

/** The form as the address has it. */
function fill() {
  let filtered = false;
  for (const [name, value] of asked) {
    const field = byId("search").elements[name];
    if (!field) continue;
    field.value = value;
    filtered ||= name !== "q";
  }
  byId("filters").open = filtered;
}

/** The query with the filters as conditions: times such as 7d stay as they were typed. */
function asQuery() {
  const conditions = [...asked].filter(([name]) => !["q", "order"].includes(name));
  return [asked.get("q") ?? "", ...conditions.map(([name, value]) => `${name}:${/[\s()]/.test(value) ? `"${value}"` : value}`)]
    .filter(Boolean).join(" ");
}

/** Moves the focus along the hits. */
function move(by) {
  const links = [...byId("found").querySelectorAll(".hit-link")];
  const place = links.indexOf(document.activeElement);
  const next = links[Math.max(0, Math.min(links.length - 1, place < 0 ? 0 : place + by))];
  next?.focus();
  next?.scrollIntoView({ block: "nearest" });
}

const key = (keys, label, press, repeats = false) => ({ keys, label, press, repeats });
new Shortcuts([{
  title: t("Search"),
  keys: [
    key(["/"], t("Type what to search for"), () => byId("q").select()),
    key(["ArrowDown", "j"], t("Next hit"), () => move(1), true),
    key(["ArrowUp", "k"], t("Hit before"), () => move(-1), true),
    key(["Enter"], t("Play from the word"), () => {}),
    key(["m"], t("Show more"), () => byId("more").hidden || more()),
    key(["f"], t("Filters"), () => byId("filters").querySelector("summary").click()),
    key(["s"], t("Save this search"), () => saved.focus()),
  ],
}], byId("keys-help"));

const saved = new SavedSearches(asQuery);
fill();
byId("search").addEventListener("submit", submit);
byId("more").addEventListener("click", more);
saved.load();
byId("begin").hidden = asked.size > 0;
if (!asked.size) byId("q").focus();
if (asked.size) find();
