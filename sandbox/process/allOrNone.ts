/**
 * Waits for all promises, also when one is rejected: whoever then cleans up can rely on nothing being started after it.
 *
 * @throws the first rejection, in the order of the promises
 */
export async function allOrNone<T extends readonly unknown[]>(promises: { [K in keyof T]: Promise<T[K]> }): Promise<T> {
  const settled = await Promise.allSettled(promises as readonly Promise<unknown>[]);
  for (const result of settled) if (result.status === "rejected") throw result.reason;
  return settled.map((result) => (result as PromiseFulfilledResult<unknown>).value) as unknown as T;
}
