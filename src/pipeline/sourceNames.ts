import type * as pulumi from "@pulumi/pulumi";
import { MAIN_SOURCE, type SourceConfig } from "../settings";

// The names of a source's resources in the state. They are part of the URNs, so they may not change.

/** The name of a source's DopplerProject. */
export function projectResource(source: string): string {
  return source === MAIN_SOURCE ? "doppler" : `doppler-${source}`;
}

/** The source that a resource of a DopplerProject belongs to, by the resource's name. */
export function sourceIn(resource: string | undefined): string | undefined {
  const [, source, child] = /^doppler(?:-(.+))?-(project|environment|config|token)$/.exec(resource ?? "") ?? [];
  return child === undefined ? undefined : (source ?? MAIN_SOURCE);
}

/** The name of a source's DopplerSecretStore. */
export function storeResource(source: string): string {
  return source === MAIN_SOURCE ? "doppler-store" : `doppler-store-${source}`;
}

/** The name of a source's DopplerMirror. */
export function mirrorResource(source: string): string {
  return source === MAIN_SOURCE ? "doppler-mirror" : `doppler-mirror-${source}`;
}

/** The name of a source in an ExternalSecret's templates, in which `-` is no part of a name. */
export function nameInTemplates(source: string): string {
  return source.replaceAll("-", "_");
}

/** The option by which the resources of a source that was renamed stay as they are. */
export function renamed(
  { renamedFrom }: SourceConfig,
  resource: (source: string) => string,
): Pick<pulumi.ComponentResourceOptions, "aliases"> {
  return renamedFrom === undefined ? {} : { aliases: [{ name: resource(renamedFrom) }] };
}
