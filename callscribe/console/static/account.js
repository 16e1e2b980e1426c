// The own password.

import { byId } from "./dom.js";
import { ask } from "./feed.js";
import { clearMistakes, showMistake } from "./forms.js";
import { t } from "./wording.js";

const form = byId("password-form");
const otherwise = form.querySelector(".mistake");

form.addEventListener("submit", async (event) => {
  event.preventDefault();
  clearMistakes(form);
  otherwise.hidden = true;
  byId("password-changed").textContent = "";
  const button = form.querySelector("[type=submit]");
  button.disabled = true;
  try {
    const told = JSON.stringify({ old: form.elements.old.value, new: form.elements.new.value });
    await ask("/api/v1/me/password", { method: "PUT", body: told, headers: { "content-type": "application/json" } });
    form.reset();
    byId("password-changed").textContent = t("Your password is changed.");
  } catch (problem) {
    showMistake(form, problem, otherwise);
  } finally {
    button.disabled = false;
  }
});
