// A <dialog> with a form that stands in the page: opened with values, sent, its mistakes told at the fields.

import { clearMistakes, showMistake } from "./forms.js";
import { t } from "./wording.js";

/**
 * Opens the dialog. `send(form)` promises to save; while it fails the dialog stays open with all that was typed.
 * `done(answer)` runs with what it promised, once the dialog is closed.
 */
export function openForm(dialog, { values = {}, send, done }) {
  const form = dialog.querySelector("form");
  form.reset();
  forget(form);
  for (const [name, value] of Object.entries(values)) form.elements[name].value = value;
  form.onsubmit = async (event) => {
    event.preventDefault();
    forget(form);
    const button = form.querySelector("[type=submit]");
    button.disabled = true;
    try {
      const answer = await send(form);
      dialog.close();
      done(answer);
    } catch (problem) {
      showMistake(form, problem, form.querySelector(".mistake:not([data-of])"));
    } finally {
      button.disabled = false;
    }
  };
  form.querySelector("[data-cancel]").onclick = () => dialog.close();
  for (const button of form.querySelectorAll("[data-reveal]")) prepareReveal(button);
  dialog.showModal();
}

function forget(form) {
  clearMistakes(form);
  form.querySelector(".mistake:not([data-of])").hidden = true;
}

/** A button that shows what is typed into the password field before it. */
function prepareReveal(button) {
  const field = button.previousElementSibling;
  const reveal = (shown) => {
    field.type = shown ? "text" : "password";
    button.ariaPressed = String(shown);
    button.textContent = shown ? t("Hide") : t("Show");
  };
  reveal(false);
  button.onclick = () => reveal(field.type === "password");
}
