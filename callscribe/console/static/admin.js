// What every administration page has: who looks and what they may, problems at the top, reading again by itself.

import { byId, notice } from "./dom.js";
import { ask } from "./feed.js";

const frame = byId("admin");
const permissions = new Set(frame.dataset.may.split(" "));
const BY = "callscribe-by";

// On a phone the places are a row that scrolls: the one that is shown is to be seen.
const here = document.querySelector(".admin-nav [aria-current]");
if (here) here.parentElement.scrollLeft = here.offsetLeft - here.parentElement.offsetLeft - 16;

/** Whether who looks has this permission, as "lists:write"; everybody has all where nobody signs in. */
export const may = (permission) => permissions.has(permission);

/** The name under which this person changes something: the account's; else the one that was typed last, or "". */
export const asker = () => frame.dataset.user || localStorage.getItem(BY) || "";

/** Whether the person's name is known from their account, and need not be asked for. */
export const isSignedIn = () => Boolean(frame.dataset.user);

export function rememberAsker(name) {
  if (!isSignedIn()) localStorage.setItem(BY, name);
}

/** Sends JSON. Throws an Error with the server's sentence and the status. */
export function send(path, method, body) {
  const json = body === undefined ? {} : { headers: { accept: "application/json", "content-type": "application/json" }, body: JSON.stringify(body) };
  return ask(path, { method, ...json });
}

/** Runs what a button is for: it rests meanwhile, and what fails is told at the top of the page. */
export async function attempt(button, work) {
  button.disabled = true;
  try {
    await work();
    notice("");
  } catch (problem) {
    notice(problem.message);
    byId("notice").scrollIntoView({ block: "nearest" });
  } finally {
    button.disabled = false;
  }
}

/** Runs `work` now and then again and again, while the page is seen; a problem of it is told and forgotten when it works. */
export function keepFresh(work, everyMs) {
  let told = "";
  async function once() {
    if (document.visibilityState === "visible") {
      try {
        await work();
        if (told && byId("notice").textContent === told) notice("");
        told = "";
      } catch (problem) {
        told = problem.message;
        notice(told);
      }
    }
    setTimeout(once, everyMs);
  }
  once();
}

/** The part of the address after "#", decoded: what the page shows of its list. */
export const chosen = () => decodeURIComponent(location.hash.slice(1));

/** Marks the link to what is chosen. */
export function markChosen(list, name) {
  for (const link of list.querySelectorAll("a")) {
    if (decodeURIComponent(link.hash.slice(1)) === name) link.setAttribute("aria-current", "true");
    else link.removeAttribute("aria-current");
  }
}

/** The form that names something new: the name is chosen, and the page shows what has it, or an empty one. */
export function offerNew(form) {
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    location.hash = encodeURIComponent(form.elements.name.value.trim());
    form.reset();
  });
}
