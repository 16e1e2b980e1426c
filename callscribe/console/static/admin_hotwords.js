// Hotword lists: choosing, editing, and what to do where somebody else has changed the same one meanwhile.

import { asker, attempt, chosen, markChosen, may, offerNew, send } from "./admin.js";
import { leaves, question } from "./dialog.js";
import { announce, byId, element, notice } from "./dom.js";
import { ask } from "./feed.js";
import { clearMistakes, guardLeaving, listed, showMistake } from "./forms.js";
import { amended, changes, textOf, wordsOf } from "./hotwordtext.js";
import { when } from "./jobwords.js";
import { tableRow } from "./table.js";
import { t } from "./wording.js";
import { plural } from "./words.js";

const form = byId("list");
const NEW = { version: 0, words: [], languages: [], agents: [] };
let lists = [];
let open = null;
let saved = "";

const path = (name) => `/api/v1/hotwords/${encodeURIComponent(name)}`;
const fields = () => JSON.stringify([...new FormData(form)].filter(([, value]) => typeof value === "string"));
const isDirty = () => !form.hidden && fields() !== saved;

async function readLists() {
  byId("lists").ariaBusy = "true";
  lists = await ask("/api/v1/hotwords");
  byId("lists").replaceChildren(...(lists.length ? lists.map(listLink) : [element("li", { className: "quiet pad", textContent: t("There is no list yet.") })]));
  byId("lists").ariaBusy = "false";
}

function listLink({ name, words }) {
  const link = element("a", { href: `#${encodeURIComponent(name)}` }, element("span", { textContent: name }), element("span", { className: "count", textContent: words.length.toLocaleString() }));
  return element("li", {}, link);
}

/** Shows what the address names; a name that no list has is a new one. What is not saved is not left without a question. */
async function show() {
  const name = chosen();
  if (open && name !== open.name && isDirty() && !(await leaves(open.name))) return;
  await readLists();
  byId("nothing").hidden = Boolean(name);
  form.hidden = !name;
  open = name ? { ...(lists.find((each) => each.name === name) ?? { ...NEW, name }) } : null;
  markChosen(byId("lists"), name);
  if (open) fill(open);
}

function fill(list) {
  clearMistakes(form);
  byId("list-mistake").hidden = true;
  byId("list-name").textContent = list.name;
  byId("list-version").textContent = list.version ? t("version {version}", { version: list.version }) : t("not saved yet");
  form.elements.words.value = textOf(list.words);
  form.elements.languages.value = list.languages.join(", ");
  form.elements.agents.value = list.agents.join(", ");
  byId("delete-list").hidden = !list.version || !may("lists:write");
  byId("versions").hidden = !list.version;
  byId("versions").open = false;
  saved = fields();
  note();
}

function note() {
  byId("word-count").textContent = t("{number} of at most 1,000 words", { number: wordsOf(form.elements.words.value).length });
  byId("list-state").textContent = isDirty() ? t("Not saved") : "";
}

async function save(event) {
  event.preventDefault();
  clearMistakes(form);
  byId("list-mistake").hidden = true;
  const words = wordsOf(form.elements.words.value);
  const wanted = { words, languages: listed(form.elements.languages.value), agents: listed(form.elements.agents.value), by: asker(), version: open.version };
  try {
    await send(path(open.name), "PUT", wanted);
    announce(t("Saved."));
    await show();
    byId("list-state").textContent = t("Saved.");
  } catch (problem) {
    if (problem.status === 409) await reconcile(words);
    else showMistake(form, problem, byId("list-mistake"));
  }
}

/** Somebody else has saved meanwhile: theirs, with our changes on it, is put into the form, and is not saved yet. */
async function reconcile(words) {
  const ours = changes(open.words, words);
  await readLists();
  const theirs = lists.find((each) => each.name === open.name) ?? { ...NEW, name: open.name };
  const by = changes(open.words, theirs.words);
  const choice = await question({
    title: t("Somebody else has changed this list meanwhile"),
    lines: [
      t("They put on: {words}", { words: by.put.map(({ text }) => text).join(", ") || t("nothing") }),
      t("They took off: {words}", { words: by.gone.join(", ") || t("nothing") }),
      t("Your changes can be put on theirs. Look at the outcome, then save."),
    ],
    action: t("Put mine on theirs"),
  });
  if (!choice) return;
  const mine = ["languages", "agents"].map((name) => form.elements[name]).filter((field) => String(listed(field.value)) !== String(open[field.name]));
  const values = mine.map((field) => field.value);
  open = theirs;
  fill(theirs);
  Object.assign(form.elements.words, { value: textOf(amended(theirs.words, ours)) });
  mine.forEach((field, at) => { field.value = values[at]; });
  note();
}

async function remove() {
  const { name, words } = open;
  const done = await question({
    title: t("Delete the list {name}?", { name }),
    lines: [plural(
      words.length, t("Calls no longer prefer its one word. Its versions stay: one can be restored."),
      t("Calls no longer prefer its {number} words. Its versions stay: one can be restored.", { number: words.length }),
    )],
    action: t("Delete"), danger: true,
    act: () => send(`${path(name)}?${new URLSearchParams({ by: asker() })}`, "DELETE"),
  });
  if (!done) return;
  announce(t("Deleted."));
  saved = fields();
  location.hash = "";
  await show();
}

/** The words of a file come on top of those that are there; nothing is saved yet. */
async function importFile() {
  const [file] = byId("import").files;
  byId("import").value = "";
  if (!file) return;
  const more = wordsOf((await file.text()).replaceAll("\r", ""));
  form.elements.words.value = textOf(amended(wordsOf(form.elements.words.value), { put: more, gone: [] }));
  note();
  announce(plural(more.length, t("One word was read. It is not saved yet."), t("{number} words were read. They are not saved yet.", { number: more.length })));
}

// Versions

async function readVersions() {
  if (!byId("versions").open) return;
  byId("comparison").replaceChildren();
  try {
    const versions = await ask(`${path(open.name)}/versions`);
    byId("version-rows").replaceChildren(...versions.map(versionRow));
  } catch (problem) {
    notice(problem.message);
  }
}

function versionRow({ version, changed_at, by, deleted, words }) {
  const acts = element("td", { className: "acts" });
  if (version !== open.version) {
    acts.append(act(t("Compare"), () => compare(version)));
    if (may("lists:write")) acts.append(act(t("Restore"), () => restore(version)));
  }
  return tableRow(String(version), when(changed_at), by || "–", deleted ? t("deleted") : String(words), acts);
}

function act(words, work) {
  const button = element("button", { type: "button", className: "button small", textContent: words });
  button.addEventListener("click", () => attempt(button, work));
  return button;
}

async function compare(version) {
  const then = await ask(`${path(open.name)}/versions/${version}`);
  const { put, gone } = changes(then.words, open.words);
  const line = (name, words) => element("p", {}, element("strong", { textContent: name }), " ", words.join(", ") || t("nothing"));
  byId("comparison").replaceChildren(
    element("h3", { textContent: t("From version {version} to now", { version }) }),
    line(t("Put on or weighed otherwise:"), put.map(({ text }) => text)), line(t("Taken off:"), gone),
  );
}

async function restore(version) {
  const done = await question({
    title: t("Restore version {version}?", { version }),
    lines: [t("The list gets what it had then, as a new version. What it has now stays among the versions.")],
    action: t("Restore"),
    act: () => send(`${path(open.name)}/versions/${version}/restore?${new URLSearchParams({ by: asker() })}`, "POST"),
  });
  if (done) await show();
}

form.addEventListener("submit", save);
form.addEventListener("input", note);
byId("import").addEventListener("change", importFile);
byId("revert").addEventListener("click", () => fill(open));
byId("delete-list").addEventListener("click", remove);
byId("versions").addEventListener("toggle", readVersions);
offerNew(byId("new-list"));
addEventListener("hashchange", () => attempt(byId("revert"), async () => {
  await show();
  if (open) byId("list-name").focus();
}));
addEventListener("hotwords-changed", () => attempt(byId("revert"), isDirty() ? readLists : show));
guardLeaving(isDirty);
byId("new-list").hidden = byId("list-buttons").hidden = !may("lists:write");
if (!may("lists:write")) form.elements.words.readOnly = form.elements.languages.readOnly = form.elements.agents.readOnly = true;
show().catch((problem) => notice(problem.message));
