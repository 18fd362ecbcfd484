import eslint from "@eslint/js";
import { importX, createNodeResolver } from "eslint-plugin-import-x";
import tseslint from "typescript-eslint";

/** What each folder may import of the repository beside itself; packages are not meant. Whatever is not named here is refused. */
const MAY_IMPORT = {
  lib: [],
  "src/settings": ["lib"],
  "src/world": ["lib", "src/settings/index.ts"],
  "src/pipeline": ["lib", "src/settings/index.ts", "src/world/index.ts", "components"],
  components: ["lib"],
  policy: ["lib"],
  prcheck: ["lib"],
  // It asks whom the program asks, with the same clients; what should be it takes from the state alone.
  doctor: ["lib", "src/world/index.ts"],
  client: [],
  // The package secrets-pipeline-sandbox, which is linked in, and exports nothing else.
  e2e: ["sandbox/dist/index.js"],
};

const arrows = Object.entries(MAY_IMPORT).map(([folder, others]) => ({
  target: folder,
  from: ".",
  except: [folder, ...others, "node_modules", `${folder}/node_modules`],
  message: `${folder}/ may import ${["itself", ...others].join(", ")}, and nothing else of this repository.`,
}));

export default tseslint.config(
  { ignores: ["bin/", "dist/", "**/node_modules/", "e2e/dist/", "sandbox/"] },
  eslint.configs.recommended,
  ...tseslint.configs.recommendedTypeChecked,
  { languageOptions: { parserOptions: { projectService: true, tsconfigRootDir: import.meta.dirname } } },
  {
    plugins: { "import-x": importX },
    settings: { "import-x/resolver-next": [createNodeResolver({ extensions: [".ts", ".d.ts", ".js", ".mjs"] })] },
    rules: { "import-x/no-restricted-paths": ["error", { basePath: import.meta.dirname, zones: arrows }] },
  },
  {
    files: ["index.ts", "{lib,src,components,policy,prcheck,doctor,client}/**"],
    rules: { "max-lines": ["error", 300] },
  },
  {
    // node:test's describe/it/test return promises that the runner itself awaits.
    files: ["e2e/**"],
    rules: {
      "@typescript-eslint/no-floating-promises": [
        "error",
        {
          allowForKnownSafeCalls: [
            { from: "package", package: "node:test", name: ["test", "it", "describe", "suite"] },
          ],
        },
      ],
    },
  },
  // With the source in the place of the installed package.
  {
    files: ["examples/typescript/**"],
    languageOptions: { parserOptions: { projectService: false, project: "tsconfig.json" } },
  },
  {
    files: ["**/*.mjs"],
    extends: [tseslint.configs.disableTypeChecked],
    languageOptions: { globals: { console: "readonly", process: "readonly", URL: "readonly" } },
  },
  {
    // What is installed as it is, with types beside it.
    files: ["client/*.js"],
    languageOptions: { sourceType: "commonjs", globals: { require: "readonly", module: "writable" } },
    rules: { "@typescript-eslint/no-require-imports": "off" },
  },
);
