import semver from "semver";
import { answer, type OperatorFacts, type Versions } from "../facts";
import type { Notice } from "./judgement";
import { TESTED } from "../tested";

/** Versions that nobody has tested this program with. */
export function versionNotices({ pulumi, providers }: Versions, operators: readonly OperatorFacts[]): Notice[] {
  const seen = [
    { what: "The Pulumi CLI", version: answer(pulumi), tested: TESTED.pulumi },
    ...operators.map(({ version, namespace, name }) => ({
      what: `The operator (Deployment ${name} in namespace ${namespace})`,
      version,
      tested: TESTED.operator,
    })),
    ...Object.entries(TESTED.providers).map(([name, tested]) => ({
      what: `The last run's provider ${name}`,
      version: providers[name],
      tested,
    })),
  ];
  return seen.flatMap(({ what, version, tested: [oldest, newest] }): Notice[] => {
    const known = semver.parse(version);
    if (known === null || (semver.gte(known, oldest) && semver.lte(known, newest))) return [];
    const tested = oldest === newest ? oldest : `${oldest} to ${newest}`;
    return [{ about: "versions", text: `${what} is ${known.version}; tested is ${tested}.` }];
  });
}
