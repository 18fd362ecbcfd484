import type { Store } from "./store.js";

/** What the route modules share. */
export interface Context {
  readonly store: Store;
  /** The server's own address without a trailing slash, as links in answers show it. */
  readonly baseUrl: () => string;
}
