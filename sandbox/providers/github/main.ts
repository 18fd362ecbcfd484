import { serve } from "../base/index.js";
import { GithubProvider } from "./provider.js";

await serve({ name: "github", version: "6.15.0", provider: new GithubProvider() });
