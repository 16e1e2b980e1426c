// A hotword list as text: one word or phrase a line, its weight behind a comma. Pure.

/** Words of a text. A line is "word", "word, 2", or of a CSV "word;2" or "word<tab>2"; quotes around a word are left out. */
export function wordsOf(text) {
  const found = new Map();
  for (const line of text.split("\n")) {
    const [, written, weight] = /^\s*(.*?)(?:\s*[,;\t]\s*(\d+(?:\.\d+)?)?)?\s*$/.exec(line);
    const word = written.replace(/^"(.*)"$/, "$1").trim();
    if (word) found.set(word, weight === undefined ? 1 : Number(weight));
  }
  return [...found].map(([word, weight]) => ({ text: word, weight }));
}

export const textOf = (words) => words.map(({ text, weight }) => (weight === 1 ? text : `${text}, ${weight}`)).join("\n");

/** What `mine` has otherwise than `base`: { put: [word], gone: [text] }. */
export function changes(base, mine) {
  const before = new Map(base.map(({ text, weight }) => [text, weight]));
  const after = new Set(mine.map(({ text }) => text));
  return {
    put: mine.filter(({ text, weight }) => before.get(text) !== weight),
    gone: base.map(({ text }) => text).filter((text) => !after.has(text)),
  };
}

/** `theirs` with changes of ours on it. */
export function amended(theirs, { put, gone }) {
  const found = new Map(theirs.filter(({ text }) => !gone.includes(text)).map(({ text, weight }) => [text, weight]));
  for (const { text, weight } of put) found.set(text, weight);
  return [...found].map(([text, weight]) => ({ text, weight }));
}
