/** Oldest and newest version that the tests ran with. test/doctor/tested.test.ts compares them with where they come from. */
export const TESTED = {
  /** Pulumi.yaml says the same. */
  pulumi: ["3.229.0", "3.259.0"],
  /** From the first operator that serves `external-secrets.io/v1` alone to the component's default version. */
  operator: ["0.17.0", "2.9.0"],
  /** Up to the SDKs' versions in package.json, which the plugins take from there. */
  providers: {
    doppler: ["0.9.0", "0.9.0"],
    github: ["6.15.0", "6.15.0"],
    kubernetes: ["4.25.0", "4.34.2"],
  },
} as const satisfies Record<string, unknown>;
