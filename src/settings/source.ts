import * as pulumi from "@pulumi/pulumi";
import { z } from "zod";
import { readStackFiles, type StackFiles } from "./stackFiles";

/** What a stack's settings are read from; a test gives its own. */
export interface ConfigSource {
  stack: string;
  /** Parsed values of the project's own keys, without its `<project>:` prefix. */
  values: Record<string, unknown>;
  /** Which of them are stored as secrets. */
  secretKeys: ReadonlySet<string>;
  /** Keys of other namespaces in the stack's file, such as `kubernetes:context`. */
  foreignKeys: readonly string[];
  /** The values of those that are not stored as secrets. */
  foreign?: Readonly<Record<string, string>>;
  env: Readonly<Record<string, string | undefined>>;
  /** The settings of the project's stacks, this one's among them or not. */
  siblings: StackFiles;
  /** Why the file of a stack could not be read, by stack. */
  unreadable?: ReadonlyMap<string, string>;
}

/** Settings that are texts, even where the text looks like JSON. */
const TEXTS: ReadonlySet<string> = new Set(["dopplerToken", "githubToken", "kubeconfig", "refreshInterval"]);

/** What `pulumi` handed to this run. */
export function configSource(): ConfigSource {
  const prefix = `${pulumi.getProject()}:`;
  const all = pulumi.runtime.allConfig();
  const own = Object.keys(all).filter((key) => key.startsWith(prefix));
  const config = new pulumi.Config();
  const values: Record<string, unknown> = {};
  for (const key of own.map((k) => k.slice(prefix.length))) {
    values[key] = TEXTS.has(key) ? config.get(key) : structured(config.get(key));
  }
  // The variable belongs to the protocol between the engine and a language runtime: a JSON list of the full names of
  // the settings that are secret.
  const secrets = z.array(z.string()).parse(JSON.parse(process.env["PULUMI_CONFIG_SECRET_KEYS"] ?? "[]"));
  const foreignKeys = Object.keys(all).filter((key) => !key.startsWith(prefix));
  const foreign = foreignKeys.filter((key) => !secrets.includes(key)).map((key) => [key, all[key] ?? ""] as const);
  const files = readStackFiles(pulumi.getRootDirectory(), pulumi.getProject());
  return {
    stack: pulumi.getStack(),
    values,
    secretKeys: new Set(secrets.filter((k) => k.startsWith(prefix)).map((k) => k.slice(prefix.length))),
    foreignKeys,
    foreign: Object.fromEntries(foreign),
    env: process.env,
    siblings: files.stacks,
    unreadable: files.unreadable,
  };
}

/** Pulumi hands maps, lists and booleans over as JSON, and plain texts as they are. */
function structured(text: string | undefined): unknown {
  if (text === undefined) return undefined;
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return text;
  }
}
