import { type Reading, readingOf } from "./externalSecretReading";
import {
  described,
  list,
  map,
  objectName,
  operatorKind,
  type Properties,
  type StackResource,
  text,
  urnParts,
} from "./stackResources";
import { goTime } from "./goTime";
import { serviceTokenOf } from "./storeToken";

// The pipeline that a stack's resources make, from Doppler's configs to Secrets and to CI's secrets. It is read from the
// resources alone, so it is what the stack asks for, whichever settings and whichever version of the program made it.

/** A Doppler config that is read. */
export interface Source {
  project: string;
  config: string;
  /** The name of the service token that reads it; absent with OIDC. */
  token?: string | undefined;
}

/** An object in a namespace. */
export interface Place {
  namespace: string;
  name: string;
}

/** A ClusterSecretStore. */
export interface PipelineStore {
  name: string;
  /** What it reads: a Doppler config, Secrets of this cluster, or something else. */
  reads: "doppler" | "cluster" | "other";
  /** The Doppler config, where it is known. */
  source?: Source | undefined;
  /** What the store proves itself with. */
  identity?: (Place & { kind: "Secret" | "ServiceAccount"; key?: string | undefined }) | undefined;
  /** The namespace whose Secrets it reads, for a store that reads Secrets of this cluster. */
  namespace?: string | undefined;
  /** The spec as it was asked for. */
  spec: Properties;
}

/** An ExternalSecret and the Secret that it makes. */
export interface PipelineSecret extends Place {
  /** The app, or another entry of the stack that makes Secrets. */
  app: string;
  /** The Secret's name; it is in the same namespace. */
  secretName: string;
  /** Whether the ExternalSecret makes the Secret, rather than adds to it. */
  owned: boolean;
  /** Whether the resources have the ExternalSecret. A run that failed may have left only what it was to be a part of. */
  recorded: boolean;
  reading: Reading;
  /** The spec as it was asked for. */
  spec: Properties;
}

/** A secret that CI reads at GitHub. */
export interface PipelineCiSecret {
  app: "actions" | "dependabot";
  /** The repository; absent for an organisation's secret. */
  repository?: string | undefined;
  environment?: string | undefined;
  visibility?: string | undefined;
  name: string;
  /** The Doppler name that its value comes from; the same name where the stack has not recorded it. */
  dopplerName: string;
  /** When the stack wrote it last, in milliseconds since 1970. */
  writtenAt?: number | undefined;
}

/** What a stack's resources make. */
export interface Pipeline {
  /** Doppler configs that are read, each once. */
  sources: Source[];
  /** The config that CI's values come from. */
  main?: Source | undefined;
  stores: PipelineStore[];
  secrets: PipelineSecret[];
  ci: PipelineCiSecret[];
}

/** The types of resources that are secrets at GitHub. */
const CI_SECRET = /^github:index\/(actions|dependabot)(Environment|Organization)?Secret:/;

/** The pipeline of these resources. */
export function pipelineOf(resources: readonly StackResource[]): Pipeline {
  const ofKind = (kind: string) => resources.filter(({ urn }) => operatorKind(urn) === kind);
  const stores = ofKind("ClusterSecretStore").map((store) => storeOf(store, resources));
  const aggregates = new Set(stores.filter(({ reads }) => reads === "cluster").map(({ name }) => name));
  const secrets = ofKind("ExternalSecret").map((resource): PipelineSecret => {
    const place = objectName(resource);
    const spec = map(described(resource)["spec"]);
    const target = map(spec["target"]);
    return {
      ...place,
      app: ownerOf(resource),
      secretName: text(target["name"]) ?? place.name,
      owned: (text(target["creationPolicy"]) ?? "Owner") === "Owner",
      recorded: true,
      reading: readingOf(spec, aggregates),
      spec,
    };
  });
  secrets.push(...unrecorded(resources));
  const all = [...stores.flatMap(({ source }) => source ?? []), ...tokensOf(resources).map(({ source }) => source)];
  const sources = [...new Map(all.map((source) => [sourceKey(source), source])).values()];
  return { sources, main: mainSource(resources, sources), stores, secrets, ci: ciSecrets(resources) };
}

/** The config that the stack's outputs name: there, CI's values are typed. */
function mainSource(resources: readonly StackResource[], sources: readonly Source[]): Source | undefined {
  const { project, config } = map(stackOutputs(resources)["doppler"]);
  const main = sources.find((source) => source.project === project && source.config === config);
  if (main !== undefined || typeof project !== "string" || typeof config !== "string") return main ?? sources[0];
  return { project, config };
}

/** Tells sources apart. */
export function sourceKey({ project, config }: Pick<Source, "project" | "config">): string {
  return `${project}/${config}`;
}

/** Tells places apart. */
export function placeKey({ namespace, name }: Place): string {
  return `${namespace}/${name}`;
}

/** Tells what stores prove themselves with apart. */
export function identityKey(identity: Place & { kind: string }): string {
  return `${identity.kind} ${placeKey(identity)}`;
}

/** Tells the places of CI's secrets apart. */
export function ciPlaceKey({
  app,
  repository,
  environment,
}: Pick<PipelineCiSecret, "app" | "repository" | "environment">): string {
  return `${app} ${repository ?? ""}/${environment ?? ""}`;
}

/** The Secrets of entries that have no ExternalSecret, as far as the entries' outputs and the stack's tell. */
function unrecorded(resources: readonly StackResource[]): PipelineSecret[] {
  const parents = new Set(resources.filter(({ urn }) => operatorKind(urn) === "ExternalSecret").map((r) => r.parent));
  const store = text(stackOutputs(resources)["store"]);
  return resources.flatMap((resource): PipelineSecret[] => {
    const { type, name: app } = urnParts(resource.urn);
    if (type !== "secrets-pipeline:index:AppSecrets" || parents.has(resource.urn)) return [];
    const reference = map(resource.outputs["reference"]);
    const [namespace, secretName] = [text(reference["namespace"]), text(reference["secretName"])];
    if (namespace === undefined || secretName === undefined) return [];
    const keys = Object.fromEntries(list(reference["keys"]).map((key) => [String(key), []]));
    const reading = { ...readingOf({}, new Set()), stores: store === undefined ? [] : [store], keys, requests: {} };
    return [{ app, namespace, name: secretName, secretName, owned: true, recorded: false, reading, spec: {} }];
  });
}

const stackOutputs = (resources: readonly StackResource[]) =>
  resources.find(({ urn }) => urnParts(urn).type === "pulumi:pulumi:Stack")?.outputs ?? {};

/** The entry of the stack that an ExternalSecret belongs to: its component, or itself where it has none. */
function ownerOf({ urn, parent }: StackResource): string {
  const component = parent === undefined ? undefined : urnParts(parent);
  return component === undefined || component.type === "pulumi:pulumi:Stack" ? urnParts(urn).name : component.name;
}

function storeOf(resource: StackResource, resources: readonly StackResource[]): PipelineStore {
  const spec = map(described(resource)["spec"]);
  const provider = map(spec["provider"]);
  const { name } = objectName(resource);
  if ("doppler" in provider) {
    const doppler = map(provider["doppler"]);
    const auth = map(doppler["auth"]);
    const token = map(map(auth["secretRef"])["dopplerToken"]);
    const account = map(map(auth["oidcConfig"])["serviceAccountRef"]);
    const [project, config] = [text(doppler["project"]), text(doppler["config"])];
    const place = (of: Properties): Place => ({ namespace: text(of["namespace"]) ?? "", name: text(of["name"]) ?? "" });
    return {
      name,
      reads: "doppler",
      spec,
      ...("name" in token
        ? {
            identity: { kind: "Secret", ...place(token), key: text(token["key"]) },
            source: sourceOfToken(resource, place(token), resources),
          }
        : {
            identity: { kind: "ServiceAccount", ...place(account) },
            source: project === undefined || config === undefined ? undefined : { project, config },
          }),
    };
  }
  const kubernetes = map(provider["kubernetes"]);
  if (!("kubernetes" in provider)) return { name, reads: "other", spec };
  const account = map(map(kubernetes["auth"])["serviceAccount"]);
  return {
    name,
    reads: "cluster",
    spec,
    namespace: text(kubernetes["remoteNamespace"]) ?? "default",
    identity: {
      kind: "ServiceAccount",
      namespace: text(account["namespace"]) ?? text(kubernetes["remoteNamespace"]) ?? "default",
      name: text(account["name"]) ?? "",
    },
  };
}

interface KnownToken {
  urn: string;
  parent: string | undefined;
  source: Source & { token: string };
}

function tokensOf(resources: readonly StackResource[]): KnownToken[] {
  return resources
    .filter(({ urn }) => urnParts(urn).type === "doppler:index/serviceToken:ServiceToken")
    .flatMap((resource) => {
      const { name, project, config } = described(resource);
      if (typeof name !== "string" || typeof project !== "string" || typeof config !== "string") return [];
      return [{ urn: resource.urn, parent: resource.parent, source: { project, config, token: name } }];
    });
}

/**
 * The config that a store reads with the token in a Secret. A state says from which token the Secret was made. A preview
 * does not: there the name on the store tells, and among several tokens of that name the components' names.
 */
function sourceOfToken(store: StackResource, place: Place, resources: readonly StackResource[]): Source | undefined {
  const tokens = tokensOf(resources);
  const secret = resources.find(
    (resource) =>
      urnParts(resource.urn).type === "kubernetes:core/v1:Secret" && placeKey(objectName(resource)) === placeKey(place),
  );
  const made = tokens.find(({ urn }) => secret?.dependencies?.includes(urn));
  if (made !== undefined) return made.source;
  const name = serviceTokenOf(described(store));
  const named = tokens.filter(({ source }) => source.token === name);
  const component = store.parent === undefined ? "" : urnParts(store.parent).name;
  const sibling = named.find(({ parent = "" }) => urnParts(parent).name === component.replace(/-store(?=-|$)/, ""));
  return (sibling ?? named[0])?.source;
}

function ciSecrets(resources: readonly StackResource[]): PipelineCiSecret[] {
  const names = map(recorded(resources)["ciNames"]);
  return resources.flatMap((resource): PipelineCiSecret[] => {
    const match = CI_SECRET.exec(urnParts(resource.urn).type);
    const { repository, environment, secretName, visibility } = described(resource);
    const name = text(secretName);
    if (match === null || name === undefined) return [];
    return [
      {
        app: match[1] === "dependabot" ? "dependabot" : "actions",
        repository: text(repository),
        environment: text(environment),
        visibility: text(visibility),
        name,
        dopplerName: text(names[name]) ?? name,
        writtenAt: timeOf(resource.outputs["updatedAt"]),
      },
    ];
  });
}

function timeOf(output: unknown): number | undefined {
  const time = goTime(text(output) ?? "");
  return Number.isNaN(time) ? undefined : time;
}

/** What a stack records of itself for later runs: see components/sharedGuard.ts. */
export function recorded(resources: readonly StackResource[]): Properties {
  const guard = resources.find(({ urn }) => urnParts(urn).type === "secrets-pipeline:index:SharedGuard");
  return guard?.outputs ?? {};
}
