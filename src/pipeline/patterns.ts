import * as pulumi from "@pulumi/pulumi";
import { matchingNames } from "../../lib/namePattern";
import { patternNotice } from "../../lib/patternNotice";
import type { StackConfig } from "../settings";
import type { NamesBySource } from "./values";

/**
 * Which keys come by patterns as things are, one text for each app that has a pattern. The outputs don't have these keys:
 * outputs would then change whenever somebody types a name into Doppler.
 *
 * @param typed the names that have values, by source
 */
export function patternNotices(
  { apps, sources }: Pick<StackConfig, "apps" | "sources">,
  typed: NamesBySource,
): string[] {
  return apps.flatMap(({ name, source: own, pattern, leaveOut, keep }) => {
    const source = sources.find((one) => one.name === own);
    if (pattern === undefined || source === undefined) return [];
    const known = typed.get(own);
    const names = known && matchingNames(pattern, { leaveOut, keep }, known);
    return [patternNotice({ app: name, pattern, project: source.project.name, config: source.config, names })];
  });
}

/** Says which keys come by patterns as things are. */
export async function tellOfPatterns(...args: Parameters<typeof patternNotices>): Promise<void> {
  for (const notice of patternNotices(...args)) await pulumi.log.info(notice);
}
