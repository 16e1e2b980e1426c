// Text into the clipboard, also where the page is no secure context (http on a network) or a frame may not write there.

import { element } from "./dom.js";

/** Whether it got there. */
export async function copyText(text) {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    return copyMarked(text);
  }
}

/** The old way: mark a field's text and copy what is marked. */
function copyMarked(text) {
  const before = document.activeElement;
  const field = element("textarea", { value: text, className: "sr-only", readOnly: true, ariaHidden: "true" });
  document.body.append(field);
  field.select();
  const done = document.execCommand("copy");
  field.remove();
  before?.focus();
  return done;
}
