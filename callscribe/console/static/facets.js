// What a search can be narrowed by: counts of its newest hits, each a link to the search that leaves just these.

import { byId, element } from "./dom.js";
import { ask } from "./feed.js";
import { LOCALE, t } from "./wording.js";
import { ROLE_WORDS } from "./words.js";

const TITLES = {
  trunk: t("Trunk"), role: t("Said by"), lang: t("Language"), month: t("Month"), day: t("Day"), rule: t("Failed rule"),
  score: t("Score"), emotion: t("Emotion"), event: t("Audio event"),
};
const BANDS = { "below 50": t("below 50"), "50 to 80": t("50 to 80"), "80 and above": t("80 and above") };
const SHOWN = 6;
const month = new Intl.DateTimeFormat(LOCALE, { month: "long", year: "numeric", timeZone: "UTC" });
const day = new Intl.DateTimeFormat(LOCALE, { weekday: "short", day: "numeric", month: "short", timeZone: "UTC" });
const languages = new Intl.DisplayNames([LOCALE], { type: "language", fallback: "code" });

/** Asks for the facets of a search, apart from its hits, and shows them. `asked`: the search as the address has it. */
export async function showFacets(asked) {
  const query = new URLSearchParams([...asked].filter(([name]) => !["order", "limit"].includes(name)));
  byId("facets").ariaBusy = "true";
  const told = await ask(`/api/v1/search/facets?${query}`).catch(() => null);
  byId("facets").ariaBusy = "false";
  byId("facets-part").hidden = !told?.of;
  if (!told?.of) return;
  byId("facets-of").textContent = told.more
    ? t("Counted are the newest {count} utterances.", { count: told.of.toLocaleString(LOCALE) })
    : t("Counted are all utterances that were found.");
  byId("facets").replaceChildren(...told.facets.filter(({ name }) => TITLES[name]).map((facet) => facetOf(facet, asked)));
}

function facetOf({ name, values }, asked) {
  const rows = values.map((value) => element("li", {}, linkTo(name, value, asked)));
  const [first, rest] = [rows.slice(0, SHOWN), rows.slice(SHOWN)];
  const more = rest.length
    ? element("details", {}, element("summary", { textContent: t("{count} more", { count: rest.length }) }), element("ul", {}, ...rest))
    : null;
  return element("section", { className: "facet", data: { facet: name } }, element("h3", { textContent: TITLES[name] }), element("ul", {}, ...first), more);
}

/** Pressed again, a value that the search has already is left out. */
function linkTo(name, { label, number, narrow }, asked) {
  const names = [...new Set(narrow.map(([each]) => each))];
  const has = names.every((each) => same(asked.getAll(each), narrow.filter(([other]) => other === each).map(([, value]) => value)));
  const next = new URLSearchParams([...asked].filter(([each]) => !names.includes(each)));
  if (!has) for (const [each, value] of narrow) next.append(each, value);
  const words = wordsOf(name, label);
  return element(
    "a", {
      className: "facet-value", href: `/search?${next}`,
      attributes: has ? { "aria-current": "true", "aria-label": t("Without {name}: {value}", { name: TITLES[name], value: words }) } : {},
    },
    element("span", { className: "facet-label", textContent: has ? `× ${words}` : words, title: words }),
    element("span", { className: "facet-number", textContent: number.toLocaleString(LOCALE) }),
  );
}

const same = (one, other) => one.length === other.length && one.every((value, index) => value === other[index]);

function wordsOf(name, label) {
  if (name === "role") return ROLE_WORDS[label] || label;
  if (name === "month") return month.format(new Date(`${label}-01T00:00:00Z`));
  if (name === "day") return day.format(new Date(`${label}T00:00:00Z`));
  if (name === "score") return BANDS[label] ?? label;
  if (name === "lang") return nameOf(label);
  return label;
}

function nameOf(code) {
  try {
    return languages.of(code);
  } catch {
    return code;
  }
}
