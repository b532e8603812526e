// The models kept in this browser, as a list, and the button that adds the one in the page.

const MEGABYTES = new Intl.NumberFormat("en", { style: "unit", unit: "megabyte", maximumFractionDigits: 1 });

export class Keeping {
  #button;
  #problem;
  #list;
  #engine;
  #changed;
  #shown = "";

  /** `changed` is called once another model is kept, or runs. */
  constructor(section, engine, changed) {
    [this.#button, this.#problem, this.#list] = ["button", ".problem", "ul"].map((part) => section.querySelector(part));
    [this.#engine, this.#changed] = [engine, changed];
    this.#button.addEventListener("click", () => this.#attempt(({ keep }) => keep(engine.model)));
  }

  /** Runs the newest one kept of that name in the page, or of any name if that is null; whether there was one. */
  async useNewest(name) {
    const found = (await this.#kept()).find((kept) => name === null || kept.name === name);
    try {
      await (found && this.#use(found));
      return found !== undefined;
    } catch (error) {
      this.#problem.textContent = `${found.name} version ${found.version} cannot be used: ${error.message}`;
      return false;
    }
  }

  async show() {
    const [running, kept] = [this.#engine.model?.origin, await this.#kept()];
    const isKept = kept.some(({ digest }) => digest === running?.digest);
    const size = running ? ` (${MEGABYTES.format(running.sizeBytes / 1e6)})` : "";
    this.#button.textContent = isKept ? "This model is kept here" : `Keep this model here${size}`;
    this.#button.disabled = isKept || running === undefined;
    const shown = JSON.stringify([kept, running?.digest]);
    if (shown !== this.#shown) {
      this.#shown = shown; // a button that somebody is about to press stays the same
      this.#list.replaceChildren(...kept.map((each) => this.#row(each, each.digest === running?.digest)));
    }
  }

  async #kept() {
    try {
      const { keptModels } = await import("./kept.js");
      return await keptModels();
    } catch (error) {
      this.#problem.textContent = `This browser keeps no models: ${error.message}`;
      return [];
    }
  }

  #row(kept, isRunning) {
    const row = document.createElement("li");
    const text = document.createElement("span");
    text.textContent = `${kept.name} version ${kept.version}, ${MEGABYTES.format(kept.sizeBytes / 1e6)}`;
    const use = button("Use", `Use ${kept.name} version ${kept.version} in the page`, () => this.#attempt(() => this.#use(kept)));
    use.disabled = isRunning;
    const remove = button("Remove", `Remove ${kept.name} version ${kept.version}`, () =>
      this.#attempt(({ remove }) => remove(kept.key)),
    );
    row.append(text, use, remove);
    return row;
  }

  #use(kept) {
    return this.#engine.takeUp(kept.key, { ...kept, isKept: true });
  }

  async #attempt(act) {
    try {
      await act(await import("./kept.js"));
      this.#problem.textContent = "";
    } catch (error) {
      this.#problem.textContent = `That did not work: ${error.message}`;
    }
    await this.#changed();
  }
}

function button(text, name, pressed) {
  const made = document.createElement("button");
  made.type = "button";
  made.textContent = text;
  made.setAttribute("aria-label", name);
  made.addEventListener("click", pressed);
  return made;
}
