import * as pulumi from "@pulumi/pulumi";
import { AppSecrets } from "secrets-pipeline/components";

// The store admits the namespaces that the platform's stack names.
const config = new pulumi.Config();
const secrets = new AppSecrets("reports", {
  namespace: config.require("namespace"),
  secretName: "reports-credentials",
  storeName: config.get("storeName") ?? "doppler-secret-store",
  keys: { "database-url": "REPORTS_DATABASE_URL", "smtp-password": "SMTP_PASSWORD" },
});

/** What a container's `envFrom` takes. */
export const envFrom = secrets.reference.envFrom;
