export { openSecret } from "./sealedBox.js";
export { createServer, type ServerOptions } from "./server.js";
export { readState, type ScopeRef, type State } from "./state.js";
