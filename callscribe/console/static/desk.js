// The agent's page: it turns to the agent's own call as it starts, and stays with it until the next one does.

import { DeskCall } from "./desk-call.js";
import { announce, byId, connection, element } from "./dom.js";
import { Embedding } from "./embedding.js";
import { ask, follow } from "./feed.js";
import { Shortcuts } from "./keys.js";
import { t } from "./wording.js";

const STREAMS = 3;
const LAST = "callscribe.desk.last";
const KEPT_MS = 30 * 60_000;

const desk = byId("desk").dataset;
const asked = new URLSearchParams(location.search).getAll("address").filter(Boolean);
const addresses = asked.length ? asked : desk.addresses.split("\n").filter(Boolean);
const isOwn = !asked.length && addresses.length > 0;
const mayChoose = desk.mayChoose === "true";
const calls = new Map();
const embedding = new Embedding(desk.embedOrigins.split(" ").filter(Boolean));
let shown = null;
let wanted = null;
let isFirst = true;
let serverAhead = 0;
let floorState = "idle";

const place = {
  addresses, recordLink: desk.recordLink, user: desk.user, editsAll: desk.editsAll === "true",
  always: embedding.framed, serverAhead: () => serverAhead,
};

function add(call) {
  const made = new DeskCall({ pauses: [], ...call }, place, {
    onEvent: (event) => embedding.tell(event, made.call),
    onState: drawConnection, onErased: () => drop(made.id), onFree: () => wanted && turn(wanted),
  });
  calls.set(call.id, made);
  made.root.hidden = true;
  byId("calls").append(made.root);
  return made;
}

function drop(id) {
  calls.get(id)?.drop();
  calls.delete(id);
  if (wanted?.id === id) wanted = null;
  if (shown?.id === id) {
    shown = null;
    turn([...calls.values()].at(-1) ?? null);
  }
  draw();
}

/** Shows a call, unless somebody is writing a note: what they type is for the call before their eyes. */
function turn(call, byHand = false) {
  wanted = null;
  if (!byHand && shown && call !== shown && shown.notes.isOpen) {
    wanted = call;
    draw();
    return;
  }
  shown = call;
  for (const each of calls.values()) each.root.hidden = each !== call;
  if (call) {
    leaveOthers(call);
    call.follow();
    call.view.toEnd();
    remember(call.id);
  }
  draw();
}

/** A browser has six connections for a server. */
function leaveOthers(call) {
  const following = [...calls.values()].filter((each) => each.stop && each !== call);
  for (const each of following.slice(0, Math.max(0, following.length + 1 - STREAMS))) each.leave();
}

function onFloor({ at, whole, calls: told, ended, erased }) {
  serverAhead = Date.parse(at) - Date.now();
  const fresh = told.filter((call) => !calls.has(call.id)).sort((one, other) => one.started_at.localeCompare(other.started_at));
  for (const call of told) if (calls.has(call.id)) calls.get(call.id).describe(call);
  for (const id of erased) drop(id);
  const going = new Set(told.map((call) => call.id));
  const over = whole ? [...calls.values()].filter((each) => !each.isOver && !going.has(each.id)).map((each) => each.id) : ended;
  for (const call of fresh) start(call);
  for (const id of over) calls.get(id)?.follow();
  if (isFirst && !calls.size) bringBack();
  isFirst = false;
  if (told.length || over.length || erased.length || whole) draw();
}

function start(call) {
  for (const each of [...calls.values()]) if (each.isOver && !each.notes.hasDraft) drop(each.id);
  const made = add(call);
  made.follow();
  turn(made);
  announce(t("Call started: {title}", { title: made.title }));
}

/** After a reload in the time for notes, the call that ended last is still there. */
async function bringBack() {
  const [id, at] = recalled();
  if (!id || Date.now() - at > KEPT_MS) return;
  const call = await ask(`/api/v1/calls/${id}`).catch(() => null);
  if (call && !calls.size) turn(add(call));
}

function remember(id) {
  try {
    sessionStorage.setItem(LAST, `${id} ${Date.now()} ${addresses.join(",")}`);
  } catch {
    // A frame whose site may keep nothing.
  }
}

function recalled() {
  try {
    const [id, at, whose] = (sessionStorage.getItem(LAST) ?? "").split(" ");
    return whose === addresses.join(",") ? [id, Number(at)] : [];
  } catch {
    return [];
  }
}

// What is seen around the calls

function draw() {
  byId("desk-empty").hidden = calls.size > 0;
  const title = shown ? `${shown.isOver ? "" : "● "}${shown.title}` : t("My desk");
  document.title = `${title} · Callscribe`;
  drawTabs();
  drawConnection();
}

let drawn = "";

/** Anew only where something changed: a button that is replaced while it is pressed does nothing. */
function drawTabs() {
  const tabs = byId("tabs");
  const now = [...calls.values()].map((call) => [call.id, call.title, call.call.state, call === shown, call === wanted]).join("|");
  if (now === drawn) return;
  drawn = now;
  tabs.hidden = calls.size < 2;
  const list = tabs.hidden ? [] : [...calls.values()];
  const focused = tabs.contains(document.activeElement) ? document.activeElement.dataset.call : "";
  tabs.replaceChildren(...list.map((call) => {
    const tab = element(
      "button", {
        type: "button", className: "desk-tab", tabIndex: call === shown ? 0 : -1, data: { call: call.id, state: call.call.state, wanted: call === wanted },
        attributes: { role: "tab", "aria-selected": String(call === shown), "aria-controls": call.root.id },
      },
      element("span", { className: "dot", data: { state: call.call.state }, ariaHidden: "true" }), call.title,
      call.isOver ? element("span", { className: "quiet", textContent: t("Ended") }) : null,
      call === wanted ? element("span", { className: "desk-new", textContent: t("New call") }) : null,
    );
    tab.addEventListener("click", () => turn(call, true));
    return tab;
  }));
  if (focused) tabs.querySelector(`[data-call="${focused}"]`)?.focus();
}

byId("tabs").addEventListener("keydown", (event) => {
  const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
  if (!step) return;
  event.preventDefault();
  const all = [...calls.values()];
  turn(all[(all.indexOf(shown) + step + all.length) % all.length], true);
  byId("tabs").querySelector("[aria-selected=true]")?.focus();
});

const RANK = ["lost", "waiting", "idle", "live"];

function drawConnection() {
  if (!addresses.length) return connection("idle");
  const states = [floorState, shown && shown.state !== "done" ? shown.state : "live"];
  connection(RANK.find((state) => states.includes(state)) ?? "idle", undefined);
}

function showEmpty() {
  const whose = byId("whose");
  whose.hidden = addresses.length === 0;
  whose.textContent = addresses.join(", ");
  byId("other-address").hidden = isOwn || !addresses.length;
  byId("choose").hidden = addresses.length > 0 || !mayChoose;
  byId("empty-title").textContent = addresses.length ? t("No call is going on") : mayChoose ? t("Whose calls?") : t("You have no address yet");
  byId("empty-text").textContent = emptyText();
}

function emptyText() {
  if (addresses.length) return t("The page turns to the next call of {address} as it starts.", { address: addresses.join(", ") });
  if (mayChoose) return t("Name an address: the page then follows its calls by itself, and its own address can be bookmarked.");
  return t("Calls are found by your extension or SIP address. Ask an administrator to enter it in your account.");
}

// Keys

const at = (done) => () => shown && done(shown);
new Shortcuts([
  { title: t("Call"), keys: [
    { keys: ["p"], label: t("Pause for card data, or resume"), press: at((call) => call.togglePause()) },
    { keys: ["o"], label: t("Open the record"), press: at((call) => call.part(".desk-record")?.click()) },
    { keys: ["1", "2", "3"], label: t("First, second, third call"), press: ({ key }) => {
      const call = [...calls.values()][Number(key) - 1];
      if (call) turn(call, true);
    } },
  ] },
  { title: t("Lines"), keys: [
    { keys: ["k", "j"], label: t("Line before, line after"), repeats: true, press: ({ key }) => shown?.step(key.toLowerCase() === "j" ? 1 : -1) },
    { keys: ["e"], label: t("To the newest"), press: at((call) => call.toNewest()) },
    { keys: ["b"], label: t("Pin the line, or the newest"), press: at((call) => call.pin()) },
    { keys: ["c"], label: t("Copy the line, or the newest"), press: at((call) => call.copyLine()) },
    { keys: ["Shift+c"], label: t("Copy all"), press: at((call) => call.copyAll()) },
  ] },
  { title: t("Cards and notes"), keys: [
    { keys: ["n"], label: t("Write a note"), press: at((call) => call.notes.field.focus()) },
    { keys: ["d"], label: t("Dismiss the newest card"), press: at((call) => call.cards.dismissNewest()) },
  ] },
], byId("keys"));

showEmpty();
byId("desk-empty").hidden = false;
if (addresses.length) {
  const query = new URLSearchParams(addresses.map((address) => ["address", address]));
  // Also out of sight: the page's title says that a call has come, and a page around it is told.
  follow(`/api/v1/live/rows?${query}`, {
    always: true,
    onEvent: onFloor,
    onState: (state) => {
      floorState = state;
      drawConnection();
    },
  });
} else {
  connection("idle", "");
}
addEventListener("beforeunload", (event) => {
  if ([...calls.values()].some((call) => call.notes.hasDraft)) event.preventDefault();
});
addEventListener("resize", () => shown?.view.resized());
setInterval(() => calls.forEach((call) => call.tick()), 1000);
embedding.greet();
