// Users: who they are, what they may, and what is changed about it.

import { attempt, send } from "./admin.js";
import { question } from "./dialog.js";
import { announce, byId, element } from "./dom.js";
import { ask } from "./feed.js";
import { openForm } from "./form_dialog.js";
import { listed } from "./forms.js";
import { Listing, cell, tableRow } from "./table.js";
import { t } from "./wording.js";
import { fullMoment, moment } from "./words.js";

const USERS = "/api/v1/users";
const form = byId("user-dialog").querySelector("form");
const ROLES = Object.fromEntries([...form.elements.role.options].map((option) => [option.value, option.dataset.word]));
const WAYS = { has_password: t("password"), is_linked: t("identity provider") };

const users = new Listing(byId("users"), {
  read: async () => ({ rows: (await ask(USERS)).users, cursor: null }),
  row: userRow,
  empty: t("There is no user yet. Add an administrator first."),
});

const address = (user, part = "") => `${USERS}/${encodeURIComponent(user.name)}${part}`;

function userRow(user) {
  const ways = Object.keys(WAYS).filter((way) => user[way]).map((way) => WAYS[way]);
  const row = tableRow(
    element("th", { scope: "row", textContent: user.name }), ROLES[user.role], user.team || "–",
    cell(user.addresses.join(", ") || "–", { className: "address-list" }), ways.join(", ") || t("tokens only"),
    seen(user), cell(acts(user), { className: "acts" }),
  );
  row.dataset.user = user.name;
  row.dataset.disabled = String(user.disabled);
  return row;
}

function seen(user) {
  if (user.disabled) return element("span", { className: "badge", textContent: t("disabled") });
  if (!user.seen_at) return t("not signed in");
  return element("time", { dateTime: user.seen_at, title: fullMoment(user.seen_at), textContent: moment(user.seen_at) });
}

function acts(user) {
  const button = (text, label, act) => {
    const made = element("button", { type: "button", className: "button small", textContent: text, ariaLabel: label });
    made.addEventListener("click", () => act(made));
    return made;
  };
  const name = user.name;
  return [
    button(t("Change"), t("Change {name}", { name }), () => change(user)),
    button(t("Password"), t("Set the password of {name}", { name }), () => setPassword(user)),
    user.disabled
      ? button(t("Enable"), t("Enable {name}", { name }), (made) => attempt(made, () => enable(user)))
      : button(t("Disable"), t("Disable {name}", { name }), () => disable(user)),
  ];
}

/** Reads the list again and gives the focus back to the same button of the user's row. */
async function again(name, what) {
  const at = [...(document.activeElement.closest(".acts")?.children ?? [])].indexOf(document.activeElement);
  await users.load();
  const row = [...document.querySelectorAll("#users tbody tr")].find((each) => each.dataset.user === name);
  (row?.querySelectorAll(".acts button")[Math.max(at, 0)] ?? byId("users-heading")).focus();
  announce(what);
}

const told = () => ({ role: form.elements.role.value, team: form.elements.team.value, addresses: listed(form.elements.addresses.value) });

/** What is otherwise in the form: what somebody else changes meanwhile stays. */
const changesOf = (user) => Object.fromEntries(Object.entries(told()).filter(([name, value]) => String(value) !== String(user[name])));

function prepare(title, isNew) {
  byId("user-title").textContent = title;
  form.elements.name.readOnly = !isNew;
  form.querySelector("[data-part=password]").hidden = !isNew;
}

function add() {
  prepare(t("Add user"), true);
  openForm(byId("user-dialog"), {
    send: () => send(USERS, "POST", { ...told(), name: form.elements.name.value, password: form.elements.password.value || null }),
    done: ({ name }) => again(name, t("{name} was added.", { name })),
  });
}

function change(user) {
  prepare(t("Change {name}", { name: user.name }), false);
  openForm(byId("user-dialog"), {
    values: { name: user.name, role: user.role, team: user.team, addresses: user.addresses.join(", ") },
    send: () => send(address(user), "PATCH", changesOf(user)),
    done: ({ name }) => again(name, t("{name} was changed.", { name })),
  });
  form.elements.role.focus();
}

function setPassword(user) {
  byId("password-whose").textContent = user.name;
  openForm(byId("password-dialog"), {
    send: (filled) => send(address(user, "/password"), "PUT", { password: filled.elements.password.value }),
    done: () => again(user.name, t("{name} has another password.", { name: user.name })),
  });
}

async function disable(user) {
  const { name } = user;
  const answer = await question({
    title: t("Disable {name}?", { name }), danger: true, action: t("Disable"),
    lines: [t("Nobody gets in by this account and its tokens, from now on. What it did stays in the audit log."), t("It can be enabled again.")],
    act: () => send(address(user), "PATCH", { disabled: true }),
  });
  if (answer) await again(name, t("{name} is disabled.", { name }));
}

async function enable(user) {
  await send(address(user), "PATCH", { disabled: false });
  await again(user.name, t("{name} is enabled.", { name: user.name }));
}

byId("user-add").addEventListener("click", add);
users.load();
