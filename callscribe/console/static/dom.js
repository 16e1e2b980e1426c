// Elements are made here and nowhere from markup: text from a call only ever becomes a text node.

import { t } from "./wording.js";

/** An element with properties, `data-` attributes and children (strings become text). */
export function element(name, { data = {}, attributes = {}, ...properties } = {}, ...children) {
  const made = Object.assign(document.createElement(name), properties);
  for (const [key, value] of Object.entries(data)) if (value !== undefined) made.dataset[key] = value;
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  made.append(...children.filter((child) => child !== null && child !== undefined));
  return made;
}

/** An SVG element with attributes. */
export function shape(name, attributes = {}) {
  const made = document.createElementNS("http://www.w3.org/2000/svg", name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  return made;
}

export const byId = (id) => document.getElementById(id);

const ANNOUNCED_KEPT = 6;

/** Adds a line to the page's polite live region, where screen readers read it. */
export function announce(text) {
  const region = byId("announcer");
  region.append(element("p", { textContent: text }));
  while (region.childElementCount > ANNOUNCED_KEPT) region.firstElementChild.remove();
}

/** Shows a sentence at the top of the page, or takes it away (""). */
export function notice(text) {
  const place = byId("notice");
  if (place.textContent !== text) place.textContent = text;
  place.hidden = !text;
}

const CONNECTION_WORDS = {
  live: t("Live"), waiting: t("Reconnecting"), lost: t("Not connected"), done: t("Call has ended"), idle: "",
};

/** Tells in the bar how the page stands with the server: "live", "waiting", "lost", "done" or "idle". */
export function connection(state, words = CONNECTION_WORDS[state]) {
  const place = byId("connection");
  place.dataset.state = state;
  if (place.textContent !== words) place.textContent = words;
}
