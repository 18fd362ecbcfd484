import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { it } from "node:test";
import { layout } from "./layout.js";
import { settingsIn } from "./project.js";
import { dopplerNames } from "./values.js";

it("the Doppler names that a stack asks for are found wherever they are", () => {
  assert.deepEqual(
    dopplerNames({
      apps: [
        { keys: ["A", "B"] },
        { keys: { b: "B", c: "C" }, values: { d: "x.NOT {{ .D | urlquery }}:{{ (fromJson .E).NOT }}" } },
      ],
      argocd: {
        admin: { passwordHash: "HASH" },
        repositories: [{ keys: { password: "F" } }],
        repositoryCredentials: [{ keys: { password: "G" }, values: { username: "plain" } }],
      },
      pullSecrets: [{ token: "H" }],
      githubActions: { username: { dopplerName: "I" } },
    }).sort(),
    [..."ABCDEFGHI", "ARGOCD_ADMIN_PASSWORD_MTIME", "DOCKERHUB_TOKEN", "DOCKERHUB_USERNAME", "HASH"].sort(),
  );
});

it("those of the checked-in prod stack are all there", () => {
  const settings = settingsIn(readFileSync(join(layout().program, "Pulumi.prod.yaml"), "utf8"));
  assert.deepEqual(dopplerNames(settings), [
    ...["DATABASE_URL", "JWT_SECRET", "REPORTS_DATABASE_URL", "SMTP_PASSWORD", "PAYMENTS_API_KEY"],
    ...["BILLING_DB_USER", "BILLING_DB_PASSWORD", "BACKUP_SSH_KEY", "ARGOCD_DEPLOYMENTS_TOKEN", "ARGOCD_GITHUB_TOKEN"],
    ...["ARGOCD_ADMIN_PASSWORD_HASH", "ARGOCD_ADMIN_PASSWORD_MTIME"],
    ...["RELEASE_DOCKERHUB_USERNAME", "RELEASE_DOCKERHUB_TOKEN"],
  ]);
});
