// One engine's answer: the likeliest class, a bar for each, how long it took, and who answered.

const PERCENT = new Intl.NumberFormat("en", { style: "percent", minimumFractionDigits: 1, maximumFractionDigits: 1 });

export class Panel {
  #section;
  #rows = [];
  #labels = [];
  /** The likeliest class and its probability, in words; empty while there is none. */
  words = "";

  constructor(section) {
    this.#section = section;
    this.by = section.appendChild(made("p", "by quiet"));
    this.by.append(made("span"), made("span"));
    const verdict = section.appendChild(made("div", "verdict"));
    const best = verdict.appendChild(made("p", "best"));
    this.digit = best.appendChild(made("span", "digit"));
    this.share = best.appendChild(made("span", "sure"));
    this.problem = verdict.appendChild(made("p", "problem"));
    this.list = section.appendChild(made("ol", "bars"));
    this.list.setAttribute("aria-label", "Probabilities");
    this.took = section.appendChild(made("p", "took quiet"));
    this.setLabels([..."0123456789"]);
    this.showNothing();
  }

  setLabels(labels) {
    if (labels.join("\n") === this.#labels.join("\n")) {
      return;
    }
    this.#labels = labels;
    this.#rows = labels.map((label) => {
      const row = made("li");
      row.append(made("span", "label", label), made("span", "track"), made("span", "share"));
      row.children[1].append(made("span", "bar"));
      return row;
    });
    this.list.replaceChildren(...this.#rows);
  }

  /** What answers, and which version of the model. */
  setBy(engine, version) {
    [this.by.children[0].textContent, this.by.children[1].textContent] = [engine, version];
  }

  showNothing() {
    this.#show(new Array(this.#labels.length).fill(0), "", "");
  }

  /** Throws, in words, where these are no probabilities of the classes. */
  showAnswer(probabilities, milliseconds) {
    if (probabilities.length !== this.#labels.length || !probabilities.every(Number.isFinite)) {
      throw new Error(`The model's answer is no ${this.#labels.length} probabilities.`);
    }
    const best = probabilities.indexOf(Math.max(...probabilities));
    this.#show(probabilities, this.#labels[best], PERCENT.format(probabilities[best]));
    this.#rows[best].classList.add("likeliest");
    this.took.textContent = `${milliseconds < 10 ? milliseconds.toFixed(1) : Math.round(milliseconds)} ms`;
  }

  showProblem(text) {
    this.showNothing();
    this.problem.textContent = text;
    this.#section.classList.add("failed");
  }

  #show(probabilities, label, share) {
    this.#section.classList.remove("failed");
    this.words = label && `${label} with ${share}`;
    this.digit.textContent = label;
    this.share.textContent = share;
    this.problem.textContent = this.took.textContent = "";
    this.#rows.forEach((row, at) => {
      row.classList.remove("likeliest");
      row.querySelector(".bar").style.transform = `scaleX(${probabilities[at]})`;
      row.querySelector(".share").textContent = label ? PERCENT.format(probabilities[at]) : "";
    });
  }
}

function made(tag, classes = "", text = "") {
  const element = document.createElement(tag);
  element.className = classes;
  element.textContent = text;
  return element;
}
