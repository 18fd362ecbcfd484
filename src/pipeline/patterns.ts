import * as pulumi from "@pulumi/pulumi";
import { matchingNames } from "../../lib/namePattern";
import { patternNotice } from "../../lib/patternNotice";
import type { StackConfig } from "../settings";
import type { TypedNames } from "./values";

/**
 * Which keys come by patterns as things are, one text for each app that has a pattern. The outputs don't have these keys:
 * outputs would then change whenever somebody types a name into Doppler.
 *
 * @param typed the names that have values, or `undefined` while the config does not exist yet
 */
export function patternNotices({ apps, doppler }: Pick<StackConfig, "apps" | "doppler">, typed: TypedNames): string[] {
  return apps.flatMap(({ name, pattern, leaveOut, keep }) => {
    if (pattern === undefined) return [];
    const names = typed && matchingNames(pattern, { leaveOut, keep }, typed);
    return [patternNotice({ app: name, pattern, project: doppler.project.name, config: doppler.config, names })];
  });
}

/** Says which keys come by patterns as things are. */
export async function tellOfPatterns(...args: Parameters<typeof patternNotices>): Promise<void> {
  for (const notice of patternNotices(...args)) await pulumi.log.info(notice);
}
