// What the page needs of TensorFlow.js: to run, keep and find again models of the layers that `tfjs_layers` exports.
import "@tensorflow/tfjs-core/dist/base_side_effects";
import "@tensorflow/tfjs-backend-cpu/dist/base";
import "@tensorflow/tfjs-backend-cpu/dist/register_all_kernels";
import "@tensorflow/tfjs-layers/dist/layers/convolutional";
import "@tensorflow/tfjs-layers/dist/layers/convolutional_depthwise";
import "@tensorflow/tfjs-layers/dist/layers/core";
import "@tensorflow/tfjs-layers/dist/layers/merge";
import "@tensorflow/tfjs-layers/dist/layers/normalization";
import "@tensorflow/tfjs-layers/dist/layers/padding";
import "@tensorflow/tfjs-layers/dist/layers/pooling";

export { io, ready, tensor, tidy } from "@tensorflow/tfjs-core/dist/base";
export { loadLayersModel } from "@tensorflow/tfjs-layers/dist/exports";
