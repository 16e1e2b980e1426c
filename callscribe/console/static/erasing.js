// Erasing a call or a party's calls: first what would go, then the question, then how far it is.

import { keepFresh, send } from "./admin.js";
import { accountability, accountable, question } from "./dialog.js";
import { announce, byId } from "./dom.js";
import { ask } from "./feed.js";
import { stateMark, when } from "./jobwords.js";
import { Listing, tableRow } from "./table.js";
import { t } from "./wording.js";
import { plural } from "./words.js";

const EVERY_MS = 5000;
const LOOKING = { by: "preview", reason: "preview" };
let shown = "";

const list = new Listing(byId("erasures"), {
  read: async () => ({ rows: await ask("/api/v1/erasures"), cursor: null }),
  row: erasureRow,
  empty: t("None in the last 30 days."),
});

function erasureRow({ by, reason, created_at, finished_at, found, waiting, erased, held, active, failed }) {
  const state = finished_at ? stateMark(t("Done"), "done") : stateMark(t("{done} of {found}", { done: found - waiting, found }), "running");
  return tableRow(when(created_at), by, reason, state, String(erased), staying({ held, active, failed }).join("; ") || "–");
}

/** Why calls stay, each a sentence. */
function staying({ held, active, failed }) {
  return [
    held.length ? t("{number} under legal hold", { number: held.length }) : "",
    active.length ? plural(active.length, t("one that goes on"), t("{number} that go on", { number: active.length })) : "",
    failed.length ? t("{number} that could not be removed: the log tells why", { number: failed.length }) : "",
  ].filter(Boolean);
}

function losses({ calls, utterances, addresses, alike, ...rest }) {
  const lines = [
    t("Calls: {calls}. Utterances: {utterances}. All recordings of them go, too.", { calls: calls.length, utterances }),
    addresses.length ? t("Addresses that are meant: {addresses}", { addresses: addresses.join(", ") }) : "",
    alike.length ? plural(alike.length, t("One more call shares an id with it and stays."), t("{number} more calls share an id with it and stay.", { number: alike.length })) : "",
    ...staying(rest).map((stays) => t("Stays: {stays}.", { stays })),
    calls.length ? t("They cannot be brought back.") : "",
  ];
  return lines.filter(Boolean);
}

function complain(sentence, form) {
  if (form) form.after(byId("erase-mistake"));
  byId("erase-mistake").textContent = sentence;
  byId("erase-mistake").hidden = !sentence;
}

/** Looks, asks, erases: `look()` and `erase(values)` promise the API's answers. */
async function go(form, look, erase) {
  const button = form.querySelector("button");
  button.disabled = true;
  complain("");
  try {
    const told = await look();
    if (!told.calls.length) return complain([t("Nothing would be erased."), ...losses(told).slice(1)].join(" "), form);
    const done = await question({ title: t("Erase for good?"), lines: losses(told), fields: accountability(), action: t("Erase"), danger: true, act: erase });
    if (done) {
      form.reset();
      announce(t("Erased, or on its way: see below."));
      await list.load();
    }
  } catch (problem) {
    complain(problem.message, form);
  } finally {
    button.disabled = false;
  }
  return null;
}

byId("erase-call").addEventListener("submit", (event) => {
  event.preventDefault();
  const call = event.target.elements.call.value.trim();
  const erase = (asked) => send(`/api/v1/calls/${encodeURIComponent(call)}?${new URLSearchParams(asked)}`, "DELETE");
  go(event.target, () => erase({ ...LOOKING, dry_run: true }), (values) => erase(accountable(values)));
});
byId("erase-party").addEventListener("submit", (event) => {
  event.preventDefault();
  const whose = Object.fromEntries([...new FormData(event.target)].map(([name, value]) => [name, value.trim()]));
  const erase = (asked) => send("/api/v1/erasures", "POST", { ...whose, ...asked });
  go(event.target, () => erase({ ...LOOKING, dry_run: true }), (values) => erase({ ...accountable(values), dry_run: false }));
});
list.load();
keepFresh(async () => {
  const now = JSON.stringify(await ask("/api/v1/erasures"));
  if (shown && shown !== now) await list.load();
  shown = now;
}, EVERY_MS);
