// The texts that an utterance has had, the oldest first, each with what it changed in the one before.

import { element } from "./dom.js";
import { t } from "./wording.js";
import { wordDiff } from "./worddiff.js";
import { fullMoment } from "./words.js";

const REASON_WORDS = { final: t("First pass"), "second-pass": t("Second pass"), person: t("Written by a person"), undone: t("Taken back") };
const UNSPACED = /[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}\p{Script=Thai}，。！？、；：]$/u;

/**
 * A list of versions: [{ text, reason, by, engine, confidence, at, hotword_lists }], of which the first is a final and
 * has no reason.
 */
export function versionList(versions, lang) {
  return element("ol", { className: "versions" }, ...versions.map((version, index) => element(
    "li", { className: "version" },
    element("div", { className: "version-head" }, ...facts(version, index)),
    textOf(version, versions[index - 1], lang),
  )));
}

function facts({ reason, by, engine, confidence, at, hotword_lists }, index) {
  const isPerson = reason === "person" || reason === "undone";
  const told = [
    by ? t("by {name}", { name: by }) : "", isPerson ? "" : engine,
    isPerson || confidence === undefined ? "" : t("{percent} % sure", { percent: Math.round(confidence * 100) }),
    at ? fullMoment(at) : "",
    hotword_lists?.length ? t("with {lists}", { lists: hotword_lists.map(({ name, version }) => `${name} ${version}`).join(", ") }) : "",
  ];
  const name = REASON_WORDS[index ? reason : "final"] ?? reason;
  return [element("strong", { textContent: name }), ...told.filter(Boolean).map((fact) => element("span", { textContent: fact }))];
}

function textOf({ text }, before, lang) {
  if (!before) return element("p", { textContent: text || t("No speech"), lang, ariaLabel: t("Text as first heard") });
  const parts = wordDiff(before.text, text);
  const isSame = parts.every(({ kind }) => kind === "same");
  if (isSame) return element("p", { lang, textContent: text || t("No speech") });
  return element("p", { lang }, ...parts.flatMap((part, index) => {
    const spaced = index && !UNSPACED.test(parts[index - 1].text);
    return spaced ? [" ", partOf(part)] : [partOf(part)];
  }));
}

/** Removed and added have words for screen readers, and are struck out and underlined for the eye. */
function partOf({ kind, text }) {
  if (kind === "same") return text;
  const [name, told] = kind === "removed" ? ["del", t("removed:")] : ["ins", t("added:")];
  return element(name, {}, element("span", { className: "sr-only", textContent: `${told} ` }), text);
}
