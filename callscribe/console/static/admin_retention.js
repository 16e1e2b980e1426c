// What is kept how long, and legal holds.

import { may, send } from "./admin.js";
import { accountability, accountable, question } from "./dialog.js";
import { announce, byId, element } from "./dom.js";
import { ask } from "./feed.js";
import { keptFor, when } from "./jobwords.js";
import { Listing, tableRow } from "./table.js";
import { t } from "./wording.js";

const hold = (key) => `/api/v1/calls/${encodeURIComponent(key)}/hold`;

const kept = new Listing(byId("kept"), {
  read: async () => ({ rows: (await ask("/api/v1/trunks")).trunks, cursor: null }),
  row: ({ name, settings }) => tableRow(element("th", { scope: "row", textContent: name }), keptFor(settings.audio_days), keptFor(settings.text_days)),
  empty: t("The settings name no trunk."),
});

const holds = new Listing(byId("holds"), {
  read: async (cursor) => {
    const told = await ask(`/api/v1/holds${cursor ? `?${new URLSearchParams({ cursor })}` : ""}`);
    return { rows: told.holds, cursor: told.cursor };
  },
  row: holdRow,
  empty: t("No call is held."),
});

function holdRow({ call_id, by, reason, at }) {
  const release = element("button", { type: "button", className: "button small", textContent: t("Lift"), ariaLabel: t("Lift the hold on {call}", { call: call_id }) });
  release.addEventListener("click", () => lift(call_id));
  return tableRow(
    element("td", {}, element("a", { href: `/calls/${call_id}`, textContent: call_id.slice(0, 8), title: call_id })),
    element("td", { className: "reason", textContent: reason }), by, when(at), element("td", { className: "acts" }, release),
  );
}

async function lift(call) {
  const done = await question({
    title: t("Lift the hold?"),
    lines: [t("Every hold on the conversation goes. Retention removes what is over its time at its next sweep, and it can be erased.")],
    fields: accountability(), action: t("Lift"), danger: true,
    act: (values) => send(`${hold(call)}?${new URLSearchParams(accountable(values))}`, "DELETE"),
  });
  if (!done) return;
  announce(t("The hold is lifted."));
  await holds.load();
  byId("holds-heading").focus();
}

async function put(event) {
  event.preventDefault();
  const form = event.target;
  const call = form.elements.call.value.trim();
  const done = await question({
    title: t("Hold the call {call}?", { call }),
    lines: [t("Neither retention nor an erasure removes it, nor calls that record the same conversation, until the hold is lifted.")],
    fields: accountability(), action: t("Hold this call"),
    act: (values) => send(hold(call), "PUT", accountable(values)),
  });
  if (!done) return;
  form.reset();
  announce(t("The call is held."));
  await holds.load();
}

byId("hold-form").addEventListener("submit", put);
holds.load();
if (may("operation:read")) kept.load();
else byId("kept").closest("section").hidden = true;
