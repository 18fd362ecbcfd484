import { it } from "node:test";

/** Steps of one story, which build on each other. */
export interface Story {
  /** A step, which is a test. After a step has failed, the steps after it are skipped. */
  readonly step: (name: string, body: () => Promise<void>) => void;
  /** Whether a step has failed. */
  readonly broken: () => boolean;
}

export function story(): Story {
  let failed: string | undefined;
  return {
    broken: () => failed !== undefined,
    step: (name, body) => {
      it(name, async (t) => {
        if (failed !== undefined) {
          t.skip(`after "${failed}" failed`);
          return;
        }
        const started = Date.now();
        try {
          await body();
        } catch (error) {
          failed = name;
          throw error;
        } finally {
          console.error(`# ${((Date.now() - started) / 1000).toFixed(1)} s: ${name}`);
        }
      });
    },
  };
}
