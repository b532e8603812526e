/** Answers questions one at a time; of those that come meanwhile only the last is taken up, and it always is. */
export class Latest {
  #work;
  #waiting = [];
  #busy = false;

  /** `work` answers one question and never throws. */
  constructor(work) {
    this.#work = work;
  }

  async ask(question) {
    this.#waiting = [question];
    if (this.#busy) {
      return;
    }
    this.#busy = true;
    while (this.#waiting.length > 0) {
      await this.#work(this.#waiting.pop());
    }
    this.#busy = false;
  }
}
