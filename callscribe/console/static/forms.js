// Forms whose mistakes the API tells: "when.phrases.0: …" is shown at the field it is about.

import { element } from "./dom.js";
import { lineOf, scanned } from "./jsonplace.js";
import { t } from "./wording.js";

/** Takes away what was told of mistakes. */
export function clearMistakes(form) {
  for (const told of form.querySelectorAll(".mistake[data-of]")) told.remove();
  for (const input of form.querySelectorAll("[aria-invalid]")) {
    input.removeAttribute("aria-invalid");
    input.removeAttribute("aria-describedby");
  }
}

/**
 * Tells a problem at the field it names, or at `otherwise` (an element of class "mistake"). `nameOf` turns a place as
 * "when.phrases.0" into a field's name. The field, or what is told, gets the focus.
 */
export function showMistake(form, problem, otherwise, nameOf = (place) => place.split(".")[0]) {
  const [, place, sentence] = /^([\w.\-]+): (.+)$/s.exec(problem.message) ?? [null, "", problem.message];
  const input = place && [...form.elements].find((each) => each.name === nameOf(place) && !each.closest("[hidden]"));
  if (!input) {
    otherwise.textContent = problem.message;
    otherwise.hidden = false;
    otherwise.scrollIntoView({ block: "nearest" });
    return;
  }
  const told = element("span", { className: "mistake", id: `mistake-${input.name}`, role: "alert", data: { of: input.name }, textContent: sentence.replace(/^Value error, /, "") });
  input.setAttribute("aria-invalid", "true");
  input.setAttribute("aria-describedby", told.id);
  input.after(told);
  input.focus();
}

/** A list that was typed with commas or line ends between. */
export const listed = (text) => text.split(/[\n,]/).map((part) => part.trim()).filter(Boolean);

/** Lets nobody leave the page with something that is not saved: `isDirty()` tells. */
export function guardLeaving(isDirty) {
  addEventListener("beforeunload", (event) => {
    if (isDirty()) event.preventDefault();
  });
}

/** What is wrong with a text that is no JSON, with its line. */
export function jsonMistake(text) {
  return t("This is no JSON: look at line {line}, column {column}.", lineOf(text, scanned(text).fault));
}
