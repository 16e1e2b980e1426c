// API tokens: which there are, and new ones, whose secret is shown once.

import { send } from "./admin.js";
import { question } from "./dialog.js";
import { announce, byId, element, notice } from "./dom.js";
import { ask } from "./feed.js";
import { openForm } from "./form_dialog.js";
import { Listing, cell, tableRow } from "./table.js";
import { t } from "./wording.js";
import { fullMoment, moment } from "./words.js";

const TOKENS = "/api/v1/tokens";
const dialog = byId("token-dialog");
const form = dialog.querySelector("form");

const tokens = new Listing(byId("tokens"), {
  read: async () => ({ rows: (await ask(TOKENS)).tokens, cursor: null }),
  row: tokenRow,
  empty: t("There is no token yet."),
});

function tokenRow(token) {
  const revoke = element("button", { type: "button", className: "button small", textContent: t("Revoke"), ariaLabel: t("Revoke {name}", { name: token.name }) });
  revoke.addEventListener("click", () => askToRevoke(token));
  const scopes = token.scopes.map((scope) => element("code", { textContent: scope }));
  const row = tableRow(
    element("th", { scope: "row", textContent: token.name }), token.owner, element("div", { className: "scope-list" }, ...scopes),
    end(token.expires_at), token.last_used_at ? time(token.last_used_at) : t("never"), cell(revoke, { className: "acts" }),
  );
  row.dataset.token = token.name;
  return row;
}

const time = (at) => element("time", { dateTime: at, title: fullMoment(at), textContent: moment(at) });

function end(at) {
  if (!at) return t("never");
  return new Date(at) < new Date() ? element("span", { className: "badge", textContent: t("expired") }) : time(at);
}

async function create() {
  const { users } = await ask("/api/v1/users");
  const owners = users.filter((user) => !user.disabled).map(({ name }) => element("option", { value: name, textContent: name }));
  form.elements.owner.replaceChildren(...owners);
  openForm(dialog, { send: sendToken, done: show });
}

async function sendToken() {
  const { name, owner, days } = form.elements;
  const scopes = new FormData(form).getAll("scopes");
  if (!scopes.length) throw new Error(t("Choose what the token may do."));
  return send(TOKENS, "POST", { name: name.value, owner: owner.value, days: Number(days.value), scopes });
}

function show({ secret }) {
  byId("secret").value = secret;
  byId("secret-copied").textContent = "";
  byId("secret-dialog").showModal();
  byId("secret").select();
  tokens.load();
}

async function copy() {
  let done = true;
  try {
    await navigator.clipboard.writeText(byId("secret").value);
  } catch {
    // Where the page is no secure context: by http on a network.
    byId("secret").select();
    done = document.execCommand("copy");
  }
  byId("secret-copied").textContent = done ? t("Copied.") : t("Copying did not work. Mark it and copy it by hand.");
}

async function askToRevoke({ name }) {
  const answer = await question({
    title: t("Revoke {name}?", { name }), danger: true, action: t("Revoke"),
    lines: [t("Programs that send this token get nothing from now on. This cannot be undone.")],
    act: () => send(`${TOKENS}/${encodeURIComponent(name)}`, "DELETE"),
  });
  if (!answer) return;
  await tokens.load();
  byId("tokens-heading").focus();
  announce(t("{name} was revoked.", { name }));
}

byId("token-add").addEventListener("click", () => create().catch((problem) => notice(problem.message)));
byId("secret-copy").addEventListener("click", copy);
byId("secret-dialog").addEventListener("close", () => {
  byId("secret").value = "";
  byId("token-add").focus();
});
tokens.load();
