// A text in pieces that can be pressed: its words, or several that were spoken otherwise than they are written.

const UNSURE = 0.5;

/**
 * The pieces of an utterance's text, in order: { text, start_ms, end_ms, unsure, heard, correction }. Words of the text
 * that are found among the spoken ones have their times. Where text and spoken words differ between two such ("$25"
 * for "twenty five dollars"), what is written is one piece over all that was spoken there, and `heard` tells that.
 */
export function pieces({ text, words = [], corrections = [] }) {
  const tokens = [...text.matchAll(/\S+/g)].map((match) => ({ text: match[0], from: match.index }));
  const marks = located(text, corrections);
  return runs(tokens, words).map(({ tokens: written, words: spoken, same }) => {
    const from = written[0].from;
    const to = written.at(-1).from + written.at(-1).text.length;
    const heard = spoken.map((word) => word.text).join(" ");
    return {
      text: text.slice(from, to),
      start_ms: spoken[0]?.start_ms,
      end_ms: spoken.at(-1)?.end_ms,
      unsure: spoken.some((word) => word.confidence < UNSURE),
      heard: same || packed(heard) === packed(text.slice(from, to)) ? "" : heard,
      correction: marks.find((mark) => mark.from < to && from < mark.to)?.correction,
    };
  });
}

const packed = (text) => text.replaceAll(" ", "");

/** Where each correction's phrase stands in the text; they come in its order. */
function located(text, corrections) {
  let cursor = 0;
  return corrections.flatMap((correction) => {
    const from = text.indexOf(correction.phrase, cursor);
    if (from < 0) return [];
    cursor = from + correction.phrase.length;
    return [{ from, to: cursor, correction }];
  });
}

/** Text and spoken words side by side: one run for each word they share, one for all that lies between two such. */
function runs(tokens, words) {
  const shared = longestShared(tokens, words);
  const found = [];
  let [token, word] = [0, 0];
  for (const [nextToken, nextWord] of [...shared, [tokens.length, words.length]]) {
    found.push(...between(tokens.slice(token, nextToken), words.slice(word, nextWord)));
    if (nextToken < tokens.length) found.push({ tokens: [tokens[nextToken]], words: [words[nextWord]], same: true });
    [token, word] = [nextToken + 1, nextWord + 1];
  }
  return found;
}

function between(tokens, words) {
  if (!tokens.length) return [];
  if (!words.length) return tokens.map((token) => ({ tokens: [token], words, same: true }));
  return [{ tokens, words, same: false }];
}

/** Pairs of places of a longest sequence of words that both have, by the usual table. */
export function longestShared(tokens, words) {
  const lengths = Array.from({ length: tokens.length + 1 }, () => new Uint16Array(words.length + 1));
  for (let t = tokens.length - 1; t >= 0; t--) {
    for (let w = words.length - 1; w >= 0; w--) {
      lengths[t][w] = tokens[t].text === words[w].text
        ? lengths[t + 1][w + 1] + 1
        : Math.max(lengths[t + 1][w], lengths[t][w + 1]);
    }
  }
  const pairs = [];
  for (let [t, w] = [0, 0]; t < tokens.length && w < words.length; ) {
    if (tokens[t].text === words[w].text) pairs.push([t++, w++]);
    else if (lengths[t + 1][w] >= lengths[t][w + 1]) t++;
    else w++;
  }
  return pairs;
}
