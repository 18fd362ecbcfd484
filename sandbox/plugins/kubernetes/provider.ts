import {
  type CheckRequest,
  type CheckResult,
  type ConfigureRequest,
  type CreateRequest,
  type CreateResult,
  type DeleteRequest,
  type DiffRequest,
  type DiffResult,
  type InvokeRequest,
  type InvokeResult,
  type Provider,
  type ReadRequest,
  type ReadResult,
  type ResourceRequest,
  type UpdateRequest,
  type PropertyMap,
} from "../../providers/base/index.js";
import type { HelmRunner } from "./helm-cli.js";
import { type Log, SILENT } from "./log.js";
import { ObjectResources } from "./object-resources.js";
import { redacting } from "./redaction.js";
import { RELEASE_TYPE, ReleaseResources } from "./release-resources.js";
import { checkSettings, diffSettings, loadSettings } from "./settings.js";

/** What all resource types have in common. */
type Resources = Pick<Required<Provider>, "check" | "diff" | "create" | "read" | "update" | "delete">;

/** What a provider may be given in place of its own. */
export interface ProviderOptions {
  log?: Log;
  /** Waits between tries of a create whose namespace or kind is not there yet, in milliseconds. */
  retryDelays?: readonly number[];
  runHelm?: HelmRunner;
}

/**
 * Stands in for the released Kubernetes provider: any object by server-side apply, Helm releases by the Helm CLI.
 * What it does not implement it refuses.
 */
export class KubernetesProvider implements Provider {
  private configured: { objects: Resources; releases: Resources; unreachable: string | undefined } | undefined;

  constructor(private readonly options: ProviderOptions = {}) {}

  checkConfig(request: CheckRequest): Promise<CheckResult> {
    return Promise.resolve({ inputs: request.news, failures: checkSettings(request.news) });
  }

  diffConfig(request: DiffRequest): Promise<DiffResult> {
    // The engine's old inputs are the ones to compare; a provider has no state of its own.
    const olds = Object.keys(request.oldInputs).length > 0 ? request.oldInputs : request.olds;
    return Promise.resolve(diffSettings(olds, request.news));
  }

  async configure(request: ConfigureRequest): Promise<void> {
    const { log = SILENT, retryDelays, runHelm } = this.options;
    const settings = await loadSettings(request.args, request.signal);
    this.configured = {
      objects: new ObjectResources(settings, log, retryDelays),
      releases: new ReleaseResources(settings, log, runHelm),
      unreachable: settings.unreachable,
    };
  }

  invoke(request: InvokeRequest): Promise<InvokeResult> {
    throw new Error(
      `the function ${request.token} is not implemented by this stand-in for the Kubernetes plugin; ` +
        "use resources, or kubernetes.helm.v3.Release for a chart",
    );
  }

  check(request: CheckRequest): Promise<CheckResult> {
    return redacting(request.news, () => this.resources(request).check(request));
  }

  diff(request: DiffRequest): Promise<DiffResult> {
    return redacting(request.news, () => this.resources(request).diff(request));
  }

  create(request: CreateRequest): Promise<CreateResult> {
    return redacting(request.inputs, () => this.resources(request).create(request));
  }

  read(request: ReadRequest): Promise<ReadResult | undefined> {
    return redacting(request.inputs, () => this.resources(request, true).read(request));
  }

  update(request: UpdateRequest): Promise<PropertyMap> {
    return redacting(request.news, () => this.resources(request).update(request));
  }

  delete(request: DeleteRequest): Promise<void> {
    return redacting(request.oldInputs, () => this.resources(request).delete(request));
  }

  private resources({ type }: ResourceRequest, isRead = false): Resources {
    if (this.configured === undefined) {
      throw new Error("the Kubernetes provider is not configured");
    }
    const { objects, releases, unreachable } = this.configured;
    if (type !== RELEASE_TYPE) {
      if (
        !/^kubernetes:[^/:]+\/[^/:]+:[^/:]+$/.test(type) ||
        /^kubernetes:(helm\.sh|yaml|kustomize|apiextensions\.k8s\.io\/v1:CustomResource$)/.test(type)
      ) {
        throw new Error(`the resource type ${type} is not implemented by this stand-in for the Kubernetes plugin`);
      }
      return objects;
    }
    // Whether a read may go without its cluster is decided in one place for all types.
    return isRead && unreachable !== undefined ? objects : releases;
  }
}
