// The words of scripts in the reader's language: English stands in the code, others in a catalogue from it.

const language = document.documentElement.lang;
const catalogue = language === "en" ? {} : await (await fetch(`/static/${language}.json`)).json();

/** The text, with each {name} replaced by the value of that name. What the catalogue lacks stays English. */
export function t(text, values = {}) {
  return (catalogue[text] ?? text).replace(/\{(\w+)\}/g, (whole, name) => values[name] ?? whole);
}
