// An assist rule as a form, and a form as an assist rule.

import { listed } from "./forms.js";

const EMPTY = {
  when: { kind: "phrase", phrases: [] }, speaker: "any", title: "", text: "", link: "", severity: "info",
  trunks: [], languages: [], cool_down_s: 30, once: false,
};

/** What stands in a rule beside its name and version; what it leaves out as the API has it. */
export const definition = ({ name, version, ...rule }) => ({ ...EMPTY, ...rule });

const lines = (text) => text.split("\n").map((line) => line.trim()).filter(Boolean);

function phraseOf(line) {
  const [, text, distance] = /^(.*?)(?:\s*~([0-3]))?$/.exec(line);
  return { text: text.trim(), distance: Number(distance ?? 0) };
}

const lineOf = (phrase) => (phrase.distance ? `${phrase.text} ~${phrase.distance}` : phrase.text ?? phrase);

const CONDITIONS = {
  phrase: {
    read: (at) => ({ phrases: lines(at("phrases").value).map(phraseOf) }),
    write: (at, { phrases }) => { at("phrases").value = phrases.map(lineOf).join("\n"); },
  },
  near: {
    read: (at) => ({
      words: lines(at("words").value), apart: Number(at("apart").value), in_order: at("in_order").checked, distance: Number(at("distance").value),
    }),
    write: (at, { words, apart = 3, in_order = false, distance = 0 }) => {
      at("words").value = words.join("\n");
      at("apart").value = apart;
      at("in_order").checked = in_order;
      at("distance").value = distance;
    },
  },
  pattern: { read: (at) => ({ pattern: at("pattern").value }), write: (at, { pattern }) => { at("pattern").value = pattern; } },
  silence: { read: (at) => ({ seconds: Number(at("seconds").value) }), write: (at, { seconds }) => { at("seconds").value = seconds; } },
  "talk-over": { read: (at) => ({ seconds: Number(at("seconds").value) }), write: (at, { seconds }) => { at("seconds").value = seconds; } },
  emotion: { read: (at) => ({ emotions: listed(at("emotions").value) }), write: (at, { emotions }) => { at("emotions").value = emotions.join(", "); } },
};

const placed = (form, kind) => (name) => form.elements[`${kind}.${name}`];

/** The rule that the form tells. */
export function ruleOf(form) {
  const { kind, speaker, title, text, link, severity, trunks, languages, cool_down_s: coolDown, once } = form.elements;
  const silent = kind.value === "silence" || kind.value === "talk-over";
  return {
    trunks: listed(trunks.value), languages: listed(languages.value),
    when: { kind: kind.value, ...CONDITIONS[kind.value].read(placed(form, kind.value)) },
    speaker: silent ? "any" : speaker.value, title: title.value, text: text.value, link: link.value.trim(), severity: severity.value,
    cool_down_s: Number(coolDown.value), once: once.checked,
  };
}

/** Puts a rule into the form. Throws a TypeError for what is no rule. */
export function fillRule(form, rule) {
  const { when, trunks, languages, once, ...texts } = definition(rule);
  const fields = form.elements;
  fields.kind.value = when.kind;
  CONDITIONS[when.kind].write(placed(form, when.kind), when);
  fields.trunks.value = trunks.join(", ");
  fields.languages.value = languages.join(", ");
  fields.once.checked = once;
  for (const name of ["speaker", "title", "text", "link", "severity", "cool_down_s"]) fields[name].value = texts[name];
  showKind(form);
}

/** Shows the fields of the chosen kind only; what is hidden is no part of the form. */
export function showKind(form) {
  const kind = form.elements.kind.value;
  for (const part of form.querySelectorAll("[data-kind]")) hide(part, part.dataset.kind !== kind);
  for (const part of form.querySelectorAll("[data-unless]")) hide(part, part.dataset.unless.split(" ").includes(kind));
}

function hide(part, hidden) {
  part.hidden = hidden;
  for (const input of part.querySelectorAll("input, textarea, select")) input.disabled = hidden;
}

/** The field of a place that the API names, as "when.phrase.phrases.0.text". */
export function fieldOf(place) {
  const parts = place.split(".");
  return parts[0] === "when" ? `${parts[1]}.${parts[2]}` : parts[0];
}
