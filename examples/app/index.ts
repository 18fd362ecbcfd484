import * as kubernetes from "@pulumi/kubernetes";
import * as pulumi from "@pulumi/pulumi";
import { appSecrets } from "secrets-pipeline-client";

const config = new pulumi.Config();
const image = config.require("image");
const cluster = new kubernetes.Provider("cluster", { context: config.require("context") });

// What the pods need. A key that the pipeline does not deliver fails this program's preview, and one that is not listed
// here its type check.
const pipeline = new pulumi.StackReference(config.require("pipeline"));
const secrets = appSecrets(pipeline, "bookmarked", ["DATABASE_URL", "JWT_SECRET"]);

const labels = { app: "bookmarked" };
const deployment = new kubernetes.apps.v1.Deployment(
  "bookmarked",
  {
    metadata: {
      name: "bookmarked",
      namespace: secrets.namespace,
      // By which a controller restarts the pods after a change, where the pipeline's stack says so.
      annotations: secrets.workloadAnnotations,
    },
    spec: {
      selector: { matchLabels: labels },
      template: {
        metadata: { labels },
        spec: {
          // The migration needs the database and nothing else.
          initContainers: [
            { name: "migrate", image, args: ["migrate"], env: [secrets.env("DATABASE_URL", "MIGRATION_DATABASE_URL")] },
          ],
          containers: [
            { name: "server", image, envFrom: [secrets.envFrom], env: [{ name: "NODE_ENV", value: "production" }] },
          ],
        },
      },
    },
  },
  { provider: cluster },
);

export const name = deployment.metadata.name;
