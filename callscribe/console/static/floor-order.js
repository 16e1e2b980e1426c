// Which calls of the floor are shown, and in which order. Pure: nothing here touches the page.

import { t } from "./wording.js";
import { callTitle, partyName } from "./words.js";

/** After so long without speech a call counts as silent: within an utterance people pause, too. */
const SILENT_MS = 3000;

/** One call of the floor: what is known of it (`call`) and how it stands (`row`). */
export class Standing {
  constructor(call, row) {
    this.ended = false;
    this.began = Date.parse(call.started_at);
    this.row = row;
    this.describe(call);
  }

  describe(call) {
    this.call = call;
    this.id = call.id;
    this.title = callTitle(call);
    const parties = [call.caller, call.callee, ...call.channels.map((channel) => channel.party).filter(Boolean)];
    const known = parties.flatMap((party) => [party.name, party.address, partyName(party)]);
    this.words = [...known, call.trunk, call.id, ...call.outside_ids.map((id) => id.value)].join("\n").toLowerCase();
  }

  /** How long it goes on, in milliseconds. */
  length(now) {
    return Math.max(0, (this.endedAt ?? now) - this.began);
  }

  /** For how long nobody has spoken, in milliseconds; 0 while somebody does, and while nothing is kept. */
  silence(now) {
    if (this.ended || this.row.paused) return 0;
    const quiet = this.length(now) - this.row.until_ms;
    return quiet >= SILENT_MS ? quiet : 0;
  }

  /** "agent", "customer", "both" or "nobody". */
  speaks(now) {
    if (this.silence(now) || this.ended || !this.row.speaking.length) return "nobody";
    const sides = new Set(this.row.speaking.map((index) => this.isAgent(index)));
    if (sides.size > 1) return "both";
    return sides.has(true) ? "agent" : "customer";
  }

  isAgent(index) {
    const role = this.call.channels.find((channel) => channel.index === index)?.role ?? "unknown";
    return role === "agent" || (role === "unknown" && index % 2 === 0);
  }

  /** The agent's share of what was said, 0 to 1; null where nobody spoke. */
  get share() {
    const { agent_ms, customer_ms } = this.row;
    return agent_ms + customer_ms ? agent_ms / (agent_ms + customer_ms) : null;
  }

  get alerts() {
    const { critical, warning, info } = this.row.alerts;
    return critical + warning + info;
  }

  get severity() {
    const { critical, warning, info } = this.row.alerts;
    return critical * 1e6 + warning * 1e3 + info;
  }
}

/** Columns by name: label, and what they are ordered by. `down`: the greatest first, when first asked for. */
export const COLUMNS = {
  call: { label: t("Call"), by: (standing) => standing.title.toLowerCase() },
  trunk: { label: t("Trunk"), by: (standing) => standing.call.trunk },
  state: { label: t("Now"), by: (standing, now) => standing.silence(now) + (standing.row.paused ? 1e9 : 0), down: true },
  time: { label: t("Time"), by: (standing) => -standing.began, down: true },
  talk: { label: t("Agent talks"), by: (standing) => standing.share ?? -1, down: true },
  silence: { label: t("Silence"), by: (standing, now) => Math.max(standing.row.silence_ms, standing.silence(now)), down: true },
  alerts: { label: t("Alerts"), by: (standing) => standing.severity, down: true },
  line: { label: t("Last line"), by: (standing) => standing.began + (standing.row.line?.start_ms ?? -1e12), down: true },
};
export const FIRST = "-time";

/** The filters as the address has them. */
export function filtersIn(search) {
  const asked = new URLSearchParams(search);
  const sort = asked.get("sort") ?? FIRST;
  return {
    q: asked.get("q") ?? "", trunk: asked.get("trunk") ?? "", speaks: asked.get("speaks") ?? "", longer: asked.get("longer") ?? "",
    alerts: asked.get("alerts") ? "1" : "", sort: sort.replace(/^-/, "") in COLUMNS ? sort : FIRST, call: asked.get("call") ?? "",
  };
}

/** The address of these filters. */
export function addressOf(filters) {
  const filled = Object.entries(filters).filter(([name, value]) => value && !(name === "sort" && value === FIRST));
  return filled.length ? `/?${new URLSearchParams(filled)}` : "/";
}

export const isFiltered = ({ q, trunk, speaks, longer, alerts }) => Boolean(q.trim() || trunk || speaks || longer || alerts);

/** The calls that the filters let through, in their order; what is equal stands as it began. */
export function ordered(standings, filters, now) {
  const words = filters.q.toLowerCase().split(/\s+/).filter(Boolean);
  const passes = (each) => (!filters.trunk || each.call.trunk === filters.trunk)
    && (!filters.alerts || each.alerts > 0)
    && (!filters.longer || each.length(now) >= filters.longer * 60_000)
    && (!filters.speaks || each.speaks(now) === filters.speaks)
    && words.every((word) => each.words.includes(word) || each.row.line?.text.toLowerCase().includes(word));
  const sign = filters.sort.startsWith("-") ? -1 : 1;
  const { by } = COLUMNS[filters.sort.replace(/^-/, "")];
  return [...standings].filter(passes)
    .map((each) => ({ each, key: by(each, now) }))
    .sort((one, other) => sign * compare(one.key, other.key) || one.each.began - other.each.began || compare(one.each.id, other.each.id))
    .map(({ each }) => each);
}

const compare = (one, other) => (typeof one === "string" ? one.localeCompare(other) : one - other);
