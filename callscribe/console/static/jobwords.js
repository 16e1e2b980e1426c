// Jobs and their states in words.

import { element } from "./dom.js";
import { t } from "./wording.js";
import { fullMoment, moment, plural } from "./words.js";

export const KINDS = {
  "second-pass": t("Second pass"), recover: t("Recovery"), diarize: t("Telling speakers apart"), bleep: t("Covering by a tone"),
  evaluate: t("Evaluation"),
};
export const STATES = { queued: t("Waiting"), running: t("Running"), done: t("Done"), failed: t("Failed") };

/** A state with a mark; `state` is one of those of style.css. */
export const stateMark = (words, state) => element("span", { className: "state", data: { state }, textContent: words });

/** A time as people near it would say it, the full one on hover. */
export const when = (iso) => element("time", { dateTime: iso, title: fullMoment(iso), textContent: moment(iso) });

/** For how many days something is kept; 0: for ever. */
export const keptFor = (number) => (number ? plural(number, t("{number} day", { number }), t("{number} days", { number })) : t("for ever"));

/** How old something is: "3 min", "2 h", "5 days". */
export function age(iso) {
  const minutes = Math.max(0, Math.round((Date.now() - new Date(iso)) / 60000));
  if (minutes < 60) return t("{number} min", { number: minutes });
  if (minutes < 48 * 60) return t("{number} h", { number: Math.round(minutes / 60) });
  return t("{number} days", { number: Math.round(minutes / 1440) });
}
