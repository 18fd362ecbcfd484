import type { ResourceValidationPolicy, StackValidationPolicy } from "@pulumi/policy";
import { seconds } from "../lib/duration";
import { outputsWithoutValues } from "./outputs";
import { at, isKnown, isMap, list, map, text, texts } from "./properties";

// Each policy is one promise about a stack. No message repeats a value: what is in the wrong place may be a credential,
// and policies get secrets in clear.

const DOPPLER_VALUES = new Set([
  "doppler:index/project:Project",
  "doppler:index/environment:Environment",
  "doppler:index/branchConfig:BranchConfig",
  "doppler:index/config:Config",
]);

/** `ExternalSecret` and its version, for a type such as `kubernetes:external-secrets.io/v1:ExternalSecret`. */
function esoType(type: string): { version: string; kind: string } | undefined {
  const [, version, kind] = /^kubernetes:external-secrets\.io\/(\w+):(\w+?)(?:Patch)?$/.exec(type) ?? [];
  return version === undefined || kind === undefined ? undefined : { version, kind };
}

/** A service token that only reads: whoever takes it from the cluster can't change a value. */
export const readOnlyTokens: ResourceValidationPolicy = {
  name: "doppler-token-read-only",
  description: "Doppler service tokens can read, and nothing else.",
  validateResource: ({ type, props }, report) => {
    if (type !== "doppler:index/serviceToken:ServiceToken") return;
    // Without the property the provider makes a token that reads.
    const access = at(props, "access");
    if (isKnown(access) && access !== undefined && access !== "read") report('expected access "read"');
  },
};

/** Whether a condition of a ClusterSecretStore lets in namespaces by name, by a label or by a part of their name. */
function narrows(condition: unknown): boolean {
  const namespaces = at(condition, "namespaces");
  const regexes = at(condition, "namespaceRegexes");
  const selector = at(condition, "namespaceSelector");
  // A preview may not know them yet; they are there.
  if (!isKnown(namespaces) || !isKnown(regexes) || !isKnown(selector)) return true;
  const labels = Object.keys(map(at(selector, "matchLabels"))).length + list(at(selector, "matchExpressions")).length;
  // An empty selector selects every namespace.
  if (isMap(selector) && labels === 0) return false;
  if (texts(regexes).some(matchesAnything)) return false;
  return list(namespaces).length + list(regexes).length + labels > 0;
}

function matchesAnything(regex: string): boolean {
  try {
    return ["a", "kube-system", "zz-9-nobody"].every((namespace) => new RegExp(regex).test(namespace));
  } catch {
    return true;
  }
}

/** Without conditions every namespace of the cluster can read every value of the config. */
export const storesWithConditions: ResourceValidationPolicy = {
  name: "store-with-conditions",
  description: "A ClusterSecretStore names the namespaces that may use it.",
  validateResource: ({ type, props }, report) => {
    if (esoType(type)?.kind !== "ClusterSecretStore") return;
    const conditions = at(props, "spec", "conditions");
    if (!isKnown(conditions)) return;
    if (list(conditions).length === 0) report("expected spec.conditions with at least one namespace");
    list(conditions).forEach((condition, index) => {
      if (!narrows(condition)) report(`expected spec.conditions[${index}] to name at least one namespace, and not all`);
    });
  },
};

/** ESO's own, where an ExternalSecret has none. */
const DEFAULT_INTERVAL = "1h";

/** Names of the stack's stores that do not read from Doppler: a look into them costs no read there. */
function freeStores(resources: readonly { type: string; props: unknown }[]): Set<string> {
  const stores = resources.filter(({ type }) =>
    ["ClusterSecretStore", "SecretStore"].includes(esoType(type)?.kind ?? ""),
  );
  const free = stores.filter(({ props }) => {
    const provider = at(props, "spec", "provider");
    return isMap(provider) && Object.keys(provider).length > 0 && !("doppler" in provider);
  });
  return new Set(free.map(({ props }) => text(at(props, "metadata", "name"))));
}

/** Whether a spec reads from Doppler: one of the stores that it names is none of the free ones. */
function readsDoppler(spec: unknown, free: ReadonlySet<string>): boolean {
  const entries = [...list(at(spec, "data")), ...list(at(spec, "dataFrom"))];
  const own = at(spec, "secretStoreRef", "name");
  const stores = entries.map((entry) => at(entry, "sourceRef", "storeRef", "name") ?? own);
  // A store whose name is not known yet is looked at by the run that makes it.
  return [own, ...stores].some((store) => isKnown(store) && !free.has(text(store)));
}

/** Polling costs Doppler reads, and too rare a look leaves a revoked credential in use. */
export const refreshInterval: StackValidationPolicy = {
  name: "refresh-interval",
  description: "An ExternalSecret asks often enough, and not more often than Doppler's plan can bear.",
  configSchema: {
    properties: {
      minimum: { type: "string", default: "30s" },
      maximum: { type: "string", default: "24h" },
    },
  },
  validateStack: (args, report) => {
    const { minimum, maximum } = args.getConfig<{ minimum: string; maximum: string }>();
    const free = freeStores(args.resources);
    for (const { type, props, urn } of args.resources) {
      const kind = esoType(type)?.kind;
      const spec =
        kind === "ExternalSecret"
          ? at(props, "spec")
          : kind === "ClusterExternalSecret"
            ? at(props, "spec", "externalSecretSpec")
            : undefined;
      if (!isMap(spec)) continue;
      const policy = at(spec, "refreshPolicy");
      if (policy === "CreatedOnce" || policy === "OnChange") continue;
      const interval = at(spec, "refreshInterval") ?? DEFAULT_INTERVAL;
      if (!isKnown(interval)) continue;
      const length = typeof interval === "string" ? seconds(interval) : undefined;
      const tooShort = length !== undefined && length < (seconds(minimum) ?? 0) && readsDoppler(spec, free);
      if (length === undefined) report("expected spec.refreshInterval to be a duration", urn);
      else if (length === 0) report("expected a spec.refreshInterval: with 0 a changed value never arrives", urn);
      else if (tooShort) report(`expected a spec.refreshInterval of at least ${minimum}`, urn);
      else if (length > (seconds(maximum) ?? Infinity))
        report(`expected a spec.refreshInterval of at most ${maximum}`, urn);
    }
  },
};

/** PushSecrets have no `v1`. */
const STABLE = new Set(["ExternalSecret", "SecretStore", "ClusterSecretStore", "ClusterExternalSecret"]);

/** Operators from 0.17 on serve no other version. */
export const externalSecretsV1: ResourceValidationPolicy = {
  name: "external-secrets-v1",
  description: "Objects of the External Secrets Operator are of external-secrets.io/v1.",
  validateResource: ({ type, props }, report) => {
    const eso = esoType(type);
    const apiVersion = at(props, "apiVersion");
    const other = isKnown(apiVersion) && apiVersion !== undefined && apiVersion !== "external-secrets.io/v1";
    if (eso !== undefined && STABLE.has(eso.kind) && (eso.version !== "v1" || other)) {
      report(`expected apiVersion external-secrets.io/v1 for a ${eso.kind}`);
    }
  },
};

/** For stacks whose policy configuration says so: deleting these deletes the values that people have typed. */
export const protectedValues: ResourceValidationPolicy = {
  name: "doppler-values-protected",
  description: "Where it is asked for, Pulumi refuses to delete what holds values in Doppler.",
  configSchema: { properties: { protect: { type: "boolean", default: false } } },
  validateResource: (args, report) => {
    if (DOPPLER_VALUES.has(args.type) && args.getConfig<{ protect: boolean }>().protect && !args.opts.protect) {
      report('expected it to be protected: set "protect" in the stack\'s configuration');
    }
  },
};

/** The keys of Secrets that stores of the stack authenticate with, by `<namespace>/<name>`. */
function storeCredentials(stores: readonly { props: unknown }[]): Map<string, Set<string>> {
  const used = new Map<string, Set<string>>();
  const visit = (value: unknown) => {
    if (Array.isArray(value)) value.forEach(visit);
    if (!isMap(value)) return;
    const [name, key, namespace] = [at(value, "name"), at(value, "key"), at(value, "namespace")];
    if (typeof name === "string" && typeof key === "string") {
      const id = `${text(namespace)}/${name}`;
      used.set(id, (used.get(id) ?? new Set()).add(key));
    }
    Object.keys(value).forEach((property) => visit(at(value, property)));
  };
  for (const store of stores) visit(at(store.props, "spec", "provider"));
  return used;
}

/** A value in a manifest is a second source of truth, and lies in the state. */
export const noInlineSecrets: StackValidationPolicy = {
  name: "no-inline-secret",
  description: "Secrets come from Doppler: none has data of its own but the one with the store's token.",
  validateStack: ({ resources }, report) => {
    const allowed = storeCredentials(
      resources.filter(({ type }) => ["ClusterSecretStore", "SecretStore"].includes(esoType(type)?.kind ?? "")),
    );
    for (const { type, props, urn } of resources) {
      if (!/^kubernetes:core\/v1:Secret(Patch)?$/.test(type)) continue;
      const contents = ["data", "stringData"].map((property) => at(props, property));
      const name = at(props, "metadata", "name");
      const namespace = at(props, "metadata", "namespace");
      // What can't be known yet is looked at by the run that makes it.
      if (!isKnown(name) || !isKnown(namespace)) continue;
      const keys = allowed.get(`${text(namespace)}/${text(name)}`);
      if (keys === undefined) {
        const inline = contents.some((content) => !isKnown(content) || Object.keys(map(content)).length > 0);
        if (inline) report("expected an ExternalSecret in place of a Secret with data of its own", urn);
        continue;
      }
      const others = contents.flatMap((content) => Object.keys(map(content))).filter((key) => !keys.has(key));
      for (const key of new Set(others))
        report(`expected no key but the store's: "${key}" is no credential of it`, urn);
    }
  },
};

/** All of them. */
export const policies = [
  readOnlyTokens,
  storesWithConditions,
  refreshInterval,
  externalSecretsV1,
  protectedValues,
  noInlineSecrets,
  outputsWithoutValues,
];
