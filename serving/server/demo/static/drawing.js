// Takes down what is drawn on a canvas, with mouse, pen or finger.
import { PEN, trace } from "./strokes.js";

const MAIN_BUTTON = 0;

export class Drawing {
  strokes = [];
  #canvas;
  #changed;
  #pointer = null;
  #frame = 0;

  /** `changed` is told the strokes at most once a frame. */
  constructor(canvas, changed) {
    this.#canvas = canvas;
    this.#changed = changed;
    canvas.addEventListener("pointerdown", (event) => this.#begin(event));
    canvas.addEventListener("pointermove", (event) => this.#go(event));
    for (const end of ["pointerup", "pointercancel", "lostpointercapture"]) {
      canvas.addEventListener(end, (event) => this.#end(event));
    }
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => this.#show());
  }

  clear() {
    this.strokes = [];
    this.#pointer = null;
    this.#soon();
  }

  #begin(event) {
    if (this.#pointer !== null || event.button !== MAIN_BUTTON) {
      return;
    }
    event.preventDefault();
    this.#pointer = event.pointerId;
    this.#canvas.setPointerCapture(event.pointerId);
    this.strokes.push([this.#place(event)]);
    this.#soon();
  }

  #go(event) {
    if (event.pointerId === this.#pointer) {
      const passed = event.getCoalescedEvents?.() ?? [];
      this.strokes.at(-1).push(...(passed.length ? passed : [event]).map((each) => this.#place(each)));
      this.#soon();
    }
  }

  #end(event) {
    if (event.pointerId === this.#pointer) {
      this.#pointer = null;
    }
  }

  #place(event) {
    const { left, top, width, height } = this.#canvas.getBoundingClientRect();
    return [(event.clientX - left) / width, (event.clientY - top) / height];
  }

  #soon() {
    this.#frame ||= requestAnimationFrame(() => {
      this.#frame = 0;
      this.#show();
      this.#changed(this.strokes);
    });
  }

  #show() {
    const context = this.#canvas.getContext("2d");
    const { width, height } = this.#canvas;
    context.clearRect(0, 0, width, height);
    context.strokeStyle = getComputedStyle(this.#canvas).color;
    trace(context, this.strokes, width, PEN);
  }
}
