// The desk as a frame of another site: what happens is told to that site's page, if it is one of those in the settings.

const PENDING = 200;
const TOLD = { "call.started": "call-started", "call.ended": "call-ended", "utterance.final": "final", "assist.card": "card" };

export class Embedding {
  /** origins: of the pages that may know, as "https://crm.example.com". */
  constructor(origins) {
    this.origins = origins;
    this.framed = window.parent !== window;
    this.origin = "";
    this.pending = [];
    if (this.framed) document.documentElement.dataset.framed = "true";
    if (this.framed && origins.length) addEventListener("message", (event) => this.#hear(event));
  }

  /** Tells the page around that this one listens; it answers with a message, which names its origin. */
  greet() {
    if (!this.framed) return;
    for (const origin of this.#likely()) window.parent.postMessage({ type: "callscribe:ready" }, origin);
  }

  /** Passes an event of a call on. */
  tell(event, call) {
    const name = TOLD[event.type];
    if (!this.framed || !this.origins.length || !name) return;
    const message = { type: `callscribe:${name}`, detail: { ...event, call: described(call) } };
    if (this.origin) window.parent.postMessage(message, this.origin);
    else if (this.pending.push(message) > PENDING) this.pending.shift();
  }

  #hear({ source, origin, data }) {
    if (source !== window.parent || data?.type !== "callscribe:hello" || !this.origins.includes(origin)) return;
    this.origin = origin;
    window.parent.postMessage({ type: "callscribe:welcome" }, origin);
    for (const message of this.pending.splice(0)) window.parent.postMessage(message, origin);
  }

  /** The page around, where the browser tells which it is: a message to another origin would only be a complaint. */
  #likely() {
    const told = location.ancestorOrigins?.[0] ?? (document.referrer && new URL(document.referrer).origin);
    return this.origins.includes(told) ? [told] : [];
  }
}

function described({ id, trunk, started_at, caller, callee, channels, outside_ids }) {
  const ids = Object.fromEntries(outside_ids.map(({ kind, value }) => [kind, value]));
  return { id, trunk, started_at, caller, callee, channels, outside_ids: ids };
}
