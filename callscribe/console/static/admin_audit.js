// The audit log, filtered by the address, so that a view can be kept as a link.

import { byId, element } from "./dom.js";
import { ask } from "./feed.js";
import { when } from "./jobwords.js";
import { Listing, tableRow } from "./table.js";
import { t } from "./wording.js";

const form = byId("audit-filter");
const CALL = /^[\da-f]{8}(-[\da-f]{4}){3}-[\da-f]{12}$/;
const OF_CALLS = /^(call|transcript|recording|utterance|note|jobs|audio|text|rules\.tested)/;
const TIMES = ["since", "until"];
const asked = new URLSearchParams(location.search);

/** What is asked for: what is no time in the address is none in the form either. */
const wanted = [...asked].filter(([name, value]) => value && !(TIMES.includes(name) && Number.isNaN(Date.parse(value))));

/** What the API is asked: times with their zone. */
function conditions() {
  return wanted.map(([name, value]) => [name, TIMES.includes(name) ? new Date(value).toISOString() : value]);
}

const list = new Listing(byId("entries"), {
  read: async (cursor) => {
    const told = await ask(`/api/v1/audit?${new URLSearchParams([...conditions(), ...(cursor ? [["cursor", cursor]] : [])])}`);
    return { rows: told.entries, cursor: told.cursor };
  },
  row: entryRow,
  empty: () => (asked.size ? t("No entry fits. Actions, names and subjects are compared exactly.") : t("The log has no entry yet.")),
});

function entryRow({ at, by, action, subject, detail }) {
  const { user, ...rest } = detail;
  const who = user && user !== by ? t("{by} (signed in as {user})", { by, user }) : by;
  const about = CALL.test(subject) && OF_CALLS.test(action) && action !== "call.erased"
    ? element("a", { href: `/calls/${subject}`, textContent: subject.slice(0, 8), title: subject })
    : subject;
  const details = Object.entries(rest).map(([name, value]) => `${name.replaceAll("_", " ")}: ${value}`).join(", ");
  return tableRow(when(at), who, element("td", {}, element("code", { textContent: action })), element("td", { className: "wrap" }, about), element("td", { className: "reason", textContent: details }));
}

form.addEventListener("submit", (event) => {
  event.preventDefault();
  const filled = [...new FormData(form)].map(([name, value]) => [name, value.trim()]).filter(([, value]) => value);
  location.assign(filled.length ? `?${new URLSearchParams(filled)}` : location.pathname);
});
form.addEventListener("reset", () => location.assign(location.pathname));
for (const [name, value] of wanted) if (form.elements[name]) form.elements[name].value = value;
byId("audit-csv").href = `/api/v1/audit.csv?${new URLSearchParams(conditions())}`;
list.load();
