import type { Context } from "./context.js";
import type { Account, Repository } from "./state.js";

// What several routes answer with.

/** An account as GitHub shows it inside other objects and on its own. */
export function accountJson(context: Context, account: Account): Record<string, unknown> {
  const api = `${context.baseUrl()}/api/v3`;
  return {
    login: account.login,
    id: account.id,
    node_id: Buffer.from(`${account.type}:${account.id}`).toString("base64"),
    url: `${api}/${account.type === "Organization" ? "orgs" : "users"}/${account.login}`,
    html_url: `${context.baseUrl()}/${account.login}`,
    type: account.type,
    site_admin: false,
  };
}

/** A repository as GitHub shows it, as far as clients of this stand-in read it. */
export function repositoryJson(context: Context, repository: Repository): Record<string, unknown> {
  const owner = context.store.ownerOf(repository);
  const fullName = `${owner.login}/${repository.name}`;
  const base = context.baseUrl();
  const host = new URL(base).host;
  return {
    id: repository.id,
    node_id: Buffer.from(`Repository:${repository.id}`).toString("base64"),
    name: repository.name,
    full_name: fullName,
    owner: accountJson(context, owner),
    private: repository.private,
    visibility: repository.private ? "private" : "public",
    description: repository.description,
    homepage: null,
    fork: false,
    is_template: false,
    archived: false,
    disabled: false,
    language: null,
    license: null,
    topics: [],
    default_branch: "main",
    has_issues: true,
    has_projects: true,
    has_wiki: true,
    has_pages: false,
    has_downloads: true,
    has_discussions: false,
    allow_merge_commit: true,
    allow_squash_merge: true,
    allow_rebase_merge: true,
    allow_auto_merge: false,
    allow_forking: false,
    allow_update_branch: false,
    delete_branch_on_merge: false,
    squash_merge_commit_title: "COMMIT_OR_PR_TITLE",
    squash_merge_commit_message: "COMMIT_MESSAGES",
    merge_commit_title: "MERGE_MESSAGE",
    merge_commit_message: "PR_TITLE",
    url: `${base}/api/v3/repos/${fullName}`,
    html_url: `${base}/${fullName}`,
    clone_url: `${base}/${fullName}.git`,
    git_url: `git://${host}/${fullName}.git`,
    ssh_url: `git@${host}:${fullName}.git`,
    svn_url: `${base}/${fullName}`,
    created_at: repository.createdAt,
    updated_at: repository.updatedAt,
    pushed_at: repository.createdAt,
    permissions: { admin: true, maintain: true, push: true, triage: true, pull: true },
  };
}
