// The table of the floor: however many calls there are, only the rows that are in sight stand in the document.

import { byId, element } from "./dom.js";
import { t } from "./wording.js";
import { clock, partyName, ROLE_WORDS, side } from "./words.js";

const BEYOND = 6;
/** Marks of a card's severity that do not need their colour. */
const MARKS = { critical: "‼", warning: "!", info: "i" };
const COUNT_WORDS = { critical: t("Critical: {count}"), warning: t("Warnings: {count}"), info: t("Notes: {count}") };
const WHO_WORDS = { agent: t("Agent talks"), customer: t("Customer talks"), both: t("Both talk"), nobody: t("Listening") };

export class FloorRows {
  /** onOpen(id): a row was opened. now(): the server's time in milliseconds. */
  constructor({ onOpen, now }) {
    Object.assign(this, { onOpen, now, scroll: byId("scroll"), list: byId("rows"), order: [], rows: new Map(), dirty: new Set(), open: "" });
    this.drawing = 0;
    this.scroll.addEventListener("scroll", () => this.draw(), { passive: true });
    new ResizeObserver(() => this.#measure()).observe(this.scroll);
    this.list.addEventListener("click", (event) => this.#click(event));
    this.#measure();
  }

  /** Whether the reader is at the rows: then none may move. */
  get isUsed() {
    return this.scroll.matches(":hover") || this.scroll.contains(document.activeElement);
  }

  /** Shows these calls, in this order. */
  show(order) {
    this.order = order;
    this.places = new Map(order.map((standing, index) => [standing.id, index]));
    byId("floor").setAttribute("aria-rowcount", order.length + 1);
    this.list.style.height = `${order.length * this.height}px`;
    this.draw();
  }

  /** A call stands otherwise: it is drawn with the next frame, if it is in sight. */
  touch(id) {
    if (!this.rows.has(id)) return;
    this.dirty.add(id);
    this.draw();
  }

  /** Draws with the next frame, once for whatever comes until then. */
  draw() {
    this.drawing ||= requestAnimationFrame(() => {
      this.drawing = 0;
      this.#place();
      for (const id of this.dirty) this.rows.get(id)?.write(this.now());
      this.dirty.clear();
    });
  }

  /** The clocks of the rows in sight. */
  tick() {
    for (const row of this.rows.values()) row.tick(this.now());
  }

  /** Marks the call that is open. */
  mark(id) {
    this.open = id;
    for (const row of this.rows.values()) row.mark(id);
  }

  /** Moves the focus by so many rows; from outside of them to the first in sight. */
  move(by) {
    const focused = this.places?.get(document.activeElement?.closest(".floor-row")?.dataset.call);
    const first = Math.ceil(this.scroll.scrollTop / this.height);
    this.#focus(focused === undefined ? first : focused + by);
  }

  /** Brings a call into sight, and the focus to it. False where it is not in the list. */
  focus(id) {
    const place = this.places?.get(id);
    if (place !== undefined) this.#focus(place);
    return place !== undefined;
  }

  #focus(place) {
    if (!this.order.length) return;
    const index = Math.max(0, Math.min(this.order.length - 1, place));
    const [top, room] = [index * this.height, this.scroll.clientHeight];
    if (top < this.scroll.scrollTop) this.scroll.scrollTop = top;
    if (top + this.height > this.scroll.scrollTop + room) this.scroll.scrollTop = top + this.height - room;
    this.#place();
    this.rows.get(this.order[index].id).link.focus({ preventScroll: true });
  }

  #measure() {
    const height = parseFloat(getComputedStyle(this.scroll).getPropertyValue("--row-height"));
    if (height === this.height) return this.draw();
    this.height = height;
    this.show(this.order);
  }

  /** The rows in sight, and that which has the focus, in their order. */
  #place() {
    const first = Math.max(0, Math.floor(this.scroll.scrollTop / this.height) - BEYOND);
    const last = Math.ceil((this.scroll.scrollTop + this.scroll.clientHeight) / this.height) + BEYOND;
    const wanted = this.order.slice(first, last);
    const focused = document.activeElement?.closest(".floor-row")?.dataset.call;
    const kept = this.places?.get(focused);
    if (kept !== undefined && kept < first) wanted.unshift(this.order[kept]);
    if (kept !== undefined && kept >= last) wanted.push(this.order[kept]);
    const ids = new Set(wanted.map((standing) => standing.id));
    for (const [id, row] of this.rows) if (!ids.has(id)) this.#drop(id, row);
    let after = null;
    for (const standing of wanted) {
      const row = this.rows.get(standing.id) ?? this.#make(standing);
      row.put(this.places.get(standing.id), this.height);
      const next = after ? after.nextElementSibling : this.list.firstElementChild;
      if (row.view !== next) this.list.insertBefore(row.view, next);
      after = row.view;
    }
    if (focused && document.activeElement === document.body) this.rows.get(focused)?.link.focus({ preventScroll: true });
  }

  #make(standing) {
    const row = new Row(standing);
    this.rows.set(standing.id, row);
    row.write(this.now());
    row.mark(this.open);
    return row;
  }

  #drop(id, row) {
    row.view.remove();
    this.rows.delete(id);
  }

  #click(event) {
    const row = event.target.closest(".floor-row");
    if (!row || event.ctrlKey || event.metaKey || event.shiftKey || event.button) return;
    event.preventDefault();
    this.onOpen(row.dataset.call);
  }
}

class Row {
  constructor(standing) {
    this.standing = standing;
    const part = (name) => (this[name] = element("span", { className: `floor-cell ${name}-cell`, attributes: { role: "cell" } }));
    this.link = element("a", { className: "floor-link", href: `/calls/${standing.id}` });
    this.view = element(
      "div", { className: "floor-row", attributes: { role: "row" }, data: { call: standing.id } },
      element("span", { className: "floor-cell call-cell", attributes: { role: "cell" } }, this.link),
      ...["trunk", "state", "time", "talk", "silence", "alerts", "line"].map(part),
    );
    this.bar = element("span", { className: "talk-bar", attributes: { "aria-hidden": "true" } }, element("span"));
    this.percent = element("span", { className: "talk-share" });
    this.talk.append(this.bar, this.percent);
    this.who = element("span", { className: "line-who" });
    this.words = element("span", { className: "line-words" });
    this.line.append(this.who, " ", this.words);
  }

  put(index, height) {
    if (this.index === index && this.height === height) return;
    Object.assign(this, { index, height });
    this.view.style.transform = `translateY(${index * height}px)`;
    this.view.setAttribute("aria-rowindex", index + 2);
    this.view.classList.toggle("odd", index % 2 === 1);
  }

  mark(id) {
    const open = this.standing.id === id;
    if (open) this.link.setAttribute("aria-current", "true");
    else this.link.removeAttribute("aria-current");
    this.view.classList.toggle("open", open);
  }

  write(now) {
    const { call, title, row, share } = this.standing;
    set(this.link, title);
    this.link.title = title;
    set(this.trunk, call.trunk);
    set(this.percent, share === null ? "" : `${Math.round(share * 100)} %`);
    this.bar.hidden = share === null;
    this.bar.firstElementChild.style.inlineSize = `${Math.round((share ?? 0) * 100)}%`;
    this.#writeAlerts(row.alerts);
    this.#writeLine(row.line);
    this.tick(now);
  }

  tick(now) {
    const { standing } = this;
    const silent = standing.silence(now);
    set(this.time, clock(standing.length(now)));
    set(this.silence, clock(Math.max(standing.row.silence_ms, silent)));
    const [state, words] = stateOf(standing, silent, now);
    this.state.dataset.state = state;
    set(this.state, words);
    this.view.classList.toggle("ended", standing.ended);
  }

  #writeAlerts(alerts) {
    const told = `${alerts.critical},${alerts.warning},${alerts.info},${alerts.newest?.id}`;
    if (told === this.told) return;
    this.told = told;
    const counts = ["critical", "warning", "info"].filter((severity) => alerts[severity]).map((severity) => element(
      "span", { className: "alert-count", data: { severity }, title: COUNT_WORDS[severity].replace("{count}", alerts[severity]) },
      element("span", { attributes: { "aria-hidden": "true" }, textContent: `${MARKS[severity]} ${alerts[severity]}` }),
      element("span", { className: "sr-only", textContent: COUNT_WORDS[severity].replace("{count}", alerts[severity]) }),
    ));
    const title = alerts.newest ? element("span", { className: "alert-title", textContent: alerts.newest.title, title: alerts.newest.title }) : null;
    this.alerts.replaceChildren(...counts, ...(title ? [title] : []));
  }

  #writeLine(line) {
    set(this.who, line ? speakerOf(this.standing.call, line) : "");
    this.who.dataset.side = line ? side(line.channel, line.role) : "";
    set(this.words, line?.text ?? "");
    this.words.classList.toggle("tentative", Boolean(line) && !line.final);
  }
}

function stateOf(standing, silent, now) {
  if (standing.ended) return ["ended", t("Ended")];
  if (standing.row.paused) return ["paused", t("Paused")];
  if (silent) return ["silent", t("Silent {time}", { time: clock(silent) })];
  const who = standing.speaks(now);
  return [who === "nobody" ? "active" : "talking", WHO_WORDS[who]];
}

function speakerOf(call, line) {
  const party = call.channels.find((channel) => channel.index === line.channel)?.party;
  return line.party || partyName(party) || ROLE_WORDS[line.role] || t("Channel {number}", { number: line.channel + 1 });
}

function set(place, text) {
  if (place.textContent !== text) place.textContent = text;
}
