// What webhooks could not be told, and webhooks to which nothing is sent for now.

import { attempt, keepFresh, may, send } from "./admin.js";
import { redraw } from "./complaints.js";
import { announce, byId, element } from "./dom.js";
import { ask } from "./feed.js";
import { stateMark, when } from "./jobwords.js";
import { Listing, tableRow } from "./table.js";
import { t } from "./wording.js";
import { moment } from "./words.js";

const EVERY_MS = 15000;
const WORDS = { queued: [t("Waiting"), "queued"], done: [t("Delivered"), "done"], dead: [t("Given up"), "failed"] };
const filter = byId("delivery-filter");

const list = new Listing(byId("deliveries"), {
  read: async (cursor) => {
    const asked = [...new FormData(filter)].filter(([, value]) => value);
    const told = await ask(`/api/v1/webhooks/deliveries?${new URLSearchParams([...asked, ...(cursor ? [["cursor", cursor]] : [])])}`);
    return { rows: told.deliveries, cursor: told.cursor };
  },
  row: deliveryRow,
  empty: () => (filter.elements.state.value === "dead" ? t("Every webhook was told what it should know.") : t("There is no such delivery.")),
});

function deliveryRow(delivery) {
  const [words, state] = WORDS[delivery.state];
  const tries = delivery.attempts > 1 ? t("{state}, {number} attempts", { state: words, number: delivery.attempts }) : words;
  const acts = element("td", { className: "acts" });
  if (delivery.state === "dead" && may("operation:write")) {
    acts.append(act(t("Send again"), `/api/v1/webhooks/deliveries/${delivery.id}/retry`, t("It will be sent again.")));
  }
  return tableRow(
    delivery.webhook, element("a", { href: `/calls/${delivery.call_id}`, textContent: moment(delivery.created_at) }),
    stateMark(tries, state), element("td", { className: "reason", textContent: delivery.error || "–" }),
    when(delivery.finished_at ?? delivery.due_at), acts,
  );
}

function act(words, path, told) {
  const button = element("button", { type: "button", className: "button small", textContent: words });
  button.addEventListener("click", () => attempt(button, async () => {
    await send(path, "POST");
    announce(told);
    await Promise.all([list.load(), readHeld()]);
  }));
  return button;
}

function heldRow({ webhook, reason, until, queued }) {
  const what = until
    ? t("{webhook} wants nothing until {time}: {reason}", { webhook, reason, time: moment(until) })
    : t("{webhook} wants nothing more: {reason}", { webhook, reason });
  const row = element(
    "li", { className: "complaint", data: { tone: "warn" } },
    element("span", { className: "badge", data: { tone: "warn" }, textContent: t("Held") }),
    element("span", {}, element("strong", { textContent: what }), " ", t("Deliveries that wait: {number}", { number: queued })),
  );
  if (may("operation:write")) row.append(act(t("Go on"), `/api/v1/webhooks/${encodeURIComponent(webhook)}/resume`, t("It is sent what waits.")));
  return row;
}

async function readHeld() {
  redraw(byId("held"), await ask("/api/v1/webhooks/held"), (held) => held.map(heldRow));
}

filter.addEventListener("change", () => list.load());
keepFresh(readHeld, EVERY_MS);
list.load();
