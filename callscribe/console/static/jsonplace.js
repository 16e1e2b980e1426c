// Where JSON is wrong, and where in it a place of the API stands: browsers tell neither alike. By RFC 8259. Pure.

const TOKEN = /([{}[\],:])|("(?:[^"\\\x00-\x1f]|\\(?:["\\/bfnrt]|u[\da-fA-F]{4}))*")|(-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?|true|false|null)/y;

/** Reads a text once: { fault, places }, the offset of the first fault or -1, and of each value by its path "rules.0.kind". */
export function scanned(text) {
  const places = new Map();
  let at = 0;

  function next() {
    at += /^\s*/.exec(text.slice(at))[0].length;
    TOKEN.lastIndex = at;
    const found = TOKEN.exec(text);
    if (!found) throw new RangeError();
    return found[0];
  }

  function take(wanted) {
    const token = next();
    if (wanted && !wanted.includes(token)) throw new RangeError();
    at += token.length;
    return token;
  }

  function value(path) {
    const token = next();
    places.set(path, at);
    if ("}],:".includes(token)) throw new RangeError();
    at += token.length;
    if (token === "{") members(path);
    if (token === "[") elements(path);
  }

  function members(path) {
    if (next() === "}") return take();
    do {
      const key = next();
      if (!key.startsWith('"')) throw new RangeError();
      at += key.length;
      take(":");
      value(path ? `${path}.${JSON.parse(key)}` : JSON.parse(key));
    } while (take(",}") === ",");
  }

  function elements(path) {
    if (next() === "]") return take();
    let number = 0;
    do value(path ? `${path}.${number++}` : String(number++)); while (take(",]") === ",");
  }

  try {
    value("");
    return { fault: text.slice(at).trim() ? at + /^\s*/.exec(text.slice(at))[0].length : -1, places };
  } catch {
    return { fault: at, places };
  }
}

/** Line and column, each from 1, of an offset. */
export function lineOf(text, offset) {
  const before = text.slice(0, offset).split("\n");
  return { line: before.length, column: before.at(-1).length + 1 };
}

/** The offset of what the API names, as "rules.0.said.phrases": of the longest beginning that is there; tags are left out. */
export function placeOf(places, named) {
  let found = "";
  for (const part of named.split(".")) {
    const path = found ? `${found}.${part}` : part;
    if (places.has(path)) found = path;
  }
  return found ? places.get(found) : -1;
}
