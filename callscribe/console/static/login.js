// Where the form stands in another page's frame, the identity provider is asked in a tab of its own: none lets itself be framed.

import { byId } from "./dom.js";

const EVERY_MS = 1500;
const hint = byId("framed");

if (window.top !== window.self) {
  const button = document.querySelector(".login-provider");
  button.target = "_blank";
  button.addEventListener("click", () => {
    hint.hidden = false;
    setInterval(goOnWhenSignedIn, EVERY_MS);
  }, { once: true });
}

async function goOnWhenSignedIn() {
  const answer = await fetch("/api/v1/me").catch(() => null);
  if (answer?.ok) location.assign(hint.dataset.after);
}
