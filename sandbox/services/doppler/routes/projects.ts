import type { FastifyInstance } from "fastify";
import type { Access } from "../access.js";
import type { Api } from "../api.js";
import { badRequest, noAccess } from "../errors.js";
import { checkProjectName } from "../names.js";
import type { Project } from "../state.js";
import { newEnvironment } from "./environments.js";

const DEFAULT_ENVIRONMENTS = [
  { slug: "dev", name: "Development" },
  { slug: "stg", name: "Staging" },
  { slug: "prd", name: "Production" },
];

const projectBody = ({ name, description, createdAt }: Project) => ({
  id: name,
  slug: name,
  name,
  description,
  created_at: createdAt,
});

const duplicate = () => badRequest("Project name already exists in this workplace.");

/** Projects. Their name is id and slug as well, so renaming one changes its id. */
export function projectRoutes(app: FastifyInstance, api: Api): void {
  app.get("/v3/projects", (request) =>
    api.read(request, ({ access, input }) => {
      const { page, items } = input.page(access.visibleProjects());
      return { page, projects: items.map(projectBody), success: true };
    }),
  );

  app.post("/v3/projects", (request) =>
    api.write(request, ({ state, access, input }) => {
      access.requireProjectCreation();
      const name = input.required("name");
      checkProjectName(name);
      if (state.projects.some((project) => project.name === name)) throw duplicate();
      if (state.projects.length >= api.limits.projects) {
        throw badRequest(`The ${api.limits.title} plan is limited to ${api.limits.projects} projects`);
      }
      const project: Project = {
        name,
        description: input.optional("description") ?? "",
        createdAt: api.time(),
        environments: input.boolean("create_default_environments", true)
          ? DEFAULT_ENVIRONMENTS.map(({ slug, name }) => newEnvironment(slug, name, slug === "dev", api.time()))
          : [],
        members: [],
        notes: {},
      };
      const { actor } = access;
      if (actor.kind === "service_account") {
        project.members.push({ slug: actor.account.slug, role: "admin", environments: null });
      }
      state.projects.push(project);
      return { project: projectBody(project), success: true };
    }),
  );

  app.get("/v3/projects/project", (request) =>
    api.read(request, ({ access, input }) => ({
      project: projectBody(access.project(input.optional("project"), "read")),
      success: true,
    })),
  );

  app.post("/v3/projects/project", (request) =>
    api.write(request, ({ state, access, input }) => {
      const project = access.project(input.optional("project"), "manage");
      const name = input.optional("name") ?? project.name;
      checkProjectName(name);
      if (state.projects.some((other) => other !== project && other.name === name)) throw duplicate();
      project.name = name;
      project.description = input.optional("description") ?? project.description;
      return { project: projectBody(project), success: true };
    }),
  );

  app.delete("/v3/projects/project", (request) =>
    api.write(request, ({ state, access, input }) => {
      const project = projectToDelete(access, input.optional("project"));
      state.projects = state.projects.filter((candidate) => candidate !== project);
      return { success: true };
    }),
  );
}

/** Deleting a project that is not there is 400 even for a token that sees no project, unlike reading it. */
function projectToDelete(access: Access, name: string | undefined): Project {
  if (access.actor.kind === "personal" && name !== undefined && name !== "") {
    const project = access.visibleProjects().find((candidate) => candidate.name === name);
    if (project === undefined) throw noAccess("project", name);
  }
  return access.project(name, "manage");
}
