// <callscribe-desk server="https://callscribe.example.com" address="1042"></callscribe-desk> for pages of other sites:
// the desk in a frame, and what happens on its calls as DOM events: call-started, call-ended, final and card, each with
// a `detail`. A plain script without imports, loaded by <script src="…/static/callscribe-desk.js" async></script>.

(() => {
  /** Whose desk it is where `server` does not tell. */
  const HERE = document.currentScript?.src ?? "";
  const GREET_MS = 500;
  const GREETINGS = 120;
  const EVENTS = new Set(["call-started", "call-ended", "final", "card"]);

  class CallscribeDesk extends HTMLElement {
    static observedAttributes = ["server", "address"];

    connectedCallback() {
      this.hear = (event) => this.#hear(event);
      addEventListener("message", this.hear);
      this.#open();
    }

    disconnectedCallback() {
      removeEventListener("message", this.hear);
      clearInterval(this.greeting);
      this.frame?.remove();
      this.frame = null;
    }

    attributeChangedCallback(_, before, now) {
      if (this.isConnected && this.frame && before !== now) this.#open();
    }

    #open() {
      clearInterval(this.greeting);
      this.frame?.remove();
      const server = new URL(this.getAttribute("server") || HERE, location.href);
      if (!/^https?:$/.test(server.protocol)) throw new TypeError("callscribe-desk: server must be an http(s) address");
      this.origin = server.origin;
      const desk = new URL("/desk", server);
      for (const address of (this.getAttribute("address") ?? "").split(",")) {
        if (address.trim()) desk.searchParams.append("address", address.trim());
      }
      this.frame = document.createElement("iframe");
      this.frame.src = desk.href;
      this.frame.title = this.getAttribute("title") || "Callscribe";
      this.frame.allow = "clipboard-write";
      Object.assign(this.frame.style, { border: "0", width: "100%", height: "100%", display: "block" });
      if (!this.style.display) this.style.display = "block";
      // Each page that the frame shows is greeted until it answers: the form of the sign-in, say, does not.
      this.frame.addEventListener("load", () => this.#greet());
      this.append(this.frame);
    }

    #greet() {
      clearInterval(this.greeting);
      let left = GREETINGS;
      this.greeting = setInterval(() => {
        if (left-- <= 0 || !this.frame?.contentWindow) clearInterval(this.greeting);
        else this.#say();
      }, GREET_MS);
      this.#say();
    }

    #say() {
      this.frame?.contentWindow?.postMessage({ type: "callscribe:hello" }, this.origin);
    }

    #hear({ source, origin, data }) {
      if (source !== this.frame?.contentWindow || origin !== this.origin || typeof data?.type !== "string") return;
      const name = data.type.replace("callscribe:", "");
      if (name === "ready") this.#say();
      if (name === "welcome") clearInterval(this.greeting);
      if (EVENTS.has(name)) this.dispatchEvent(new CustomEvent(name, { detail: data.detail, bubbles: true }));
    }
  }

  if (!customElements.get("callscribe-desk")) customElements.define("callscribe-desk", CallscribeDesk);
})();
