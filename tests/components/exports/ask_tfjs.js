// Asks a TensorFlow.js model in Node: node ask_tfjs.js NODE_MODULES KIND MODEL_FOLDER IMAGES SHAPE ANSWERS
const fs = require("fs");
const path = require("path");

const [modules, kind, folder, images, shape, answers] = process.argv.slice(2);
const tf = require(path.join(modules, "@tensorflow", "tfjs"));

async function load() {
  const json = JSON.parse(fs.readFileSync(path.join(folder, "model.json")));
  const [group] = json.weightsManifest;
  const files = Buffer.concat(group.paths.map((name) => fs.readFileSync(path.join(folder, name))));
  return { ...json, weightSpecs: group.weights, weightData: new Uint8Array(files).buffer };
}

async function main() {
  const content = fs.readFileSync(images);
  const input = tf.tensor(new Float32Array(new Uint8Array(content).buffer), JSON.parse(shape));
  const model = await (kind === "graph" ? tf.loadGraphModel({ load }) : tf.loadLayersModel({ load }));
  const given = kind === "graph" ? model.execute({ images: input }) : model.predict(input);
  fs.writeFileSync(answers, Buffer.from((await given.data()).buffer));
}

main();
