// The words of scripts in the reader's language: English stands in the code, others in a catalogue from it.

const language = document.documentElement.lang;
const catalogue = language === "en" ? {} : await read(new URL(`${language}.json`, import.meta.url));

/** How the reader writes dates, times and numbers: as the browser says where that is the page's language, too. */
export const LOCALE = navigator.languages.find((each) => each.split("-")[0] === language) ?? language;

async function read(address) {
  try {
    return await (await fetch(address)).json();
  } catch {
    return {};
  }
}

/** The text, with each {name} replaced by the value of that name. What the catalogue lacks stays English. */
export function t(text, values = {}) {
  return (catalogue[text] ?? text).replace(/\{(\w+)\}/g, (whole, name) => values[name] ?? whole);
}
