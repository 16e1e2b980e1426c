// Assist rules: choosing and editing them in a form or as JSON; trial.js tries them.

import { asker, attempt, chosen, markChosen, may, offerNew, send } from "./admin.js";
import { leaves, question } from "./dialog.js";
import { announce, byId, element, notice } from "./dom.js";
import { ask } from "./feed.js";
import { clearMistakes, guardLeaving, jsonMistake, showMistake } from "./forms.js";
import { definition, fieldOf, fillRule, ruleOf, showKind } from "./ruleform.js";
import { offerTrial } from "./trial.js";
import { t } from "./wording.js";

const form = byId("rule");
const KINDS = {
  phrase: t("phrases"), near: t("words near"), pattern: t("pattern"), silence: t("silence"), "talk-over": t("talk-over"), emotion: t("emotion"),
};
let rules = [];
let open = null;
let saved = "";

const path = (name) => `/api/v1/rules/${encodeURIComponent(name)}`;
const isDirty = () => !form.hidden && JSON.stringify(ruleOf(form)) !== saved;

async function readRules() {
  rules = await ask("/api/v1/rules");
  byId("lists").replaceChildren(...(rules.length ? rules.map(ruleLink) : [element("li", { className: "quiet pad", textContent: t("There is no rule yet.") })]));
  byId("lists").ariaBusy = "false";
}

function ruleLink({ name, when }) {
  const link = element("a", { href: `#${encodeURIComponent(name)}` }, element("span", { textContent: name }), element("span", { className: "count", textContent: KINDS[when.kind] }));
  return element("li", {}, link);
}

/** Shows what the address names; a name that no rule has is a new one. What is not saved is not left without a question. */
async function show() {
  const name = chosen();
  if (open && name !== open.name && isDirty() && !(await leaves(open.name))) return;
  await readRules();
  byId("nothing").hidden = Boolean(name);
  form.hidden = !name;
  open = name ? rules.find((each) => each.name === name) ?? { name, version: 0 } : null;
  markChosen(byId("lists"), name);
  if (open) fill();
}

function fill() {
  clearMistakes(form);
  byId("rule-mistake").hidden = true;
  byId("rule-name").textContent = open.name;
  byId("rule-version").textContent = open.version ? t("version {version}", { version: open.version }) : t("not saved yet");
  byId("delete-rule").hidden = !open.version || !may("lists:write");
  form.reset();
  fillRule(form, open);
  saved = JSON.stringify(ruleOf(form));
  byId("raw").open = false;
  note();
}

function note() {
  byId("rule-state").textContent = isDirty() ? t("Not saved") : "";
}

async function save(event) {
  event.preventDefault();
  clearMistakes(form);
  byId("rule-mistake").hidden = true;
  try {
    await send(path(open.name), "PUT", { ...ruleOf(form), by: asker(), version: open.version });
    announce(t("Saved."));
    await show();
    byId("rule-state").textContent = t("Saved.");
  } catch (problem) {
    if (problem.status === 409) await reconcile();
    else showMistake(form, problem, byId("rule-mistake"), fieldOf);
  }
}

/** Somebody else has saved meanwhile: ours stays in the form, and either theirs is read or ours is to be saved over it. */
async function reconcile() {
  const ours = ruleOf(form);
  await readRules();
  const theirs = rules.find((each) => each.name === open.name);
  const choice = await question({
    title: t("Somebody else has changed this rule meanwhile"),
    lines: [
      theirs ? t("It stands now as: {rule}", { rule: JSON.stringify(definition(theirs)) }) : t("They have deleted it."),
      t("Yours stays in the form, and is not saved yet. Saved once more, it replaces theirs, which stays among the versions."),
    ],
    action: t("Keep mine in the form"),
  });
  if (!choice) return;
  open = theirs ?? { name: open.name, version: 0 };
  fill();
  fillRule(form, ours);
  note();
}

async function remove() {
  const { name } = open;
  const done = await question({
    title: t("Delete the rule {name}?", { name }),
    lines: [t("It gives no more cards. Those that it gave stay with their calls.")],
    action: t("Delete"), danger: true,
    act: () => send(`${path(name)}?${new URLSearchParams({ by: asker() })}`, "DELETE"),
  });
  if (!done) return;
  saved = JSON.stringify(ruleOf(form));
  location.hash = "";
}

// As JSON, for experts: each way, as it is typed

function showRaw() {
  if (byId("raw").open) byId("raw-text").value = JSON.stringify(ruleOf(form), null, 2);
}

function readRaw() {
  const text = byId("raw-text").value;
  let mistake = "";
  try {
    fillRule(form, JSON.parse(text));
  } catch (problem) {
    mistake = problem instanceof SyntaxError ? jsonMistake(text) : t("This is no rule: it needs “when” with a “kind”.");
  }
  byId("raw-mistake").textContent = mistake;
  byId("raw-mistake").hidden = !mistake;
  byId("raw-text").ariaInvalid = String(Boolean(mistake));
  note();
}

form.addEventListener("submit", save);
function changed(event) {
  if (event.target === byId("raw-text")) return readRaw();
  if (event.target.name === "kind") showKind(form);
  note();
  return showRaw();
}

form.addEventListener("input", changed);
form.addEventListener("change", changed);
byId("raw").addEventListener("toggle", showRaw);
byId("revert").addEventListener("click", fill);
byId("delete-rule").addEventListener("click", remove);
offerNew(byId("new-list"));
addEventListener("hashchange", () => attempt(byId("revert"), async () => {
  if (location.hash.startsWith("#line-")) return;
  await show();
  if (open) byId("rule-name").focus();
}));
guardLeaving(isDirty);
byId("new-list").hidden = byId("rule-buttons").hidden = !may("lists:write");
if (!may("lists:write")) for (const group of form.querySelectorAll("fieldset")) group.disabled = true;
offerTrial(() => (open ? { [open.name]: ruleOf(form) } : null));
show().catch((problem) => notice(problem.message));
