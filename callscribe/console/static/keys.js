// Single keys that do something on a page, and a dialog that lists them. They never fire while somebody types, in a
// dialog, or together with a key of the browser's own (Ctrl, Alt, Meta), and can be switched off: some screen readers
// and speech input send letters (WCAG 2.1.4).

import { element } from "./dom.js";
import { t } from "./wording.js";

const SWITCH = "callscribe.keys";
const HELP = "?";
const KEY_WORDS = {
  " ": t("Space"), ArrowLeft: "←", ArrowRight: "→", ArrowUp: "↑", ArrowDown: "↓", Shift: t("Shift"), Escape: t("Esc"), Enter: t("Enter"),
};
/** Where a letter is text, or the element has a use of its own for it. */
const TYPED = "textarea, select, input:not([type=checkbox], [type=range]), [contenteditable]:not([contenteditable=false])";
/** What Space and Enter press. */
const PRESSED = "button, a[href], summary, input, [role=button]";

export class Shortcuts {
  /**
   * groups: [{ title, keys: [{ keys, label, press(event), repeats }] }]. A key is what KeyboardEvent.key says, small
   * letters, with "Shift+" before a named one; `repeats`: also while it is held down; without `press` it is listed only:
   * some element takes it. `opener`: a button that opens the list.
   */
  constructor(groups, opener = null) {
    this.groups = groups;
    this.on = stored() !== "off";
    this.known = new Map(groups.flatMap(({ keys }) => keys.filter(({ press }) => press).flatMap((each) => each.keys.map((key) => [key, each]))));
    document.addEventListener("keydown", (event) => this.#take(event));
    opener?.addEventListener("click", () => this.help());
  }

  /** Shows which keys there are. */
  help() {
    this.dialog ??= this.#makeDialog();
    this.dialog.showModal();
  }

  #take(event) {
    if (event.defaultPrevented || event.isComposing || event.ctrlKey || event.metaKey || event.altKey) return;
    const key = nameOf(event);
    if (event.target.closest?.(TYPED) || document.querySelector("dialog[open]")) return;
    if ([" ", "Enter"].includes(key) && event.target.closest?.(PRESSED)) return;
    if (!this.on && key !== HELP) return;
    // Somebody marks text with Shift and the arrows.
    if (key.startsWith("Shift+") && !getSelection().isCollapsed) return;
    const found = this.known.get(key);
    if (key === HELP) this.help();
    else if (found && (found.repeats || !event.repeat)) found.press(event);
    else if (!found) return;
    event.preventDefault();
  }

  #makeDialog() {
    const close = element("button", { type: "button", className: "button", textContent: t("Close"), autofocus: true });
    const box = element("input", { type: "checkbox", checked: this.on });
    const dialog = element(
      "dialog", { className: "keys", attributes: { "aria-labelledby": "keys-title" } },
      element("h2", { id: "keys-title", textContent: t("Keys of this page") }),
      element("div", { className: "keys-groups" }, ...this.groups.map(groupOf)),
      element("label", { className: "keys-switch" }, box, t("Single keys work (? always does)")),
      close,
    );
    close.addEventListener("click", () => dialog.close());
    box.addEventListener("change", () => {
      this.on = box.checked;
      store(this.on ? "on" : "off");
    });
    document.body.append(dialog);
    return dialog;
  }
}

/** A frame of another site may be forbidden to keep anything. */
function stored() {
  try {
    return localStorage.getItem(SWITCH);
  } catch {
    return null;
  }
}

function store(value) {
  try {
    localStorage.setItem(SWITCH, value);
  } catch {
    // It holds until the page is loaded again.
  }
}

/** A letter is itself with or without Caps Lock; with Shift it is another key. */
function nameOf({ key, shiftKey }) {
  if (key.length > 1) return shiftKey ? `Shift+${key}` : key;
  const small = key.toLowerCase();
  return shiftKey && small !== key.toUpperCase() ? `Shift+${small}` : small;
}

function groupOf({ title, keys }) {
  const rows = keys.map(({ keys: names, label }) => element(
    "div", {}, element("dt", {}, ...names.flatMap((name, index) => [index ? " " : null, ...shown(name)])), element("dd", { textContent: label }),
  ));
  return element("section", {}, element("h3", { textContent: title }), element("dl", {}, ...rows));
}

function shown(name) {
  const parts = name.length > 1 ? name.split("+") : [name];
  return [element("kbd", { textContent: parts.map((part) => KEY_WORDS[part] ?? part.toUpperCase()).join(" ") })];
}
