import { type NamespaceFindings, readNamespaces } from "./clusterNamespaces";
import { type ClusterFindings, readCluster } from "./clusterObjects";
import { DopplerClient } from "./doppler";
import { type DopplerFindings, type LeftInDoppler, readDoppler, readLeft } from "./dopplerFindings";
import { readNames, readTypedValues, type TypedNames, type TypedValues } from "./dopplerValues";
import { type GithubFindings, readGithub } from "./githubSecrets";
import { Cluster } from "./kubectl";
import { plain } from "./plain";
import { MAIN_SOURCE, type StackConfig } from "../settings";
import { readState, type StackState, StateError } from "./state";

export { type ClusterFindings, objectsOf, type StackObject } from "./clusterObjects";
export { type ClusterAnswer, ClusterReader } from "./clusterReader";
export { DopplerClient, type ListedToken } from "./doppler";
export { type DopplerFindings, type LeftInDoppler } from "./dopplerFindings";
export { DopplerError, type Patience } from "./dopplerRequests";
export { hasValue, type TypedNames, type TypedValue, type TypedValues } from "./dopplerValues";
export { GithubError } from "./github";
export {
  connectGithub,
  type GithubAccess,
  type GithubFindings,
  type GithubSecretScope,
  isToBeMade,
  knownSecret,
  listGithubSecrets,
  type ListedSecret,
  scopeKey,
  secretScopes,
} from "./githubSecrets";
export { ClusterError } from "./kubectl";
export { type Outputs, type StackState, StateError } from "./state";

/** What is there before a run, as far as it concerns a stack. Nothing here is compared with the settings yet. */
export interface World {
  /** Doppler's API, for what the provider can't tell. */
  doppler: DopplerClient;
  /** This stack's resources, as its last run left them. */
  state: StackState;
  /** What Doppler has of each source's project, by the source's name. */
  inDoppler: ReadonlyMap<string, DopplerFindings>;
  /** What the stack has made in Doppler and its settings have no more. */
  left: LeftInDoppler[];
  /** What has been typed into the config of the main source, which CI's secrets come from. */
  typed: TypedValues;
  /** The names that the config of each source has, by the source's name. */
  names: ReadonlyMap<string, TypedNames>;
  /** What GitHub has where this stack is to write CI's secrets. */
  inGithub: GithubFindings;
  /** What the cluster has of that which the stack would make. */
  inCluster: ClusterFindings;
  /** Which cluster it is, and which namespaces it has. */
  namespaces: NamespaceFindings;
  /** The state of the stack that installs the operator, where that is another stack and exists. */
  operatorState?: StackState | StateError | undefined;
  /** The states of the stacks that share what this one owns, as far as these stacks exist. */
  userStates: ReadonlyMap<string, StackState | StateError>;
}

/**
 * Reads what is there: in Doppler, at GitHub, in the cluster, in this stack's state and in those of the stacks it shares with.
 *
 * @throws StateError, DopplerError or GithubError if this stack's own state, Doppler or GitHub can't be read; another stack's state or a
 *   cluster that can't be asked is no error here
 */
export async function readWorld(stack: StackConfig): Promise<World> {
  const doppler = new DopplerClient(stack.doppler.host, await plain(stack.doppler.token));
  const { kubeconfig, context } = stack.kubernetes;
  const cluster = new Cluster(kubeconfig && (await plain(kubeconfig)), context);
  const state = await readState(stack.name);
  if (state === undefined) throw new StateError(stack.name, "the backend does not know the stack");
  const { operator } = stack;
  const users = usersOf(stack);
  const ci = async () => {
    const typed = await readTypedValues(stack, doppler);
    return { typed, inGithub: await readGithub(stack, typed, state) };
  };
  const [inDoppler, left, { typed, inGithub }, others, namespaces, inCluster, operatorState, ...states] =
    await Promise.all([
      readDoppler(stack, doppler),
      readLeft(stack, state, doppler),
      ci(),
      readNames(stack, doppler),
      readNamespaces(stack, cluster, state),
      readCluster(stack, cluster, state),
      operator.owned ? undefined : stateOrReason(operator.ownedBy),
      ...users.map(stateOrReason),
    ]);
  const userStates = new Map(
    users.flatMap((name, index) => {
      const read = states[index];
      return read === undefined ? [] : [[name, read] as const];
    }),
  );
  const names = new Map([[MAIN_SOURCE, typed.names], ...others]);
  return { doppler, state, inDoppler, left, typed, names, inGithub, namespaces, inCluster, operatorState, userStates };
}

/** The stacks that use what this one shares: its operator and namespaces, or an environment of Doppler. */
function usersOf({ operator, clusterUsers, sources }: StackConfig): string[] {
  const ofCluster = operator.owned && operator.shared ? clusterUsers : [];
  const ofDoppler = sources.flatMap(({ environment }) => (environment.created ? environment.users : []));
  return [...new Set([...ofCluster, ...ofDoppler])];
}

/** Another stack's state, or why it can't be read. */
async function stateOrReason(stack: string): Promise<StackState | StateError | undefined> {
  try {
    return await readState(stack);
  } catch (error) {
    if (error instanceof StateError) return error;
    throw error;
  }
}
