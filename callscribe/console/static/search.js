// The search page: the address holds the search, under the names that the API's parameters have.

import { byId, element, notice } from "./dom.js";
import { ask } from "./feed.js";
import { callTitle, clock, fullMoment, moment, partyName, ROLE_WORDS, side } from "./words.js";

const BY = "callscribe-by";
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
  const party = partyName(hit.party) || ROLE_WORDS[hit.role] || `Channel ${hit.channel + 1}`;
  const who = hit.speaker ? `${party}, speaker ${hit.speaker}` : party;
  const notes = [
    hit.party.name && ROLE_WORDS[hit.role],
    hit.newest ? "" : "Replaced by a later text",
  ].filter(Boolean).join(" · ");
  return element(
    "li", { className: "hit", data: { side: side(hit.channel, hit.role) } },
    element(
      "a", { className: "hit-link", href: hit.link },
      element("span", { className: "hit-when", textContent: clock(hit.word_ms), title: `Play from ${clock(hit.word_ms)}` }),
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
    moment(call.started_at), call.duration_ms === null ? "Going on now" : clock(call.duration_ms), `trunk ${call.trunk}`,
    call.score === null ? null : `score ${Math.round(call.score)}`,
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
  const { number, more } = answer.matches;
  const count = `${more ? "At least " : ""}${number.toLocaleString()} ${number === 1 ? "utterance" : "utterances"}`;
  const order = asked.get("order") === "rank" ? "the best first" : "said last first";
  byId("status").textContent = answer.alike ? `Nothing is spelled so. Spelled alike: ${count}, ${order}` : `${count}, ${order}`;
  if (!shown) byId("status").textContent = "";
  byId("behind").hidden = answer.waiting < BEHIND;
  byId("behind").textContent = `${answer.waiting.toLocaleString()}${answer.waiting < COUNTED ? "" : " or more"} texts cannot be found yet: they are being indexed.`;
  byId("empty").hidden = shown > 0;
  byId("csv").hidden = !shown;
  byId("csv").href = `/api/v1/search.csv?${new URLSearchParams({ q: answer.query })}`;
}

async function find() {
  byId("found").ariaBusy = "true";
  byId("status").textContent = "Searching";
  try {
    const answer = await ask(`/api/v1/search?${new URLSearchParams([...asked, ["count", "true"]])}`);
    show(answer);
    say(answer);
    byId("save").querySelector("button").disabled = false;
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
  notice(mistaken ? "" : problem.message);
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

// Saved searches

async function loadSaved() {
  try {
    const saved = await ask("/api/v1/searches");
    byId("saved").replaceChildren(...saved.map(savedRow));
    byId("saved-empty").hidden = saved.length > 0;
  } catch (problem) {
    complain(problem);
  }
}

function savedRow(search) {
  const forget = element("button", { type: "button", className: "button", textContent: "Delete", ariaLabel: `Delete ${search.name}` });
  forget.addEventListener("click", () => remove(search));
  return element(
    "li", {},
    element(
      "div", {},
      element("a", { href: `/search?${new URLSearchParams({ q: search.query })}`, textContent: search.name }),
      element("span", { className: "saved-note", textContent: search.query, title: `Saved by ${search.by}, ${fullMoment(search.saved_at)}` }),
    ),
    forget,
  );
}

async function remove(search) {
  try {
    await ask(`/api/v1/searches/${encodeURIComponent(search.name)}`, { method: "DELETE" });
  } catch (problem) {
    complain(problem);
  }
  await loadSaved();
  byId("save").elements.name.focus();
}

/** The query with the filters as conditions: times such as 7d stay as they were typed. */
function asQuery() {
  const conditions = [...asked].filter(([name]) => !["q", "order"].includes(name));
  return [asked.get("q") ?? "", ...conditions.map(([name, value]) => `${name}:${/[\s()]/.test(value) ? `"${value}"` : value}`)]
    .filter(Boolean).join(" ");
}

async function save(event) {
  event.preventDefault();
  const { name, by } = Object.fromEntries(new FormData(byId("save")));
  try {
    await ask(`/api/v1/searches/${encodeURIComponent(name.trim())}`, {
      method: "PUT", headers: { "content-type": "application/json" }, body: JSON.stringify({ query: asQuery(), by: by.trim() }),
    });
    localStorage.setItem(BY, by.trim());
    byId("save").elements.name.value = "";
    notice("");
  } catch (problem) {
    notice(problem.message);
  }
  await loadSaved();
}

fill();
byId("search").addEventListener("submit", submit);
byId("more").addEventListener("click", more);
byId("save").addEventListener("submit", save);
byId("save").elements.by.value = localStorage.getItem(BY) ?? "";
loadSaved();
if (asked.size) find();
else byId("q").focus();
