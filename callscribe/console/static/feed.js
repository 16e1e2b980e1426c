// Following an event stream of the server and asking its API.

import { t } from "./wording.js";

const EVENT_TYPES = [
  "call.started", "call.updated", "call.corrected", "call.paused", "call.resumed", "utterance.partial", "utterance.final",
  "utterance.revised", "utterance.speakers", "call.ended", "call.processed", "call.erased", "call.noted", "assist.card", "floor.rows",
];
const FIRST_WAIT_MS = 500;
const LONGEST_WAIT_MS = 10000;
const HIDDEN_MS = 30000;

/** The API's answer as JSON. Throws an Error whose message is the sentence that the server gave. */
export async function ask(path, options) {
  let answer;
  try {
    answer = await fetch(path, { headers: { accept: "application/json" }, ...options });
  } catch {
    throw new Error(t("The server does not answer. This page tries again by itself."));
  }
  // What somebody has typed to be saved stays on the page.
  if (answer.status === 401 && !options?.method) signInAgain();
  const body = answer.status === 204 ? null : await answer.json().catch(() => null);
  if (!answer.ok) throw Object.assign(new Error(sentence(answer, body)), { status: answer.status });
  return body;
}

/** What an error says. The API says it in English; sentences that a catalogue has are the reader's. */
function sentence({ status }, body) {
  return body?.detail ? t(body.detail) : t("The server answered {status}.", { status });
}

let isLeaving = false;

/** To the form, and back here after it; only from pages that tell who signed in. Once: who has typed something may stay. */
function signInAgain() {
  if (isLeaving || !document.querySelector(".bar .who")) return;
  isLeaving = true;
  location.assign(`/login?next=${encodeURIComponent(location.pathname + location.search)}`);
}

/** An EventSource does not tell why it was refused. */
async function leaveWhereSignedOut() {
  const answer = await fetch("/api/v1/openapi.json", { method: "HEAD" }).catch(() => null);
  if (answer?.status === 401) signInAgain();
}

/**
 * Follows a stream of events until the server says that it is over.
 *
 * The browser reconnects with Last-Event-ID after a lost connection; after a refusal (which ends an EventSource for
 * good) a new one is opened from the last id. A page that is out of sight lets go of its connection, of which a browser
 * has six for a server, and goes on from the last id when it is seen again. `calls`: onEvent(event), onState(state),
 * onResync() when events were missed and the page must be read anew, onEnd(); `always`: also out of sight. Returns a function that stops it.
 */
export function follow(path, calls, after = "") {
  let source = null;
  let timer = 0;
  let wait = FIRST_WAIT_MS;
  let last = after;
  const watched = new AbortController();

  function open() {
    close();
    source = new EventSource(last ? `${path}?last_event_id=${encodeURIComponent(last)}` : path);
    source.onopen = () => {
      wait = FIRST_WAIT_MS;
      calls.onState("live");
    };
    source.onerror = () => {
      calls.onState(source.readyState === EventSource.CLOSED ? "lost" : "waiting");
      if (source.readyState === EventSource.CLOSED) {
        leaveWhereSignedOut();
        timer = setTimeout(open, wait);
        wait = Math.min(wait * 2, LONGEST_WAIT_MS);
      }
    };
    for (const type of EVENT_TYPES) source.addEventListener(type, receive);
    source.addEventListener("resync", () => {
      stop();
      calls.onResync?.();
    });
    source.addEventListener("end", () => {
      stop();
      calls.onEnd?.();
    });
  }

  function receive(message) {
    last = message.lastEventId || last;
    calls.onEvent(JSON.parse(message.data));
  }

  function close() {
    clearTimeout(timer);
    source?.close();
    source = null;
  }

  function stop() {
    watched.abort();
    close();
  }

  function seen() {
    clearTimeout(timer);
    if (document.visibilityState === "hidden") timer = calls.always ? 0 : setTimeout(close, HIDDEN_MS);
    else if (!source || source.readyState === EventSource.CLOSED) open();
  }

  document.addEventListener("visibilitychange", seen, { signal: watched.signal });
  addEventListener("pagehide", close, { signal: watched.signal });
  addEventListener("pageshow", seen, { signal: watched.signal });
  open();
  return stop;
}
