// The list of calls that ended lately.

import { byId, element, notice } from "./dom.js";
import { ask } from "./feed.js";
import { t } from "./wording.js";
import { callTitle, clock, endNote, fullMoment, moment } from "./words.js";

const AT_ONCE = 12;
const RENEWED_MS = 2000;

export class Recent {
  constructor() {
    this.cursor = null;
    this.renewing = 0;
    byId("recent-more").addEventListener("click", () => this.load(this.cursor));
  }

  /** Reads the newest again, once for all calls that end within a moment. */
  renew() {
    this.renewing ||= setTimeout(() => {
      this.renewing = 0;
      this.load();
    }, RENEWED_MS);
  }

  /** Shows the newest, or those after the cursor below the others. */
  async load(cursor = null) {
    const query = new URLSearchParams({ state: "over", limit: AT_ONCE });
    if (cursor) query.set("cursor", cursor);
    try {
      const page = await ask(`/api/v1/calls?${query}`);
      const rows = page.calls.map(recentRow);
      if (cursor) byId("recent").append(...rows);
      else byId("recent").replaceChildren(...rows);
      this.cursor = page.cursor;
    } catch (problem) {
      notice(problem.message);
    }
    byId("recent").ariaBusy = "false";
    byId("recent-empty").hidden = byId("recent").childElementCount > 0;
    byId("recent-more").hidden = !this.cursor;
  }
}

function recentRow(call) {
  const note = call.failed_jobs ? t("Work failed") : endNote(call);
  return element("li", {}, element(
    "a",
    { className: "recent-row", href: `/calls/${call.id}` },
    element("span", { className: "recent-when", textContent: moment(call.started_at), title: fullMoment(call.started_at) }),
    element("span", { className: "recent-title", textContent: callTitle(call) }),
    element("span", { className: "recent-length", textContent: clock(call.duration_ms ?? 0) }),
    element("span", { className: "recent-count", textContent: said(call.utterances) }),
    element("span", { className: "recent-note", textContent: note, data: { tone: call.failed_jobs ? "bad" : "plain" } }),
  ));
}

function said(count) {
  if (!count) return t("Nothing said");
  return count === 1 ? t("1 utterance") : t("{count} utterances", { count });
}
