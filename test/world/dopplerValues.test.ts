import * as pulumi from "@pulumi/pulumi";
import type { StackConfig } from "../../src/settings";
import { DopplerClient } from "../../src/world/doppler";
import { readTypedValues } from "../../src/world/dopplerValues";
import { valueOf } from "../support/mocks";
import { answerOf, type Services } from "../support/services";

const QUICK = { total: 0, first: 1, longest: 1 };
const SECRETS = [
  { secretName: "USER", dopplerName: "CI_USER" },
  { secretName: "TOKEN", dopplerName: "CI_TOKEN" },
  { secretName: "TOKEN_AGAIN", dopplerName: "CI_TOKEN" },
];
const stack = (secrets?: typeof SECRETS) =>
  ({
    doppler: { project: { name: "acme" }, config: "dev" },
    githubActions: secrets && { secrets },
  }) as unknown as StackConfig;

const requests: string[] = [];
afterEach(() => jest.restoreAllMocks());

function read(services: Services, secrets?: typeof SECRETS) {
  requests.length = 0;
  jest.spyOn(globalThis, "fetch").mockImplementation((url) => {
    const { pathname, search } = new URL(url);
    requests.push(`${pathname}${search}`);
    const { status, body } = answerOf(services, url as string);
    return Promise.resolve(new Response(JSON.stringify(body), { status }));
  });
  return readTypedValues(stack(secrets), new DopplerClient("https://api.doppler.com", "dp.pt.test", QUICK));
}

const NAMES_READ = "/v3/configs/config/secrets/names?project=acme&config=dev";

it("values are secrets from the first touch, and only those that are wanted are read, each once", async () => {
  const { names, values } = await read({ doppler: { CI_USER: "user", CI_TOKEN: "token", OTHER: "other" } }, SECRETS);
  expect([...(names ?? [])].sort()).toEqual([
    "CI_TOKEN",
    "CI_USER",
    "DOPPLER_CONFIG",
    "DOPPLER_ENVIRONMENT",
    "DOPPLER_PROJECT",
    "OTHER",
  ]);
  expect([...values.keys()]).toEqual(["CI_USER", "CI_TOKEN"]);
  for (const [name, value] of values) {
    if (!pulumi.Output.isInstance(value)) throw new Error(`${name} is ${String(value)}`);
    expect(await pulumi.isSecret(value)).toBe(true);
    expect(await valueOf(value)).toBe({ CI_USER: "user", CI_TOKEN: "token" }[name]);
  }
  expect(requests).toEqual([
    NAMES_READ,
    "/v3/configs/config/secrets?project=acme&config=dev&secrets=CI_USER%2CCI_TOKEN",
  ]);
});

it("an empty value, a restricted one and an absent one are told apart", async () => {
  const { values } = await read({ doppler: { CI_USER: "", CI_TOKEN: null } }, SECRETS);
  expect([...values]).toEqual([
    ["CI_USER", "empty"],
    ["CI_TOKEN", "restricted"],
  ]);
  const { names, values: none } = await read({ doppler: { OTHER: "other" } }, SECRETS);
  expect([names?.has("CI_USER"), [...none]]).toEqual([false, []]);
  expect(requests).toEqual([NAMES_READ]);
});

it("no value is read where none is wanted", async () => {
  await read({ doppler: { CI_USER: "user" } });
  expect(requests).toEqual([NAMES_READ]);
});

it("values that this token may not read are no error, names are one, and neither is a config that is not there", async () => {
  const doppler = { CI_USER: "user", CI_TOKEN: "token" };
  const { values } = await read({ doppler, dopplerRefuses: { values: 403 } }, SECRETS);
  expect([...values.values()]).toEqual(["refused", "refused"]);
  await expect(read({ doppler, dopplerRefuses: { values: 401 } }, SECRETS)).rejects.toThrow("(HTTP 401)");
  await expect(read({ doppler, dopplerRefuses: { names: 403 } }, SECRETS)).rejects.toThrow("(HTTP 403)");
  expect(await read({}, SECRETS)).toEqual({ names: undefined, values: new Map() });
});

it("an answer of another form is an error that quotes no value", async () => {
  const answers = [{ names: ["CI_TOKEN"] }, { secrets: { CI_TOKEN: { computed: ["a-value"], raw: "a-value" } } }];
  jest
    .spyOn(globalThis, "fetch")
    .mockImplementation(() => Promise.resolve(new Response(JSON.stringify(answers.shift()))));
  const error = await readTypedValues(stack(SECRETS), new DopplerClient("https://api.doppler.com", "dp.pt.test", QUICK))
    .then(String)
    .catch((reason: Error) => `${reason.message} ${reason.stack}`);
  expect(error).toContain("Doppler's answer to a read of values is not of the documented form.");
  expect(error).not.toContain("a-value");
});
