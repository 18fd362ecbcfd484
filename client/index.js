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
      checked.apply(({ env, secretName }) => {
        // The types forbid it, and a program without them must not get a pod without the variable.
        if (!keys.includes(key)) {
          throw new UndeliveredSecretsError(`app "${app}": key "${key}" is not among the keys that are asked for`);
        }
        // The outputs have no entry for a key that comes by a pattern or from a JSON object.
        const entry = env[key] ?? { name: variableName(key), valueFrom: { secretKeyRef: { name: secretName, key } } };
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

  const { patterns = [], spread = [], doppler: own = doppler, from = {} } = found;
  const unlisted = keys.filter((key) => !found.keys.includes(key));
  const brought = unlisted.filter((key) => spread.length > 0 || patterns.some((pattern) => matches(pattern, key)));
  const unknown = unlisted.filter((key) => !brought.includes(key));
  const missing = [];
  if (unknown.length > 0) {
    const [it, value, name] = unknown.length === 1 ? ["it", "its value", "name"] : ["them", "their values", "names"];
    missing.push(
      `app "${app}" of stack "${stack}" has no ${unknown.length === 1 ? "key" : "keys"} ${list(unknown)}. Its keys: ${list([...found.keys, ...patterns])}.`,
      `  Have ${it} added: type ${value} in Doppler, project "${own.project}", config "${own.config}"; then add the ${name} under the app's "keys" in ${file}; "pulumi up" there makes ${it} known.`,
    );
  }

  const pending = Object.keys(found.pending);
  const untyped = [];
  if (pending.length > 0) {
    const [values, it] = pending.length === 1 ? ["value", "it"] : ["values", "them"];
    const commands = Object.entries(found.pending).flatMap(([key, names]) => {
      const { project, config } = from[key] ?? own;
      const at = `--project ${project} --config ${config}`;
      return names.map((name) =>
        name.endsWith("*")
          ? `  doppler secrets set NAME ${at}, with a first NAME that ${name} stands for`
          : `  doppler secrets set ${name} ${at}`,
      );
    });
    untyped.push(
      `app "${app}" of stack "${stack}" waits for the ${values} of ${list(pending)}: nobody had typed ${it} when that stack was last brought up, and the Secret is not made, or stays as it was, until all its keys have one.`,
      ...new Set(commands),
      `  Then, or if that has been done since: "pulumi up" of stack "${stack}" makes it known.`,
    );
  }

  if (missing.length > 0 || (untyped.length > 0 && !acceptPending)) {
    throw new UndeliveredSecretsError([...missing, ...untyped].join("\n"));
  }
  if (untyped.length > 0) void pulumi.log.warn(untyped.join("\n"));
  if (brought.length > 0) {
    const source = list([...patterns, ...spread.map((name) => `the JSON object in ${name}`)]);
    void pulumi.log.info(
      `app "${app}" of stack "${stack}" has ${list(brought)} by ${source}, as far as Doppler has it. This check can't tell whether it does.`,
    );
  }
  return found;
}

/** @type {(pattern: string, key: string) => boolean} */
const matches = (pattern, key) => /^[A-Z_][A-Z0-9_]*$/.test(key) && key.startsWith(pattern.slice(0, -1));

/** @type {(key: string) => string} */
const variableName = (key) =>
  /^[_a-zA-Z][_a-zA-Z0-9]*$/.test(key)
    ? key
    : key
        .toUpperCase()
        .replace(/[^_A-Z0-9]/g, "_")
        .replace(/^(?=[0-9])/, "_");

/** @type {(names: readonly string[]) => string} */
const list = (names) => (names.length === 0 ? "none" : [...names].sort().join(", "));

module.exports = { appSecrets, deliveredApp, UndeliveredSecretsError };
