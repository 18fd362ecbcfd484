import { readSettings } from "../../src/settings/reading";
import { completed } from "../../src/settings/secretRequest";
import { dopplerNames, parseTemplate } from "../../lib/template";

const only = <T>(list: T[]): T => {
  const [one, ...others] = list;
  if (one === undefined || others.length > 0) throw new Error(`expected one, got ${list.length}`);
  return one;
};

/** The Secrets that settings ask for, each with the setting that asks for it. */
const asked = (values: Record<string, unknown>) =>
  readSettings("dev", values).requests.secrets.map((request) => ({
    path: request.entry,
    secret: completed(request),
  }));

const repository = {
  name: "deploy",
  url: "https://git.acme.example/d.git",
  type: "git",
  keys: { password: "P" },
  values: {},
};

describe("Argo CD's Secrets", () => {
  it("add the admin's password to argocd-secret, which is Argo CD's", () => {
    const admin = { passwordHash: "HASH", passwordMtime: "MTIME" };
    expect(asked({ argocd: { admin } }).map(({ secret }) => secret)).toEqual([
      expect.objectContaining({
        namespace: "argocd",
        secretName: "argocd-secret",
        keys: {},
        values: { "admin.password": "{{ .HASH | trim }}", "admin.passwordMtime": "{{ .MTIME | trim }}" },
        labels: {},
        merge: true,
      }),
    ]);
  });

  it("bear the label by which Argo CD finds them, and the repository's type and URL", () => {
    const token = { ...repository, keys: { password: "TOKEN" }, values: { username: "bot" } };
    const [one, all] = asked({ argocd: { repositories: [token], repositoryCredentials: [token] } });
    expect(one).toMatchObject({
      path: ["argocd", "repositories", 0],
      secret: {
        secretName: "repo-deploy",
        labels: { "argocd.argoproj.io/secret-type": "repository" },
        keys: { password: "TOKEN" },
        values: { type: "git", url: "https://git.acme.example/d.git", username: "bot" },
        merge: false,
      },
    });
    expect(all).toMatchObject({
      path: ["argocd", "repositoryCredentials", 0],
      secret: { secretName: "repo-creds-deploy", labels: { "argocd.argoproj.io/secret-type": "repo-creds" } },
    });
  });
});

describe("a pull Secret", () => {
  const settings = { name: "hub", namespaces: ["a", "b"], registry: "reg.example", username: "U", token: "T" };
  const secretOf = () => only(asked({ pullSecrets: [settings] })).secret;

  it("is the same in each namespace, and of the type that a kubelet reads", () => {
    expect(secretOf()).toMatchObject({
      namespace: "a",
      secretName: "hub",
      type: "kubernetes.io/dockerconfigjson",
      alsoAs: [{ namespace: "b", secretName: "hub" }],
    });
  });

  it("is made of two Doppler names, as JSON", () => {
    const secret = secretOf();
    expect(dopplerNames(secret)).toEqual(["U", "T"]);
    const { text, problems } = parseTemplate(secret.values[".dockerconfigjson"] ?? "");
    expect(problems).toEqual([]);
    expect(JSON.parse(text.replaceAll("{{x}}", '"x"'))).toEqual({
      auths: { "reg.example": { username: "x", password: "x", auth: "x" } },
    });
  });
});
