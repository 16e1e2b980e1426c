// What scorecards found in an ended call: a score, and each rule with where its evidence can be heard.

import { byId, element } from "./dom.js";
import { ask } from "./feed.js";
import { t } from "./wording.js";
import { clock, plural } from "./words.js";

const VERDICTS = { true: [t("Passed"), "done"], false: [t("Failed"), "failed"], null: [t("Does not apply"), "queued"] };
/** What a person has to look at comes first. */
const RANKS = { false: 0, true: 1, null: 2 };

let shown = "";

/**
 * Draws the panel of the call at `path` (its address in the API) once it has been evaluated, and each time that it is again:
 * another version of a scorecard may give the same score for other reasons.
 */
export async function showScores(path, call) {
  const evaluated = call.jobs.filter((job) => job.kind === "evaluate").map((job) => job.finished_at);
  const key = JSON.stringify([call.score, call.measures, evaluated]);
  if (!call.measures || key === shown) return;
  const told = await ask(`${path}/scores`);
  shown = key; // After the answer: what failed is asked again.
  byId("scores-panel").hidden = false;
  byId("measures").textContent = summary(told.measures);
  byId("scores").replaceChildren(...told.scorecards.flatMap(cardRows));
}

function summary({ talk_ratio, longest_silence_ms, overtalk_ms, interruptions }) {
  const parts = [
    talk_ratio === null ? "" : t("Agent speaks {percent} %", { percent: Math.round(talk_ratio * 100) }),
    t("longest silence {time}", { time: clock(longest_silence_ms) }), t("overtalk {time}", { time: clock(overtalk_ms) }),
    plural(interruptions, t("{count} interruption", { count: interruptions }), t("{count} interruptions", { count: interruptions })),
  ];
  return parts.filter(Boolean).join(", ");
}

function cardRows({ scorecard: name, score, results }) {
  const text = score === null ? t("{name}: no rule applies", { name }) : t("{name}: {score} of 100", { name, score: Math.round(score) });
  const ranked = [...results].sort((one, other) => RANKS[one.passed] - RANKS[other.passed] || other.critical - one.critical);
  return [element("li", {}, element("strong", { textContent: text })), ...ranked.map(resultRow)];
}

function resultRow({ rule, passed, critical, reason, evidence }) {
  const [words, state] = VERDICTS[passed];
  const row = element(
    "li", {},
    element("span", { textContent: `${critical ? t("{name} (critical)", { name: rule }) : rule}: ` }),
    element("span", { className: "job-state", textContent: words, data: { state } }),
    element("span", { className: "quiet", textContent: ` ${reason} ` }),
  );
  if (evidence) {
    const quote = evidence.quote ? ` “${evidence.quote}”` : "";
    row.append(element("a", { href: `#t=${evidence.start_ms / 1000}`, textContent: `${clock(evidence.start_ms)}${quote}` }));
  }
  return row;
}
