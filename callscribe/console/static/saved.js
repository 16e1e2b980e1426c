// Saved searches: run, renamed, forgotten.

import { byId, element, notice } from "./dom.js";
import { ask } from "./feed.js";
import { t } from "./wording.js";
import { fullMoment } from "./words.js";

const BY = "callscribe-by";

export class SavedSearches {
  /** query(): the search that is to be saved. */
  constructor(query) {
    this.query = query;
    this.form = byId("save");
    this.form.addEventListener("submit", (event) => this.#save(event));
    // Asked for only where nobody signs in.
    if (this.form.elements.by) this.form.elements.by.value = localStorage.getItem(BY) ?? "";
  }

  async load() {
    try {
      const saved = await ask("/api/v1/searches");
      byId("saved").replaceChildren(...saved.map((search) => this.#row(search)));
      byId("saved-empty").hidden = saved.length > 0;
    } catch (problem) {
      notice(problem.message);
    }
  }

  /** There is a search that can be saved. */
  allow() {
    this.form.querySelector("button").disabled = false;
  }

  focus() {
    this.form.elements.name.focus();
  }

  #row(search) {
    const button = (label, words, press) => {
      const made = element("button", { type: "button", className: "button small", textContent: words, ariaLabel: label });
      made.addEventListener("click", press);
      return made;
    };
    const item = element(
      "li", {},
      element(
        "div", {},
        element("a", { href: `/search?${new URLSearchParams({ q: search.query })}`, textContent: search.name }),
        element("span", {
          className: "saved-note", textContent: search.query,
          title: t("Saved by {name}, {time}", { name: search.by, time: fullMoment(search.saved_at) }),
        }),
      ),
      element(
        "div", { className: "saved-actions" },
        button(t("Rename {name}", { name: search.name }), t("Rename"), () => this.#edit(item, search)),
        button(t("Delete {name}", { name: search.name }), t("Delete"), () => this.#remove(search)),
      ),
    );
    return item;
  }

  #edit(item, search) {
    const input = element("input", { value: search.name, maxLength: 100, required: true, autocomplete: "off", ariaLabel: t("New name of {name}", { name: search.name }) });
    const form = element(
      "form", { className: "rename" }, input, element("button", { className: "button small", textContent: t("Rename") }),
    );
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      this.#rename(search, input.value.trim());
    });
    form.addEventListener("keydown", (event) => event.key === "Escape" && this.load());
    item.replaceChildren(form);
    input.select();
  }

  /** The new one first: nothing is lost where the second step fails. */
  async #rename(search, name) {
    if (!name) return;
    if (name !== search.name) {
      await this.#try(async () => {
        await put(name, search.query, search.by);
        await ask(pathOf(search.name), { method: "DELETE" });
      });
    }
    await this.load();
  }

  async #remove(search) {
    await this.#try(() => ask(pathOf(search.name), { method: "DELETE" }));
    await this.load();
    this.focus();
  }

  async #save(event) {
    event.preventDefault();
    const { name, by } = Object.fromEntries(new FormData(this.form));
    await this.#try(async () => {
      await put(name.trim(), this.query(), by?.trim() ?? this.form.dataset.user);
      if (by) localStorage.setItem(BY, by.trim());
      this.form.elements.name.value = "";
      notice("");
    });
    await this.load();
  }

  async #try(step) {
    try {
      await step();
    } catch (problem) {
      notice(problem.message);
    }
  }
}

const pathOf = (name) => `/api/v1/searches/${encodeURIComponent(name)}`;

function put(name, query, by) {
  return ask(pathOf(name), { method: "PUT", headers: { "content-type": "application/json" }, body: JSON.stringify({ query, by }) });
}
