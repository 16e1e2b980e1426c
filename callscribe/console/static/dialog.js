// Questions before something is lost, in a real <dialog>: the browser keeps the focus in it and gives it back after it.

import { asker, isSignedIn, rememberAsker } from "./admin.js";
import { element } from "./dom.js";
import { t } from "./wording.js";

/**
 * Asks, and promises the filled fields by name, or null where the person thinks better of it.
 *
 * `lines`: what will be lost, each a line. `fields`: { name, label, value, hint, required, type }. `act(values)` runs while
 * the dialog is open: what it throws is told in it, and nothing that was typed is lost. `danger` marks what cannot be undone.
 */
export function question({ title, lines = [], fields = [], action, danger = false, act = async () => {} }) {
  const problem = element("p", { className: "mistake", role: "alert", hidden: true });
  const cancel = element("button", { type: "button", className: "button", textContent: t("Cancel") });
  const confirm = element("button", { type: "submit", className: danger ? "button danger" : "button primary", textContent: action });
  const form = element(
    "form", { method: "dialog", className: "dialog-form" },
    element("h2", { id: "dialog-title", textContent: title }),
    element("div", { id: "dialog-text" }, ...lines.map((line) => element("p", { textContent: line }))),
    ...fields.map(field),
    problem,
    element("p", { className: "dialog-buttons" }, cancel, confirm),
  );
  const dialog = element("dialog", {
    className: "dialog", attributes: { "aria-labelledby": "dialog-title", "aria-describedby": "dialog-text" },
  }, form);
  const { promise, settle } = answered(dialog);
  cancel.addEventListener("click", () => dialog.close());
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    const values = Object.fromEntries(new FormData(form));
    confirm.disabled = true;
    try {
      await act(values);
      if (values.by) rememberAsker(values.by);
      settle(values);
      dialog.close();
    } catch (failed) {
      problem.textContent = failed.message;
      problem.hidden = false;
    } finally {
      confirm.disabled = false;
    }
  });
  document.body.append(dialog);
  dialog.showModal();
  // Where something is lost, a careless Enter loses nothing.
  (form.querySelector("input, textarea") ?? (danger ? cancel : confirm)).focus();
  return promise;
}

function answered(dialog) {
  let value = null;
  const promise = new Promise((resolve) => dialog.addEventListener("close", () => {
    dialog.remove();
    resolve(value);
  }));
  return { promise, settle: (found) => { value = found; } };
}

function field({ name, label, value = "", hint = "", required = true, type = "text", maxLength = 500 }) {
  const input = element("input", { name, type, value, required, maxLength, autocomplete: "off" });
  return element("label", { className: "field" }, element("span", { textContent: label }), input, hint ? element("small", { textContent: hint }) : null);
}

/** Who asks and why, for the audit log; a name is asked for only where nobody signs in. */
export function accountability(hint = t("A case number, no party's name.")) {
  const name = isSignedIn() ? [] : [{ name: "by", label: t("Your name"), value: asker(), maxLength: 100 }];
  return [...name, { name: "reason", label: t("Reason, for the audit log"), hint }];
}

/** The values of `accountability` as the API wants them. */
export const accountable = (values) => ({ by: values.by || asker(), reason: values.reason });

/** Whether a person leaves what is not saved; where not, the address is again that of `name`. */
export async function leaves(name) {
  const answer = await question({
    title: t("{name} is not saved", { name }), lines: [t("What you have changed is lost if you go on.")],
    action: t("Leave without saving"), danger: true,
  });
  if (!answer) history.replaceState(null, "", `#${encodeURIComponent(name)}`);
  return Boolean(answer);
}
