import { badRequest, couldNotFind, noAccess, notPermitted, readOnly } from "./errors.js";
import type { Config, Environment, Project, ProjectMember, ServiceAccount, State } from "./state.js";
import type { Actor } from "./tokens.js";

/**
 * What is asked of a project or config: its contents (`read`), changes to secrets and branch configs (`write`),
 * or changes to environments, members, service tokens and the project itself (`manage`).
 */
export type Need = "read" | "write" | "manage";

const RANK: Readonly<Record<Need, number>> = { read: 1, write: 2, manage: 3 };

/** A config with its environment and its project. */
export interface ConfigPlace {
  project: Project;
  environment: Environment;
  config: Config;
}

/** Looks up objects for one actor. What the actor may not see is refused in Doppler's words. */
export class Access {
  constructor(
    readonly state: State,
    readonly actor: Actor,
  ) {}

  /** The projects that the token sees at all. */
  visibleProjects(): Project[] {
    const { actor } = this;
    switch (actor.kind) {
      case "personal":
        return this.state.projects;
      case "service":
        return [actor.project];
      case "service_account":
        return this.state.projects.filter((project) => accountRank(actor.account, project) > 0);
    }
  }

  /**
   * A project by name.
   *
   * A token that sees no project at all is told 404; one that sees any is told that it has no access,
   * whether the project exists or not.
   */
  project(name: string | undefined, need: Need): Project {
    const { actor } = this;
    if (actor.kind === "service") throw notPermitted();
    if (name === undefined || name === "") throw badRequest("You must specify a project");
    const visible = this.visibleProjects();
    const project = visible.find((candidate) => candidate.name === name);
    if (project === undefined) {
      throw visible.length === 0 ? couldNotFind("project", name) : noAccess("project", name);
    }
    if (actor.kind === "service_account" && accountRank(actor.account, project) < RANK[need]) throw notPermitted();
    return project;
  }

  environment(
    projectName: string | undefined,
    slug: string | undefined,
    need: Need,
  ): { project: Project; environment: Environment } {
    const project = this.project(projectName, need);
    if (slug === undefined || slug === "") throw badRequest("You must specify an environment");
    const environment = this.environments(project).find((candidate) => candidate.slug === slug);
    if (environment === undefined) throw couldNotFind("environment", slug);
    return { project, environment };
  }

  /** The environments of a project that the token sees. */
  environments(project: Project): Environment[] {
    const { actor } = this;
    if (actor.kind !== "service_account" || accountIsAdmin(actor.account)) return project.environments;
    const only = membership(actor.account, project)?.environments ?? null;
    return project.environments.filter((environment) => only === null || only.includes(environment.slug));
  }

  /**
   * A config by project and name. A service token may leave both out; what it does name must be its own.
   */
  config(projectName: string | undefined, configName: string | undefined, need: Need): ConfigPlace {
    const { actor } = this;
    if (actor.kind === "service") {
      const { project, environment, config } = actor;
      if (projectName !== undefined && projectName !== "" && projectName !== project.name) {
        throw noAccess("project", projectName);
      }
      if (configName !== undefined && configName !== "" && configName !== config.name) {
        throw noAccess("config", configName);
      }
      if (need === "manage") throw notPermitted();
      if (need === "write" && actor.token.access === "read") throw readOnly();
      return { project, environment, config };
    }
    const project = this.project(projectName, need);
    if (configName === undefined || configName === "") throw badRequest("You must specify a config");
    for (const environment of this.environments(project)) {
      const config = environment.configs.find((candidate) => candidate.name === configName);
      if (config !== undefined) return { project, environment, config };
    }
    throw couldNotFind("config", configName);
  }

  /** A config to be renamed or deleted itself: never within a service token's reach. */
  branchConfig(projectName: string | undefined, configName: string | undefined): ConfigPlace {
    return this.config(projectName, configName, this.actor.kind === "service" ? "manage" : "write");
  }

  /** For what concerns the whole workplace: its settings and its service accounts. */
  requireWorkplaceAdmin(): void {
    const { actor } = this;
    if (actor.kind === "personal") return;
    if (actor.kind === "service_account" && accountIsAdmin(actor.account)) return;
    throw notPermitted();
  }

  requireProjectCreation(): void {
    const { actor } = this;
    if (actor.kind === "personal") return;
    if (actor.kind === "service_account" && accountMayCreateProjects(actor.account)) return;
    throw notPermitted();
  }

  /** Restricted values are for tokens of machines, not of users. */
  get seesRestricted(): boolean {
    return this.actor.kind !== "personal";
  }
}

function accountIsAdmin({ role }: ServiceAccount): boolean {
  return "identifier" in role
    ? role.identifier === "owner" || role.identifier === "admin"
    : role.permissions.includes("all_enclave_projects");
}

function accountMayCreateProjects(account: ServiceAccount): boolean {
  const { role } = account;
  if (accountIsAdmin(account)) return true;
  return "identifier" in role
    ? role.identifier === "collaborator"
    : role.permissions.includes("create_enclave_project");
}

/** A service account without any workplace permission sees nothing, its project memberships notwithstanding. */
function accountIsShutOut({ role }: ServiceAccount): boolean {
  return "identifier" in role ? role.identifier === "no_access" : role.permissions.length === 0;
}

function membership(account: ServiceAccount, project: Project): ProjectMember | undefined {
  return project.members.find((member) => member.slug === account.slug);
}

function accountRank(account: ServiceAccount, project: Project): number {
  if (accountIsAdmin(account)) return RANK.manage;
  if (accountIsShutOut(account)) return 0;
  switch (membership(account, project)?.role) {
    case "admin":
      return RANK.manage;
    case "collaborator":
      return RANK.write;
    case "viewer":
      return RANK.read;
    default:
      return 0;
  }
}
