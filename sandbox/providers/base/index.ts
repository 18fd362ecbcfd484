export * from "./diff.js";
export * from "./errors.js";
export * from "./provider.js";
export { fromStruct, toStruct } from "./struct.js";
export * from "./values.js";
export * from "./schema.js";
