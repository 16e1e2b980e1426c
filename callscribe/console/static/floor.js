// The page of all calls: those going on as a table that stays still under the reader's hand, those that ended beneath.

import { announce, byId, connection, element, notice } from "./dom.js";
import { ask, follow } from "./feed.js";
import { addressOf, COLUMNS, filtersIn, FIRST, isFiltered, ordered, Standing } from "./floor-order.js";
import { FloorPanel } from "./floor-panel.js";
import { FloorRows } from "./floor-rows.js";
import { Shortcuts } from "./keys.js";
import { Recent } from "./recent.js";
import { t } from "./wording.js";

const SORT_MS = 2000;
const ENDED_STAYS_MS = 4000;
const ANNOUNCE_MS = 3000;
const SEVERITY_WORDS = { critical: t("Critical"), warning: t("Warning") };

const standings = new Map();
const alerts = [];
let serverAhead = 0;
let filters = filtersIn(location.search);
let shownFor = "";

const now = () => Date.now() + serverAhead;
const rows = new FloorRows({ onOpen: openCall, now });
const panel = new FloorPanel({ onClose: closeCall, now });
const recent = new Recent();

// What the server tells

function onFrame(frame) {
  serverAhead = Date.parse(frame.at) - Date.now();
  if (frame.whole) onWhole(frame);
  for (const call of frame.calls) describe(call);
  for (const row of frame.rows) stand(row, frame.whole);
  for (const id of frame.ended) end(id);
  for (const id of frame.erased) erase(id);
  if (frame.whole || frame.calls.length || frame.ended.length || frame.erased.length) drawAround(frame.whole);
}

function onWhole({ calls }) {
  const going = new Set(calls.map((call) => call.id));
  for (const [id, standing] of standings) if (!going.has(id) && !standing.ended) end(id);
  byId("floor").ariaBusy = "false";
  notice("");
}

function describe(call) {
  const known = standings.get(call.id);
  if (!known) return standings.set(call.id, new Standing(call, null));
  known.describe(call);
  if (panel.id === call.id) panel.describe(call);
  return rows.touch(call.id);
}

function stand(row, isFirst) {
  const standing = standings.get(row.id);
  if (!standing) return;
  const before = standing.row?.alerts.newest?.id;
  standing.row = row;
  const card = row.alerts.newest;
  if (card && card.id !== before && !isFirst && SEVERITY_WORDS[card.severity]) alerts.push({ card, standing });
  rows.touch(row.id);
}

function end(id) {
  const standing = standings.get(id);
  if (!standing || standing.ended) return;
  Object.assign(standing, { ended: true, endedAt: now() });
  rows.touch(id);
  recent.renew();
}

/** Nothing of it may stay on the page. */
function erase(id) {
  standings.delete(id);
  if (panel.id === id) closeCall();
  rows.show(rows.order.filter((standing) => standing.id !== id));
  recent.renew();
}

// What is shown, and in which order

/** New calls come at once, at the end while the reader is at the rows; `again`: everything in its order. */
function drawAround(again) {
  const wanted = ordered(present(), filters, now());
  if (again || !rows.isUsed) return settle(wanted);
  const shown = new Set(rows.order);
  const kept = rows.order.filter((each) => standings.get(each.id) === each);
  rows.show([...kept, ...wanted.filter((each) => !shown.has(each))]);
  return count(wanted);
}

function settle(wanted) {
  rows.show(wanted);
  byId("resort").hidden = true;
  count(wanted);
}

/** Calls that have ended stay for a moment, and as long as the reader is at them. */
function present() {
  const over = now() - ENDED_STAYS_MS;
  for (const [id, each] of standings) if (each.ended && each.endedAt < over && !rows.isUsed) standings.delete(id);
  return [...standings.values()].filter((each) => each.row);
}

/** What became of the order meanwhile: it is kept while the reader is at the rows. */
function sortAgain() {
  const wanted = ordered(present(), filters, now());
  const same = wanted.length === rows.order.length && wanted.every((each, index) => each === rows.order[index]);
  if (same || !rows.isUsed) return settle(wanted);
  byId("resort").hidden = false;
  return count(wanted);
}

function count(wanted) {
  const going = [...standings.values()].filter((each) => !each.ended);
  const passing = wanted.filter((each) => !each.ended).length;
  byId("now-count").textContent = countWords(going.length, passing);
  const nothing = standings.size === 0;
  byId("floor-empty").hidden = !nothing;
  byId("filters").hidden = nothing && !isFiltered(filters);
  byId("floor").hidden = rows.order.length === 0;
  byId("floor-none").hidden = nothing || rows.order.length > 0;
  byId("clear").hidden = !isFiltered(filters);
  byId("keys-help").hidden = nothing;
  document.title = `${going.length ? `(${going.length}) ` : ""}${t("Calls now")} · Callscribe`;
  offerTrunks(going);
}

function countWords(going, passing) {
  if (!going) return "";
  const all = going === 1 ? t("{count} call", { count: "1" }) : t("{count} calls", { count: going.toLocaleString() });
  return isFiltered(filters) ? t("{shown} of {all}", { shown: passing.toLocaleString(), all }) : all;
}

function offerTrunks(going) {
  const trunks = [...new Set([...going.map((each) => each.call.trunk), filters.trunk])].filter(Boolean).sort();
  if (trunks.join("\n") === shownFor) return;
  shownFor = trunks.join("\n");
  const choice = byId("filters").elements.trunk;
  choice.replaceChildren(choice.options[0], ...trunks.map((trunk) => element("option", { value: trunk, textContent: trunk })));
  choice.value = filters.trunk;
}

// What the reader asks for

function change(changes) {
  filters = { ...filters, ...changes };
  history.replaceState(null, "", addressOf(filters));
  for (const [name, column] of headers) column.setAttribute("aria-sort", sortOf(name));
  byId("sort").value = filters.sort;
  settle(ordered(present(), filters, now()));
}

const sortOf = (name) => ({ [name]: "ascending", [`-${name}`]: "descending" })[filters.sort] ?? "none";

function readFilters() {
  const { q, trunk, speaks, longer, alerts: alerting, sort } = byId("filters").elements;
  change({
    q: q.value, trunk: trunk.value, speaks: speaks.value, longer: longer.value, alerts: alerting.checked ? "1" : "", sort: sort.value || filters.sort,
  });
}

function writeFilters() {
  const { q, trunk, speaks, longer, alerts: alerting } = byId("filters").elements;
  offerTrunks([]);
  Object.assign(q, { value: filters.q });
  Object.assign(trunk, { value: filters.trunk });
  Object.assign(speaks, { value: filters.speaks });
  Object.assign(longer, { value: filters.longer });
  alerting.checked = Boolean(filters.alerts);
}

function clearFilters() {
  change({ q: "", trunk: "", speaks: "", longer: "", alerts: "" });
  writeFilters();
  byId("q").focus();
}

function sortBy(name) {
  const first = COLUMNS[name].down ? `-${name}` : name;
  const other = COLUMNS[name].down ? name : `-${name}`;
  change({ sort: filters.sort === first ? other : first });
}

function makeHeader([name, { label }]) {
  const button = element("button", { type: "button", className: "sort-by", textContent: label });
  button.addEventListener("click", () => sortBy(name));
  const column = element("span", { className: `floor-cell ${name}-cell`, attributes: { role: "columnheader", "aria-sort": sortOf(name) } }, button);
  byId("columns").append(column);
  return [name, column];
}

function sortChoices() {
  return Object.entries(COLUMNS).map(([name, { label, down }]) => element("option", { value: down ? `-${name}` : name, textContent: label }));
}

function openCall(id) {
  change({ call: id });
  rows.mark(id);
  panel.show(id, standings.get(id)?.call);
}

function closeCall() {
  if (!panel.id) return;
  const { id } = panel;
  const inside = byId("panel").contains(document.activeElement);
  panel.close();
  change({ call: "" });
  rows.mark("");
  if (inside && id) rows.focus(id);
}

/** Alerts are told together: a thousand calls would talk without end. */
function tellAlerts() {
  if (!alerts.length) return;
  const { card, standing: each } = alerts.findLast(({ card: { severity } }) => severity === "critical") ?? alerts.at(-1);
  const told = t("{severity}: {title}, {call}", { severity: SEVERITY_WORDS[card.severity], title: card.title, call: each.title });
  announce(alerts.length > 1 ? t("{alert}, and {count} more alerts", { alert: told, count: alerts.length - 1 }) : told);
  alerts.length = 0;
}

async function find(event) {
  event.preventDefault();
  const id = byId("find-id").value.trim();
  if (!id) return;
  try {
    const call = await ask(`/api/v1/calls/${encodeURIComponent(id)}`);
    location.assign(`/calls/${call.id}`);
  } catch (problem) {
    notice(problem.message);
  }
}

/** An event stream does not tell why it was refused. */
async function onState(state) {
  connection(state);
  if (state !== "lost") return;
  await ask("/api/v1/calls?state=active&limit=1").catch((problem) => notice(problem.message));
}

const key = (keys, label, press, repeats = false) => ({ keys, label, press, repeats });
new Shortcuts([
  {
    title: t("Calls"),
    keys: [
      key(["ArrowDown", "j"], t("Next call"), () => rows.move(1), true),
      key(["ArrowUp", "k"], t("Call before"), () => rows.move(-1), true),
      key(["PageDown"], t("A page on"), () => rows.move(12), true),
      key(["PageUp"], t("A page back"), () => rows.move(-12), true),
      key(["Home"], t("First call"), () => rows.move(-Infinity)),
      key(["End"], t("Last call"), () => rows.move(Infinity)),
      key(["Enter"], t("Open the call beside the list"), () => {}),
      key(["Escape"], t("Close the call"), closeCall),
    ],
  },
  {
    title: t("List"),
    keys: [
      key(["/"], t("Filter"), () => byId("q").focus()),
      key(["a"], t("Only calls with alerts"), () => byId("filters").elements.alerts.click()),
      key(["s"], t("Sort again"), () => byId("resort").click()),
      key(["c"], t("Clear filters"), clearFilters),
    ],
  },
], byId("keys-help"));

const headers = Object.entries(COLUMNS).map(makeHeader);
byId("sort").append(...sortChoices());
byId("sort").value = filters.sort in COLUMNS || filters.sort === FIRST ? filters.sort : FIRST;
writeFilters();
byId("filters").addEventListener("input", readFilters);
byId("filters").addEventListener("submit", (event) => event.preventDefault());
byId("filters").addEventListener("keydown", (event) => event.key === "Escape" && event.target.id === "q" && rows.move(0));
byId("clear").addEventListener("click", clearFilters);
byId("clear-too").addEventListener("click", clearFilters);
byId("resort").addEventListener("click", () => settle(ordered(present(), filters, now())));
byId("find").addEventListener("submit", find);
follow("/api/v1/live/rows", { onEvent: onFrame, onState });
setInterval(() => {
  rows.tick();
  panel.tick();
}, 1000);
setInterval(sortAgain, SORT_MS);
setInterval(tellAlerts, ANNOUNCE_MS);
recent.load();
if (filters.call) openCall(filters.call);
