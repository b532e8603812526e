const DIGITS = "0,1,2,3,4,5,6,7,8,9";

/** How things stand, in a sentence: what is live, or what to do where nothing is. */
export function standing(model, reached) {
  const version = model?.version ?? null;
  if (!reached) {
    const known = version === null ? "" : `; ${model.name} version ${version} was live when it last did`;
    return `The server does not answer${known}.`;
  }
  if (model === null) {
    return "No release is live yet. “slipline run” makes one, and this page takes it up by itself.";
  }
  if (version === null) {
    return `${model.name}: ${model.problem}`;
  }
  const labels = model.labels.join(",");
  const other = model.problem || labels === DIGITS ? "" : ` It was made to tell ${model.labels.join(", ")} apart, not digits.`;
  return `${model.name} version ${version} is live.${other}`;
}
