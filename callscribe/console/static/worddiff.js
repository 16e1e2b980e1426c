// What two texts have in common, word by word.

import { longestShared } from "./pieces.js";

/** Scripts that have no blanks between words: each character counts as one. */
const UNIT = /[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}\p{Script=Thai}\p{Script=Lao}\p{Script=Khmer}\p{Script=Myanmar}]|[^\s\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}\p{Script=Thai}\p{Script=Lao}\p{Script=Khmer}\p{Script=Myanmar}]+/gu;
const MOST = 1500;

/**
 * The parts of both texts, in order: { kind: "same" | "removed" | "added", text }. Where one has more than 1,500 words
 * they are not compared: all of the one is removed, all of the other added.
 */
export function wordDiff(before, after) {
  const [old, now] = [units(before), units(after)];
  if (Math.max(old.length, now.length) > MOST) return parts([["removed", before], ["added", after]]);
  const found = [];
  let [o, n] = [0, 0];
  for (const [nextOld, nextNow] of [...longestShared(old, now), [old.length, now.length]]) {
    found.push(["removed", stretch(before, old, o, nextOld)], ["added", stretch(after, now, n, nextNow)]);
    if (nextOld < old.length) found.push(["same", now[nextNow].text, after, now[nextNow]]);
    [o, n] = [nextOld + 1, nextNow + 1];
  }
  return parts(found);
}

function units(text) {
  return [...text.matchAll(UNIT)].map((match) => ({ text: match[0], from: match.index, to: match.index + match[0].length }));
}

function stretch(text, cut, first, behind) {
  return first < behind ? text.slice(cut[first].from, cut[behind - 1].to) : "";
}

/** Neighbours of one kind are one part; words of scripts with blanks stay apart by one. */
function parts(found) {
  const made = [];
  for (const [kind, text, whole, unit] of found) {
    if (!text) continue;
    const last = made.at(-1);
    const apart = unit && whole[unit.from - 1] !== undefined && /\s/.test(whole[unit.from - 1]) ? " " : "";
    if (last?.kind === kind) last.text += apart + text;
    else made.push({ kind, text });
  }
  return made;
}
