import type { OperatorReason } from "../lib/operatorWords";
import type { Pipeline } from "../lib/pipeline";
import type { Properties } from "../lib/stackResources";

// What was found out about a stack's pipeline at one moment. Nothing is judged here, and nothing is a value of a secret.

/** An answer, or why there is none. */
export type Asked<T> = { known: T } | { unknown: string; because: Silence };

/**
 * Why a question was not answered:
 * - `notAsked`: a credential, a command or another answer was missing
 * - `unreachable`: no answer came
 * - `limited`: a rate limit
 * - `refused`: the credential or its rights
 */
export type Silence = "notAsked" | "unreachable" | "limited" | "refused";

/** The answer, or `undefined` if there is none. */
export function answer<T>(asked: Asked<T> | undefined): T | undefined {
  return asked !== undefined && "known" in asked ? asked.known : undefined;
}

/** Everything that was found out. */
export interface Facts {
  stack: string;
  /** When this was asked, by this machine's clock; like all times here in milliseconds since 1970. */
  at: number;
  /** What the stack asks for, from its state. */
  pipeline: Pipeline;
  /** The operator's Helm release, where this stack owns it. */
  release?: { namespace: string; name: string } | undefined;
  /** The cluster's id as the stack has recorded it. */
  clusterId?: string | undefined;
  doppler: DopplerFacts;
  cluster: ClusterFacts;
  github: GithubFacts;
  versions: Versions;
}

/** What Doppler has of the configs that are read. */
export interface DopplerFacts {
  /** By {@link sourceKey}; null where Doppler shows this token no such config. */
  configs: Record<string, { names: Asked<string[] | null>; tokens: Asked<TokenFacts[]> }>;
  /** Reads of secrets a minute that Doppler allows for one token and for one address. */
  readLimit?: number | undefined;
}

/** A service token as Doppler lists it. */
export interface TokenFacts {
  name: string;
  createdAt?: number | undefined;
  expiresAt?: number | undefined;
  /** Null if no request ever came with it. */
  lastSeenAt?: number | null | undefined;
}

/** What the cluster has. Each record has an entry for whatever the stack asks for; null where it is absent. */
export interface ClusterFacts {
  /** The API server's clock. */
  now?: number | undefined;
  id: Asked<string>;
  /** The kinds of the operator that are served as `v1`; null where the cluster knows none of its versions. */
  served: Asked<{ kinds: string[]; versions: string[] } | null>;
  operators: Asked<OperatorFacts[]>;
  /** The Secrets and ServiceAccounts that stores prove themselves with, by kind and {@link placeKey}. */
  identities: Record<string, Asked<ObjectFacts | null>>;
  stores: Record<string, Asked<OperatedFacts | null>>;
  /** By {@link placeKey}, as the two that follow. */
  externalSecrets: Record<string, Asked<ExternalSecretFacts | null>>;
  secrets: Record<string, Asked<ObjectFacts | null>>;
  /** By namespace: the pods that use one of the Secrets. */
  pods: Record<string, Asked<PodFacts[]>>;
}

/** A Deployment of the operator. */
export interface OperatorFacts {
  namespace: string;
  name: string;
  version?: string | undefined;
  wanted: number;
  available: number;
  /** Why its pods don't run, as the kubelet says: `CrashLoopBackOff`. */
  waiting?: string | undefined;
}

/** An object's metadata. */
export interface ObjectFacts {
  resourceVersion: string;
  createdAt: number;
  /** The object that owns and controls this one. */
  controller?: { kind: string; name: string } | undefined;
  /** A Secret's keys. */
  keys: string[];
  /** Who wrote data into a Secret, and when each did so last. */
  writers: { manager: string; at: number; keys: string[] }[];
}

/** An object that the operator works on. */
export interface OperatedFacts {
  generation: number;
  createdAt: number;
  deleting: boolean;
  spec: Properties;
  /** What the operator says of it; absent while it has said nothing. */
  ready?: { is: boolean; since: number; reason: string } | undefined;
  /** Why the operator is not content, and when it said so last; only asked where it is not. */
  complaint?: { reason: OperatorReason; at: number } | undefined;
}

/** An ExternalSecret. */
export interface ExternalSecretFacts extends OperatedFacts {
  /** When the operator brought the Secret up to date last. */
  refreshedAt?: number | undefined;
  /** The generation of the specification that it was brought up to date with. */
  refreshedGeneration?: number | undefined;
}

/** A pod that runs. */
export interface PodFacts {
  name: string;
  /** What runs it, as `Deployment web`. */
  workload: string;
  /** Secrets that are read when a container starts, and the start of the container that started first. */
  startedWith: Record<string, number>;
  /** Secrets that are mounted as files, which the kubelet keeps up to date. */
  mounted: string[];
}

/** What GitHub lists, by {@link ciPlaceKey}: when each secret was written, by its name in capitals. */
export interface GithubFacts {
  owner?: string | undefined;
  places: Record<string, Asked<Record<string, { updatedAt: number; visibility?: string | undefined }>>>;
}

/** The versions of what is at work. */
export interface Versions {
  /** The CLI that is on PATH. */
  pulumi: Asked<string>;
  /** The provider plugins of the last run, by name. */
  providers: Record<string, string>;
}
