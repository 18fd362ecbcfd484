import { operatorReason } from "../../lib/operatorWords";

// The operator's words as 0.20.4 writes them into events, and where they differ, as later versions do.

const READ = "error processing spec.dataFrom[0].find, err: error getting all secrets: could not get secrets";
const API = "Doppler API Client Error:";

it.each([
  [
    `error processing spec.data[1] (key: SMTP), err: could not get secret SMTP: ${API} secret 'SMTP' not found`,
    "absent",
  ],
  ['template: K:1:3: executing "K" at <.SMTP>: map has no entry for key "SMTP"', "absent"],
  [`could not get secret: ${API} Could not find requested secret: SMTP`, "absent"],
  [`${READ} ${API} Invalid Auth token`, "refused"],
  [`${READ} Doppler API Client Error (HTTP 401): Invalid Service token`, "refused"],
  [`${READ} ${API} This token does not have access to requested project 'acme'`, "noConfig"],
  [`${READ} ${API} Exceeded rate limit of 120 secret read requests within 60 seconds. Retry in 9 seconds`, "limited"],
  [`${READ} ${API} unable to load response\n429 status code; 55 bytes`, "limited"],
  [
    `${READ} ${API} unable to load response\nGet "https://x/v3": dial tcp 1.2.3.4:443: connect: connection refused`,
    "unreachable",
  ],
  [`${READ} ${API} unable to load response\nGet "https://x": context deadline exceeded`, "unreachable"],
  [`${READ} ${API} unable to load response\n503 status code; 12 bytes`, "unreachable"],
  ["error accessing external store: dial tcp: lookup api.doppler.com: no such host", "unreachable"],
  ['using cluster store "s" is not allowed from namespace "n": denied by spec.condition', "notAdmitted"],
  ['could not get ClusterSecretStore "s", ClusterSecretStore.external-secrets.io "s" not found', "storeMissing"],
  ['ClusterSecretStore "s" is not ready', "storeNotReady"],
  ['cannot get Kubernetes secret "t" from namespace "n": secrets "t" not found', "tokenMissing"],
  ['cannot find secret data for key: "dopplerToken"', "tokenMissing"],
  ["secret is owned by another ExternalSecret: rival", "owned"],
  [
    "could not set controller reference on secret: Object a/b is already owned by another ConfigMap controller",
    "owned",
  ],
  ['template: K:1: error calling atoi: strconv.Atoi: parsing "hunter2": invalid syntax', "other"],
])("%s", (words, kind) => {
  const reason = operatorReason(words);
  expect(reason.kind).toBe(kind);
  if (reason.kind === "absent") expect(reason.name).toBe("SMTP");
  expect(JSON.stringify(reason)).not.toContain("hunter2");
});
