// Files that import each other in a circle can't be read one after the other. An import of types closes a circle, too.

/** @type {import("dependency-cruiser").IConfiguration} */
export default {
  forbidden: [{ name: "no-circle", severity: "error", from: {}, to: { circular: true } }],
  options: {
    doNotFollow: { path: "node_modules" },
    exclude: { path: "(^|/)(dist|bin|\\.run[^/]*)/" },
    tsPreCompilationDeps: true,
    enhancedResolveOptions: { extensions: [".ts", ".mjs", ".js"] },
  },
};
