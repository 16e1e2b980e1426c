// Jobs: how many of which kind, which failed and why, and trying them again.

import { attempt, keepFresh, may, send } from "./admin.js";
import { complaintRows, redraw } from "./complaints.js";
import { question } from "./dialog.js";
import { announce, byId, element } from "./dom.js";
import { ask } from "./feed.js";
import { age, KINDS, STATES, stateMark, when } from "./jobwords.js";
import { Listing, tableRow } from "./table.js";
import { t } from "./wording.js";
import { moment, plural } from "./words.js";

const EVERY_MS = 5000;
const filter = byId("job-filter");
let counts = [];
let shownCounts = "";

const conditions = () => Object.fromEntries([...new FormData(filter)].filter(([, value]) => value));

const list = new Listing(byId("jobs"), {
  read: async (cursor) => {
    const told = await ask(`/api/v1/jobs?${new URLSearchParams({ ...conditions(), ...(cursor ? { cursor } : {}) })}`);
    return { rows: told.jobs, cursor: told.cursor };
  },
  row: jobRow,
  empty: () => (conditions().state === "failed" ? t("No job has failed.") : t("There is no such job. Jobs are made when a call ends.")),
});

function jobRow(job) {
  const call = element("a", { href: `/calls/${job.call_id}`, textContent: moment(job.call_started_at) });
  const tries = job.attempts > 1 ? t("{state}, {number} attempts", { state: STATES[job.state], number: job.attempts }) : STATES[job.state];
  const acts = element("td", { className: "acts" });
  if (job.state === "failed" && may("operation:write")) acts.append(retryButton(job));
  return tableRow(
    element("td", {}, call, element("span", { className: "quiet block", textContent: job.trunk })),
    KINDS[job.kind] ?? job.kind, stateMark(tries, job.state), element("td", { className: "reason", textContent: job.error || "–" }),
    when(job.finished_at ?? job.started_at ?? job.created_at), acts,
  );
}

function retryButton(job) {
  const button = element("button", { type: "button", className: "button small", textContent: t("Try again") });
  button.addEventListener("click", () => attempt(button, async () => {
    await send(`/api/v1/jobs/${job.id}/retry`, "POST");
    announce(t("The job waits to be done again."));
    await Promise.all([readCounts(), list.load()]);
    byId("jobs-heading").focus();
  }));
  return button;
}

async function readCounts() {
  const told = await ask("/api/v1/jobs/counts");
  counts = told.counts;
  redraw(byId("counts"), counts, countRows);
  byId("counts").closest("table").ariaBusy = "false";
  redraw(byId("job-complaints"), complaints(told), complaintRows);
  showRetryAll();
}

function complaints({ workers }) {
  const open = counts.some(({ state }) => state === "queued" || state === "running");
  if (workers?.length !== 0) return [];
  const tone = open ? "bad" : "warn";
  return [{ tone, what: t("Nobody works on ended calls."), cure: t("Start a worker with callscribe serve or callscribe worker, or look at its log.") }];
}

const number = (state, kind) => counts.filter((each) => (!state || each.state === state) && (!kind || each.kind === kind)).reduce((sum, each) => sum + each.number, 0);

function countRows() {
  const kinds = Object.keys(KINDS).filter((kind) => number("", kind));
  if (!kinds.length) return [tableRow(element("td", { colSpan: 6, className: "quiet", textContent: t("No call has ended yet.") }))];
  return kinds.map((kind) => element(
    "tr", {}, element("th", { scope: "row", textContent: KINDS[kind] }),
    ...["failed", "queued", "running", "done"].map((state) => element("td", {}, countLink(state, kind))),
    element("td", { textContent: oldest(kind) }),
  ));
}

function countLink(state, kind) {
  const found = number(state, kind);
  if (!found) return "0";
  const label = t("{kind}, {state}: {number}", { kind: KINDS[kind], state: STATES[state], number: found });
  const link = element("a", { href: `#${new URLSearchParams({ state, kind })}`, textContent: found.toLocaleString(), ariaLabel: label });
  if (state === "failed") link.classList.add("bad");
  return link;
}

function oldest(kind) {
  const open = counts.filter((each) => each.kind === kind && (each.state === "queued" || each.state === "running"));
  return open.length ? age(open.map((each) => each.oldest_at).sort()[0]) : "–";
}

function showRetryAll() {
  const { state, kind } = conditions();
  const failed = state === "failed" ? number("failed", kind) : 0;
  byId("retry-all").hidden = !failed || !may("operation:write");
  byId("retry-all").textContent = plural(failed, t("Try this one again"), t("Try all {number} again", { number: failed }));
}

async function retryAll() {
  const { kind } = conditions();
  await question({
    title: byId("retry-all").textContent,
    lines: [t("All that failed so and still are needed are queued again, the oldest 1,000 at once. What failed for good reason fails again.")],
    action: t("Try them again"),
    act: () => send("/api/v1/jobs/retry", "POST", kind ? { kind } : {}),
  });
  await Promise.all([readCounts(), list.load()]);
}

/** The address says which jobs are shown, so that a link can lead to them. */
function choose() {
  const wanted = new URLSearchParams(location.hash.slice(1));
  filter.elements.state.value = wanted.get("state") ?? "";
  filter.elements.kind.value = wanted.get("kind") ?? "";
  showRetryAll();
  return list.load();
}

for (const [kind, words] of Object.entries(KINDS)) filter.elements.kind.append(element("option", { value: kind, textContent: words }));
filter.addEventListener("change", () => { location.hash = new URLSearchParams(conditions()); });
addEventListener("hashchange", choose);
byId("retry-all").addEventListener("click", retryAll);
keepFresh(async () => {
  await readCounts();
  const now = JSON.stringify(counts);
  // What somebody is at work in stays as it is.
  if (shownCounts && shownCounts !== now && list.resting) await list.load();
  shownCounts = now;
}, EVERY_MS);
if (!location.hash) history.replaceState(null, "", "#state=failed");
choose();
