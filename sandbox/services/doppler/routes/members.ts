import type { FastifyInstance } from "fastify";
import type { Api, Call } from "../api.js";
import { badRequest, couldNotFind, notFound } from "../errors.js";
import { PROJECT_ROLES, type Project, type ProjectMember } from "../state.js";

const BASE = "/v3/projects/project/members";

type MemberPath = { Params: { type: string; slug: string } };

const memberBody = ({ slug, role, environments }: ProjectMember) => ({
  type: "service_account",
  slug,
  role: { identifier: role },
  access_all_environments: environments === null,
  environments,
});

/** Project members. Only service accounts: there are no groups or other users in this workplace. */
export function memberRoutes(app: FastifyInstance, api: Api): void {
  const projectOf = ({ access, input }: Call) => access.project(input.optional("project"), "manage");

  app.get(BASE, (request) =>
    api.read(request, (call) => {
      const { page, items } = call.input.page(projectOf(call).members);
      return { page, members: items.map(memberBody), success: true };
    }),
  );

  app.post(BASE, (request) =>
    api.write(request, (call) => {
      const project = projectOf(call);
      const slug = call.input.required("slug");
      requireServiceAccount(call.input.required("type"));
      if (!call.state.serviceAccounts.some((account) => account.slug === slug)) {
        throw couldNotFind("service account", slug);
      }
      if (project.members.some((member) => member.slug === slug)) {
        throw badRequest("This service account is already a member of this project");
      }
      const member: ProjectMember = {
        slug,
        role: call.input.choice("role", PROJECT_ROLES, "viewer"),
        environments: environmentsOf(call, project) ?? null,
      };
      project.members.push(member);
      return { member: memberBody(member), success: true };
    }),
  );

  const one = `${BASE}/member/:type/:slug`;
  app.get<MemberPath>(one, (request) =>
    api.read(request, (call) => ({
      member: memberBody(find(projectOf(call), request.params)),
      success: true,
    })),
  );

  app.patch<MemberPath>(one, (request) =>
    api.write(request, (call) => {
      const project = projectOf(call);
      const member = find(project, request.params);
      member.role = call.input.choice("role", PROJECT_ROLES, member.role);
      member.environments = environmentsOf(call, project) ?? member.environments;
      return { member: memberBody(member), success: true };
    }),
  );

  app.delete<MemberPath>(one, (request) =>
    api.write(request, (call) => {
      const project = projectOf(call);
      const member = find(project, request.params);
      project.members = project.members.filter((candidate) => candidate !== member);
      return { success: true };
    }),
  );
}

function requireServiceAccount(type: string): void {
  if (type !== "service_account") throw badRequest("'type' must be service_account");
}

function find(project: Project, { type, slug }: MemberPath["Params"]): ProjectMember {
  requireServiceAccount(type);
  const member = project.members.find((candidate) => candidate.slug === slug);
  if (member === undefined) throw notFound("Could not find requested project member");
  return member;
}

function environmentsOf({ input }: Call, project: Project): string[] | undefined {
  const slugs = input.stringList("environments");
  for (const slug of slugs ?? []) {
    if (!project.environments.some((environment) => environment.slug === slug)) throw couldNotFind("environment", slug);
  }
  return slugs;
}
