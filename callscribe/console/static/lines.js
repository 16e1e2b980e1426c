// What can be done with a line of the transcript: one bar of buttons, which comes to the line that is looked at, and the
// keys that lead from line to line.

import { element } from "./dom.js";
import { t } from "./wording.js";
import { clock } from "./words.js";

/**
 * Lets lines of a view be copied, linked to and more: actions: [{ label, press(row) }]. Tab enters the transcript at one
 * time, arrow keys lead from time to time, and Tab from there to the bar. Returns a function that gives the line that
 * has the focus, or null.
 */
export function allowActing(view, actions) {
  const bar = element("span", { className: "line-actions", role: "group", ariaLabel: t("This line") });
  const rowOf = (place) => view.rows.get(place?.closest?.("[data-utterance]")?.dataset.utterance);
  for (const { label, press } of actions) {
    const button = element("button", { type: "button", className: "line-action", textContent: label });
    button.addEventListener("click", () => press(rowOf(bar)));
    bar.append(button);
  }

  function comeTo(row) {
    if (row?.kind === "final" && bar.parentElement !== row.when.parentElement && !bar.contains(document.activeElement)) {
      row.when.parentElement.append(bar);
    }
  }
  view.list.addEventListener("pointerover", (event) => comeTo(rowOf(event.target)));
  view.list.addEventListener("focusin", (event) => comeTo(rowOf(event.target)));
  view.list.addEventListener("keydown", (event) => rove(view, event));
  return () => rowOf(document.activeElement) ?? null;
}

/** Lets Tab enter the transcript, at its first time unless another was left. */
export function updateRoving(view) {
  const buttons = [...view.list.querySelectorAll("button.when:not(:disabled)")];
  if (buttons.length && !buttons.some((button) => button.tabIndex === 0)) buttons[0].tabIndex = 0;
}

function rove(view, event) {
  if (!event.target.matches("button.when") || event.ctrlKey || event.altKey || event.metaKey || event.shiftKey) return;
  const buttons = [...view.list.querySelectorAll("button.when")];
  const at = buttons.indexOf(event.target);
  const to = { ArrowDown: at + 1, ArrowUp: at - 1, Home: 0, End: buttons.length - 1 }[event.key];
  if (to === undefined) return;
  event.preventDefault();
  event.target.tabIndex = -1;
  goTo(buttons[Math.min(buttons.length - 1, Math.max(0, to))]);
}

function goTo(button) {
  button.tabIndex = 0;
  button.focus();
}

/** A line as text: "[0:42] Tom Hall: Hello." */
export function lineText(row) {
  return `[${clock(Number(row.item.dataset.start))}] ${row.who.textContent}: ${row.newest}`;
}

/** The address of a moment of this call, which plays from there. */
export function momentAddress(ms) {
  const seconds = (ms / 1000).toFixed(1).replace(/\.0$/, "");
  return `${location.origin}${location.pathname}#t=${seconds}`;
}

/** Milliseconds that "12:34", "1:02:03", "95" or "95.5" stand for; null where it is no time. */
export function typedTime(text) {
  const parts = /^(?:(?:(\d+):)?(\d+):)?(\d+(?:[.,]\d+)?)$/.exec(text.trim());
  if (!parts) return null;
  const [hours, minutes, seconds] = parts.slice(1).map((part) => Number((part ?? "0").replace(",", ".")));
  return Math.round(((hours * 60 + minutes) * 60 + seconds) * 1000);
}
