import { type ConfigProblem, problem } from "../problems";
import type { Reading } from "../reading";
import type { ConfigSource } from "../source";
import { githubOwnerOf } from "./access";

// Where CI's secrets go at GitHub: to repositories, to their environments, or to an organisation.

/** What is contradictory in the settings of where CI's secrets go. */
export function ciPlaceProblems({ settings: { githubActions } }: Reading, env: ConfigSource["env"]): ConfigProblem[] {
  if (githubActions === undefined) return [];
  const problems = otherOwner(githubActions.owner, env);
  const add = (setting: string, message: string) => problems.push(problem(["githubActions", setting], message));
  const { organization, repositories, environment, dependabot } = githubActions;
  const selected = organization === undefined || organization.visibility === "selected";
  if (selected && repositories === undefined) {
    add(
      "repositories",
      organization === undefined
        ? "expected a list, got nothing"
        : 'expected a list, got nothing: the repositories that may read the secrets; or organization.visibility "private" or "all"',
    );
  } else if (!selected && repositories !== undefined) {
    add("repositories", 'has no effect, since organization.visibility is not "selected"');
  }
  if (organization !== undefined && githubOwnerOf(githubActions.owner, env) === undefined) {
    add("owner", "expected the organisation; without it, secrets would be the token's user's");
  }
  if (organization !== undefined && environment !== undefined) {
    add("environment", "can't be combined with organization: an organisation's secrets are for no environment");
  }
  // Written to the repository, the secrets would go past the environment's protection rules.
  if (dependabot === true && environment !== undefined) {
    add("dependabot", "can't be combined with environment: GitHub environments have no Dependabot secrets");
  }
  return problems;
}

/** GitHub's provider lets these two variables win over its `owner` argument. */
function otherOwner(owner: string | undefined, env: ConfigSource["env"]): ConfigProblem[] {
  if (owner === undefined) return [];
  return ["GITHUB_OWNER", "GITHUB_ORGANIZATION"].flatMap((variable) => {
    const other = env[variable];
    if (!other || other.toLowerCase() === owner.toLowerCase()) return [];
    const message = `the environment variable ${variable} names another owner and would win over this one: unset it`;
    return [problem(["githubActions", "owner"], message)];
  });
}
