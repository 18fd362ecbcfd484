/** @type {import("jest").Config} */
export default {
  testEnvironment: "node",
  roots: ["<rootDir>/test"],
  // Types are checked by `npm run types`.
  transform: { "^.+\\.ts$": ["ts-jest", { diagnostics: false }] },
  // Whole programs run under mocks; on a busy machine that takes more than the usual five seconds.
  testTimeout: 60_000,
  reporters: ["default", "<rootDir>/test/closingLine.mjs"],
};
