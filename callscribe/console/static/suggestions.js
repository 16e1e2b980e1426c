// Words that corrections ask for, each put on a list by a click.

import { asker, may, send } from "./admin.js";
import { question } from "./dialog.js";
import { announce, byId, element } from "./dom.js";
import { ask } from "./feed.js";
import { Listing, tableRow } from "./table.js";
import { t } from "./wording.js";

const list = new Listing(byId("suggestions"), {
  read: async () => ({ rows: await ask("/api/v1/hotwords/suggestions?calls=1"), cursor: null }),
  row: suggestionRow,
  empty: t("None. Suggestions come when people correct words on the pages of calls."),
});

function suggestionRow({ text, count, calls, heard }) {
  const acts = element("td", { className: "acts" });
  if (may("lists:write")) {
    const button = element("button", { type: "button", className: "button small", textContent: t("Put on a list") });
    button.addEventListener("click", () => accept(text));
    acts.append(button);
  }
  return tableRow(element("th", { scope: "row", textContent: text }), heard.join(", "), String(count), String(calls), acts);
}

async function accept(text) {
  const named = decodeURIComponent(location.hash.slice(1));
  const done = await question({
    title: t("Put “{text}” on a list", { text }),
    fields: [{ name: "list", label: t("List"), value: named || t("corrections"), maxLength: 100, hint: t("One that is not there is made. Calls have it where their trunk names it.") }],
    action: t("Put on"),
    act: ({ list: name }) => send(`/api/v1/hotwords/${encodeURIComponent(name.trim())}`, "PATCH", { words: [{ text }], by: asker() }),
  });
  if (!done) return;
  announce(t("{text} is on the list {name}.", { text, name: done.list }));
  await list.load();
  dispatchEvent(new Event("hotwords-changed"));
}

if (may("quality:read")) {
  byId("suggestions-section").hidden = false;
  list.load();
}
