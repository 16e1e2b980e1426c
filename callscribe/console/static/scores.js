// What scorecards found in an ended call: a score, and each rule with where its evidence can be heard.

import { byId, element } from "./dom.js";
import { ask } from "./feed.js";
import { clock } from "./words.js";

const VERDICTS = { true: ["Passed", "done"], false: ["Failed", "failed"], null: ["Does not apply", "queued"] };

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
    talk_ratio === null ? "" : `Agent speaks ${Math.round(talk_ratio * 100)} %`,
    `longest silence ${clock(longest_silence_ms)}`, `overtalk ${clock(overtalk_ms)}`,
    `${interruptions} interruption${interruptions === 1 ? "" : "s"}`,
  ];
  return parts.filter(Boolean).join(", ");
}

function cardRows(card) {
  const score = card.score === null ? "no rule applies" : `${Math.round(card.score)} of 100`;
  const head = element("li", {}, element("strong", { textContent: `${card.scorecard}: ${score}` }));
  return [head, ...card.results.map(resultRow)];
}

function resultRow({ rule, passed, critical, reason, evidence }) {
  const [words, state] = VERDICTS[passed];
  const row = element(
    "li", {},
    element("span", { textContent: critical ? `${rule} (critical): ` : `${rule}: ` }),
    element("span", { className: "job-state", textContent: words, data: { state } }),
    element("span", { className: "quiet", textContent: ` ${reason} ` }),
  );
  if (evidence) {
    const quote = evidence.quote ? ` “${evidence.quote}”` : "";
    row.append(element("a", { href: `#t=${evidence.start_ms / 1000}`, textContent: `${clock(evidence.start_ms)}${quote}` }));
  }
  return row;
}
