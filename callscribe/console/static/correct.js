// Correcting an utterance: its text becomes a field; what is saved is a revision by a person, beside the machine's.

import { element } from "./dom.js";
import { ask } from "./feed.js";
import { t } from "./wording.js";

const NAME = "callscribe.name";

/**
 * Lets utterances of a view be corrected: by their button, or with E on their time. `path`: of the call in the API;
 * `onSaved()` shows what is stored then, and is waited for. `visitor`: who signed in, "" where nobody has to. Returns a
 * function that opens a row's field.
 */
export function allowCorrecting(view, path, onSaved, visitor = "") {
  const rowAt = (place) => view.rows.get(place.closest("[data-utterance]")?.dataset.utterance);

  view.list.addEventListener("click", (event) => {
    const button = event.target.closest("button.correct");
    if (button) open(rowAt(button));
  });
  view.list.addEventListener("keydown", (event) => {
    if (event.key.toLowerCase() !== "e" || event.ctrlKey || event.metaKey || event.altKey) return;
    if (!event.target.matches("button.when")) return;
    event.preventDefault();
    open(rowAt(event.target));
  });

  function open(row) {
    if (row?.kind !== "final" || row.item.classList.contains("editing")) return;
    const { seen } = row;
    const text = element("textarea", { value: row.newest, rows: 2, lang: row.text.lang, ariaLabel: t("What was said") });
    const name = element("input", {
      value: visitor || (localStorage.getItem(NAME) ?? ""), required: true, maxLength: 100, placeholder: t("Your name"),
      ariaLabel: t("Your name"), hidden: Boolean(visitor),
    });
    const complaint = element("p", { className: "quiet", attributes: { role: "alert" } });
    const back = element("button", { type: "button", className: "button", textContent: t("Take back"), hidden: !row.by });
    const cancel = element("button", { type: "button", className: "button", textContent: t("Cancel") });
    const form = element(
      "form", { className: "correction" }, text, name,
      element("button", { className: "button", textContent: t("Save") }), cancel, back, complaint,
    );

    function close() {
      form.remove();
      row.item.classList.remove("editing");
      row.when.focus();
    }

    async function send(method, query, body) {
      if (!visitor) localStorage.setItem(NAME, name.value);
      const headers = { accept: "application/json", "content-type": "application/json" };
      try {
        await ask(`${path}/utterances/${row.item.dataset.utterance}/corrections${query}`, { method, headers, body });
        await onSaved();
        close();
      } catch (problem) {
        complaint.textContent = problem.message;
      }
    }

    form.addEventListener("submit", (event) => {
      event.preventDefault();
      send("POST", "", JSON.stringify({ text: text.value, by: name.value, seen }));
    });
    back.addEventListener("click", () => {
      if (name.reportValidity()) send("DELETE", `?${new URLSearchParams({ by: name.value, seen })}`);
    });
    cancel.addEventListener("click", close);
    form.addEventListener("keydown", (event) => {
      if (event.key === "Escape") close();
      if (event.key === "Enter" && event.target === text && !event.isComposing) {
        event.preventDefault();
        form.requestSubmit();
      }
    });
    row.item.classList.add("editing");
    row.text.after(form);
    text.focus();
  }

  return open;
}
