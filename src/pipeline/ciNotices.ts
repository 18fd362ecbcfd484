import * as pulumi from "@pulumi/pulumi";
import { called, type CiSecret, ciSecrets, type CiWorld, drift, isForeign } from "./ciSecrets";
import type { StackConfig } from "../settings";
import { hasValue } from "../world";

/** Why this run has no value for a secret, and what to do. */
interface Lack {
  why: string;
  then: string;
}

/**
 * What a run says of CI's secrets that a preview does not show: which it writes again, which it takes over, and which it
 * can't write and leaves as they are.
 */
export function ciNotices(stack: StackConfig, world: CiWorld): string[] {
  const secrets = ciSecrets(stack, world);
  const notices: string[] = [];
  for (const secret of secrets) {
    const change = hasValue(secret.typed) ? drift(secret) : undefined;
    if (change === undefined) continue;
    notices.push(`${called([secret])} ${change} by somebody else: pulumi up writes Doppler's value again.`);
  }
  const taken = secrets.filter(isForeign);
  if (taken.length > 0) {
    notices.push(
      `Secrets that this stack did not write are taken over: pulumi up writes Doppler's values over them. ${called(taken)}.`,
    );
  }
  const without = secrets.filter(({ typed }) => !hasValue(typed));
  const stale = without.filter(({ known }) => known !== undefined);
  if (stale.length > 0) {
    notices.push(
      [
        "This run has no values for some of CI's secrets. GitHub keeps what was written last, which may be out of date:",
        ...lines(stack, world, stale),
        "A secret is deleted at GitHub only when it is taken out of githubActions.",
      ].join("\n"),
    );
  }
  // A name that Doppler does not have is in the notice of missing values, so this notice leaves the name out.
  const unwritten = without.filter(({ known, typed }) => known === undefined && typed !== undefined);
  if (unwritten.length > 0) {
    notices.push(["Some of CI's secrets can't be written to GitHub:", ...lines(stack, world, unwritten)].join("\n"));
  }
  return notices;
}

/** Warns of all that {@link ciNotices} tells. */
export async function warnOfCiSecrets(stack: StackConfig, world: CiWorld): Promise<void> {
  for (const notice of ciNotices(stack, world)) await pulumi.log.warn(notice);
}

/** One line for each Doppler name: why there is no value, whose secrets that concerns, and what to do. */
function lines(stack: StackConfig, world: CiWorld, secrets: readonly CiSecret[]): string[] {
  const names = [...new Set(secrets.map(({ dopplerName }) => dopplerName))];
  return names.map((name) => {
    const own = secrets.filter(({ dopplerName }) => dopplerName === name);
    const { why, then } = lack(stack, world, name);
    return `  ${name} ${why} (${called(own)}). ${then}`;
  });
}

function lack(
  { doppler: { project, config } }: StackConfig,
  { typed: { names, values } }: CiWorld,
  name: string,
): Lack {
  const place = `--project ${project.name} --config ${config}`;
  const type = `To write it: doppler secrets set ${name} ${place}, then pulumi up.`;
  if (names === undefined) {
    return {
      why: `could not be read: config "${config}" of project "${project.name}" is still to be made, or this token may not see it`,
      then: "The next pulumi up that finds the config writes its value.",
    };
  }
  switch (values.get(name)) {
    case "empty":
      return { why: "is empty in Doppler, and the GitHub provider can't write an empty secret", then: type };
    case "restricted":
      return {
        why: "is restricted in Doppler, which gives its value to no user's token",
        then: "To write it: pulumi up with a service account's token, or make the name masked in Doppler.",
      };
    case "refused":
      return {
        why: "has a value in Doppler, which this token may not read",
        then: "To write it: pulumi up with a token that may.",
      };
    default:
      return { why: `has no value in Doppler, project "${project.name}", config "${config}"`, then: type };
  }
}
