// Puts the page together: what is drawn goes to both engines, and what is live decides which models those are.
import { centred, FIELD } from "./centring.js";
import { Drawing } from "./drawing.js";
import { InPageEngine, NO_RELEASE, ServedEngine } from "./engines.js";
import { inkOf } from "./ink.js";
import { Keeping } from "./keeping.js";
import { LiveModels } from "./live.js";
import * as offline from "./offline.js";
import { Panel } from "./panel.js";
import { standing } from "./standing.js";

const QUIET_MS = 800;
const UNUSABLE = "The live model cannot be run in this page:";

const part = (id) => document.getElementById(id);
const panels = { inPage: new Panel(part("in-page")), served: new Panel(part("served")) };
const live = new LiveModels(takeIn);
const inPage = new InPageEngine(panels.inPage);
const served = new ServedEngine(panels.served, () => live.read());
const keeping = new Keeping(part("keeping"), inPage, showAround);
const worker = offline.prepare();
worker.catch(() => {}); // `makeReadyOffline` says what it was
let speaking = 0;

const drawing = new Drawing(part("pad"), (strokes) => {
  part("hint").hidden = strokes.length > 0;
  const ink = inkOf(strokes);
  const pixels = ink && centred(ink);
  showSeen(pixels);
  inPage.ask(pixels);
  served.ask(pixels);
  clearTimeout(speaking);
  speaking = setTimeout(speak, QUIET_MS); // not at every stroke
});

part("clear").addEventListener("click", () => drawing.clear());
part("take-up").addEventListener("click", async () => {
  try {
    await takeUpLive();
    await showAround();
  } catch (error) {
    part("notice-text").textContent = `${UNUSABLE} ${error.message}`;
  }
});
part("models").addEventListener("change", (event) => {
  history.replaceState(null, "", `?model=${encodeURIComponent(event.target.value)}`);
  takeIn();
});
showSeen(null);
live.read();

/** Takes in what is live now. */
async function takeIn() {
  const wanted = new URLSearchParams(location.search).get("model");
  const chosen = live.models.find(({ name }) => name === wanted) ?? live.models.find(({ problem }) => !problem);
  const model = chosen ?? live.models[0] ?? null;
  part("standing").textContent = standing(model, live.reached);
  showChoice(model);
  served.take(model, live.reached);
  if (inPage.model !== null && model !== null && inPage.model.origin.name !== model.name) {
    inPage.drop();
  }
  if (inPage.model === null) {
    await takeUpSome(model);
  }
  await showAround();
}

/** Runs the live model in the page, or else one that is kept here. */
async function takeUpSome(model) {
  let why = model === null ? NO_RELEASE : model.problem || model.inPageProblem;
  if (model?.digest) {
    try {
      await takeUpLive();
      return;
    } catch (error) {
      why = `${UNUSABLE} ${error.message}`;
    }
  }
  if (live.reached || !(await keeping.useNewest(model?.name ?? null))) {
    panels.inPage.showProblem(why);
  }
}

async function takeUpLive() {
  const { name, version, digest, labels, sizeBytes, files } = served.model;
  await inPage.takeUp(files[0], { name, version, digest, labels, sizeBytes, files });
}

/** Shows what depends on which model runs in the page. */
async function showAround() {
  const [running, model] = [inPage.model?.origin, served.model];
  const isOld = running !== undefined && Boolean(model?.digest) && model.digest !== running.digest;
  part("notice").hidden = !isOld;
  part("notice-text").textContent = isOld
    ? `Version ${model.version} is live now; the page still runs version ${running.version}.`
    : "";
  await keeping.show();
  await makeReadyOffline(running);
}

async function makeReadyOffline(running) {
  if (!live.reached) {
    part("offline").textContent = running
      ? "Page and model come from this browser now, and need no server."
      : "The page comes from this browser now; it kept no model.";
    return;
  }
  try {
    await worker;
    await offline.keepFiles(running?.files ?? []); // one kept here has none, and needs none
    part("offline").textContent = running
      ? "Page and model are stored in this browser: both work without the server from now on."
      : "The page is stored in this browser, and comes up without the server.";
  } catch (error) {
    part("offline").textContent = error.message;
  }
}

function showChoice(model) {
  const [select, names] = [part("models"), live.models.map(({ name }) => name)];
  part("choice").hidden = names.length < 2;
  if (names.join("\n") !== [...select.options].map(({ value }) => value).join("\n")) {
    select.replaceChildren(...names.map((name) => new Option(name, name)));
  }
  select.value = model?.name ?? "";
}

function showSeen(pixels) {
  const context = part("seen").getContext("2d");
  const image = context.createImageData(FIELD, FIELD);
  for (let at = 0; at < FIELD * FIELD; at++) {
    image.data.fill(pixels === null ? 0 : pixels[at], 4 * at, 4 * at + 3);
    image.data[4 * at + 3] = 255;
  }
  context.putImageData(image, 0, 0);
}

function speak() {
  const found = { "In this page": panels.inPage.words, "On the server": panels.served.words };
  part("spoken").textContent = Object.entries(found)
    .filter(([, words]) => words)
    .map(([where, words]) => `${where}: ${words}.`)
    .join(" ");
}
