"use strict";
// Plain JavaScript, with its types in index.d.ts: a package that is installed from a folder or from git has no build.

const pulumi = require("@pulumi/pulumi");

class UndeliveredSecretsError extends pulumi.RunError {}

/** @type {typeof import("./index").appSecrets} */
function appSecrets(pipeline, app, keys, options) {
  /** @type {pulumi.Output<Partial<import("./index").PipelineOutputs> & { stack: string }>} */
  const outputs = pulumi.output({
    stack: pipeline.name,
    apps: pipeline.getOutput("apps"),
    doppler: pipeline.getOutput("doppler"),
  });
  const checked = outputs.apply(({ stack, ...known }) => deliveredApp(stack, known, app, keys, options));
  return {
    secretName: checked.secretName,
    namespace: checked.namespace,
    envFrom: checked.envFrom,
    workloadAnnotations: checked.workloadAnnotations,
    env: (key, variable) =>
      checked.apply(({ env }) => {
        const entry = env[key];
        // The types forbid it, and a program without them must not get a pod without the variable.
        if (entry === undefined || !keys.includes(key)) {
          throw new UndeliveredSecretsError(`app "${app}": key "${key}" is not among the keys that are asked for`);
        }
        return { ...entry, name: variable ?? entry.name };
      }),
  };
}

/** @type {typeof import("./index").deliveredApp} */
function deliveredApp(stack, { apps, doppler }, app, keys, { acceptPending = false } = {}) {
  if (apps === undefined || doppler === undefined) {
    throw new UndeliveredSecretsError(
      `stack "${stack}" has no outputs of a secrets pipeline: has "pulumi up" run there, and is it the right stack?`,
    );
  }
  const file = `the pipeline's Pulumi.${stack.split("/").at(-1)}.yaml`;
  const found = Object.hasOwn(apps, app) ? apps[app] : undefined;
  if (found === undefined) {
    throw new UndeliveredSecretsError(
      [
        `stack "${stack}" has no app "${app}". Its apps: ${list(Object.keys(apps))}.`,
        `  Have it added under "apps" in ${file}; "pulumi up" there makes it known.`,
      ].join("\n"),
    );
  }

  const unknown = keys.filter((key) => !found.keys.includes(key));
  const missing = [];
  if (unknown.length > 0) {
    const [it, value, name] = unknown.length === 1 ? ["it", "its value", "name"] : ["them", "their values", "names"];
    missing.push(
      `app "${app}" of stack "${stack}" has no ${unknown.length === 1 ? "key" : "keys"} ${list(unknown)}. Its keys: ${list(found.keys)}.`,
      `  Have ${it} added: type ${value} in Doppler, project "${doppler.project}", config "${doppler.config}"; then add the ${name} under the app's "keys" in ${file}; "pulumi up" there makes ${it} known.`,
    );
  }

  const pending = Object.keys(found.pending);
  const untyped = [];
  if (pending.length > 0) {
    const [values, it] = pending.length === 1 ? ["value", "it"] : ["values", "them"];
    untyped.push(
      `app "${app}" of stack "${stack}" waits for the ${values} of ${list(pending)}: nobody had typed ${it} when that stack was last brought up, and the Secret is not made, or stays as it was, until all its keys have one.`,
      ...[...new Set(Object.values(found.pending).flat())].map(
        (name) => `  doppler secrets set ${name} --project ${doppler.project} --config ${doppler.config}`,
      ),
      `  Then, or if that has been done since: "pulumi up" of stack "${stack}" makes it known.`,
    );
  }

  if (missing.length > 0 || (untyped.length > 0 && !acceptPending)) {
    throw new UndeliveredSecretsError([...missing, ...untyped].join("\n"));
  }
  if (untyped.length > 0) void pulumi.log.warn(untyped.join("\n"));
  return found;
}

/** @type {(names: readonly string[]) => string} */
const list = (names) => (names.length === 0 ? "none" : [...names].sort().join(", "));

module.exports = { appSecrets, deliveredApp, UndeliveredSecretsError };
