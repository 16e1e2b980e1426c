// The keys of a call's page.

import { byId, element } from "./dom.js";
import { Shortcuts } from "./keys.js";
import { typedTime } from "./lines.js";
import { t } from "./wording.js";
import { clock } from "./words.js";

const STEP_MS = 5000;

/** does: what the keys do that others know how to; `may`: what the visitor may. */
export function callKeys(does) {
  const { listening, timeline, hits, say } = does;
  const by = (ms) => listening.seek(Math.max(0, listening.ms + ms));
  const toUtterance = (direction) => listening.seek(timeline.step(listening.ms, direction));
  const speed = (step) => listening.player && say(t("Speed {speed}", { speed: listening.player.changeSpeed(step) }));
  const key = (keys, label, press, repeats = false) => ({ keys, label, press, repeats });
  const groups = [
    { title: t("Hear"), keys: [
      key(["k", " "], t("Play or pause"), () => listening.player?.toggle()),
      key(["j", "ArrowLeft"], t("5 seconds back"), () => by(-STEP_MS), true),
      key(["l", "ArrowRight"], t("5 seconds on"), () => by(STEP_MS), true),
      key(["Shift+ArrowLeft"], t("Utterance before"), () => toUtterance(-1), true),
      key(["Shift+ArrowRight"], t("Next utterance"), () => toUtterance(1), true),
      key(["<", "-"], t("Slower"), () => speed(-1), true),
      key([">", "+"], t("Faster"), () => speed(1), true),
      key(["g"], t("Go to a time"), () => askForTime(listening)),
    ] },
    { title: t("Find"), keys: [
      key(["/"], t("Find in this call"), () => byId("find").querySelector("input").select()),
      key(["n"], t("Next found"), () => hits.step(1), true),
      key(["p"], t("Found before"), () => hits.step(-1), true),
    ] },
    { title: t("The line that has the focus, else the one that is played"), keys: [
      ...(does.may.correct ? [key(["e"], t("Correct it"), does.edit)] : []),
      ...(does.may.comment ? [key(["c"], t("Comment, at this time"), does.comment)] : []),
      key(["v"], t("Show its versions"), does.versions),
      key(["y"], t("Copy a link to this moment"), does.copyMoment),
    ] },
    { title: t("In the transcript, from a line's time"), keys: [
      key(["ArrowUp", "ArrowDown"], t("To the lines beside it"), null),
      key(["Enter"], t("Play from there"), null),
    ] },
  ];
  return new Shortcuts(groups, byId("keys"));
}

/** A field for "12:34"; Enter goes there. */
function askForTime(listening) {
  const field = element("input", { type: "text", value: clock(listening.ms), inputMode: "decimal", autocomplete: "off", id: "go-to" });
  const complaint = element("p", { className: "mistake", attributes: { role: "alert" } });
  const cancel = element("button", { type: "button", className: "button", textContent: t("Cancel") });
  const form = element(
    "form", { className: "go-to" },
    element("label", { htmlFor: "go-to", textContent: t("Go to") }), field,
    element("button", { className: "button", textContent: t("Go") }), cancel, complaint,
  );
  const dialog = element("dialog", { className: "go-to-dialog", ariaLabel: t("Go to a time") }, form);
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    const ms = typedTime(field.value);
    complaint.textContent = ms === null ? t("Write a time as 12:34 or 95.") : "";
    if (ms === null) return;
    dialog.close();
    listening.seek(ms);
  });
  cancel.addEventListener("click", () => dialog.close());
  dialog.addEventListener("close", () => dialog.remove());
  document.body.append(dialog);
  dialog.showModal();
  field.select();
}
