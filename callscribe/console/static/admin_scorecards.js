// Scorecards: edited as JSON, with what is wrong marked at its place.

import { asker, attempt, chosen, isSignedIn, markChosen, may, offerNew, rememberAsker, send } from "./admin.js";
import { leaves, question } from "./dialog.js";
import { announce, byId, element, notice } from "./dom.js";
import { ask } from "./feed.js";
import { guardLeaving, jsonMistake } from "./forms.js";
import { lineOf, placeOf, scanned } from "./jsonplace.js";
import { t } from "./wording.js";

const EXAMPLE = {
  trunks: [], languages: [],
  rules: [
    { name: "greeting", kind: "said", phrases: ["thank you * calling"], within_s: 10 },
    { name: "promises", kind: "not-said", phrases: ["guarantee", "i promise"], critical: true },
    { name: "consent first", kind: "order", first: ["this call is recorded"], then: ["credit card"] },
    { name: "lets the customer speak", kind: "measure", measure: "talk-ratio", at_most: 0.7 },
  ],
};
const form = byId("card");
const text = form.elements.definition;
let cards = [];
let open = null;
let saved = "";

const path = (name) => `/api/v1/scorecards/${encodeURIComponent(name)}`;
const isDirty = () => !form.hidden && text.value !== saved;

/** A value without what is null: a rule says by leaving it out that it has no such bound. */
const filled = (value) => (Array.isArray(value) ? value.map(filled) : value && typeof value === "object"
  ? Object.fromEntries(Object.entries(value).filter(([, each]) => each !== null).map(([name, each]) => [name, filled(each)]))
  : value);

async function readCards() {
  cards = await ask("/api/v1/scorecards");
  byId("lists").replaceChildren(...(cards.length ? cards.map(cardLink) : [element("li", { className: "quiet pad", textContent: t("There is no scorecard yet.") })]));
  byId("lists").ariaBusy = "false";
}

function cardLink({ name, rules }) {
  const count = element("span", { className: "count", textContent: String(rules.length) });
  return element("li", {}, element("a", { href: `#${encodeURIComponent(name)}` }, element("span", { textContent: name }), count));
}

async function show() {
  const name = chosen();
  if (open && name !== open.name && isDirty() && !(await leaves(open.name))) return;
  await readCards();
  byId("nothing").hidden = Boolean(name);
  form.hidden = !name;
  open = name ? cards.find((each) => each.name === name) ?? { name, version: 0, ...EXAMPLE } : null;
  markChosen(byId("lists"), name);
  if (open) fill();
}

function fill() {
  const { name, version, ...definition } = open;
  complain("");
  byId("card-name").textContent = name;
  byId("card-version").textContent = version ? t("version {version}", { version }) : t("not saved yet");
  byId("delete-card").hidden = !version || !may("lists:write");
  saved = JSON.stringify(filled(definition), null, 2);
  text.value = saved;
  byId("card-state").textContent = "";
  byId("results").hidden = !version || !may("calls:read");
  byId("result-links").replaceChildren(
    resultLink(t("with a score below 80"), { score: "<80" }), ...definition.rules.map((rule) => resultLink(rule.name, { rule: rule.name })),
  );
}

const resultLink = (words, asked) => element("li", {}, element("a", { href: `/search?${new URLSearchParams(asked)}`, textContent: words }));

function complain(sentence, offset = -1) {
  byId("card-mistake").textContent = sentence;
  byId("card-mistake").hidden = !sentence;
  text.ariaInvalid = String(Boolean(sentence));
  if (offset < 0) return;
  // The line of the mistake is selected, and seen.
  const end = text.value.indexOf("\n", offset);
  text.focus();
  text.setSelectionRange(offset, end < 0 ? text.value.length : end);
  text.scrollTop = (lineOf(text.value, offset).line - 4) * (text.scrollHeight / text.value.split("\n").length);
}

async function save(event) {
  event.preventDefault();
  const { fault, places } = scanned(text.value);
  if (fault >= 0) return complain(jsonMistake(text.value), fault);
  complain("");
  try {
    const by = form.elements.by.value.trim() || asker();
    await send(path(open.name), "PUT", { ...JSON.parse(text.value), by, version: open.version });
    rememberAsker(by);
    announce(t("Saved."));
    text.value = saved;
    await show();
    byId("card-state").textContent = t("Saved.");
  } catch (problem) {
    if (problem.status === 409) await reconcile();
    else tell(problem, places);
  }
  return null;
}

/** Somebody else has saved meanwhile: ours stays in the form, and either theirs is read or ours is to be saved over it. */
async function reconcile() {
  const ours = text.value;
  await readCards();
  const theirs = cards.find((each) => each.name === open.name);
  const choice = await question({
    title: t("Somebody else has changed this scorecard meanwhile"),
    lines: [
      theirs ? t("They changed: {parts}", { parts: differing(open, theirs).join(", ") }) : t("They have deleted it."),
      t("Yours stays in the form, and is not saved yet. Saved once more, it replaces theirs, which stays among the versions."),
    ],
    action: t("Keep mine in the form"),
  });
  if (!choice) return;
  open = theirs ?? { name: open.name, version: 0, ...EXAMPLE };
  fill();
  text.value = ours;
  byId("card-state").textContent = isDirty() ? t("Not saved") : "";
}

/** What is not the same in two versions: names of rules, or that the calls are others or the rules' order is. */
function differing(one, other) {
  const [was, is] = [one, other].map(({ rules }) => new Map(rules.map((rule) => [rule.name, JSON.stringify(filled(rule))])));
  const names = [...new Set([...was.keys(), ...is.keys()])].filter((name) => was.get(name) !== is.get(name));
  return names.length ? names : [t("trunks, languages or the order of rules")];
}

/** What the API says of a place is told with its line. */
function tell({ message }, places) {
  const [, place, sentence] = /^([\w.\-]+): (.+)$/s.exec(message) ?? [];
  const offset = place ? placeOf(places, place) : -1;
  if (offset < 0) return complain(message);
  const { line } = lineOf(text.value, offset);
  return complain(t("Line {line}, {place}: {problem}", { line, place, problem: sentence }), offset);
}

async function remove() {
  const { name } = open;
  const done = await question({
    title: t("Delete the scorecard {name}?", { name }),
    lines: [t("It scores no more calls. Scores that it gave stay with their calls.")],
    fields: isSignedIn() ? [] : [{ name: "by", label: t("Your name"), value: asker(), maxLength: 100 }],
    action: t("Delete"), danger: true,
    act: ({ by }) => send(`${path(name)}?${new URLSearchParams({ by: by || asker() })}`, "DELETE"),
  });
  if (!done) return;
  text.value = saved;
  location.hash = "";
}

form.addEventListener("submit", save);
form.addEventListener("input", () => { byId("card-state").textContent = isDirty() ? t("Not saved") : ""; });
byId("revert").addEventListener("click", fill);
byId("delete-card").addEventListener("click", remove);
offerNew(byId("new-list"));
addEventListener("hashchange", () => attempt(byId("revert"), async () => {
  await show();
  if (open) byId("card-name").focus();
}));
guardLeaving(isDirty);
byId("new-list").hidden = byId("card-buttons").hidden = !may("lists:write");
byId("card-by").hidden = isSignedIn() || !may("lists:write");
form.elements.by.required = !byId("card-by").hidden;
form.elements.by.value = asker();
text.readOnly = !may("lists:write");
show().catch((problem) => notice(problem.message));
