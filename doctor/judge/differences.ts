// A specification in the cluster beside the one that the stack asked for.

type Tree = Readonly<Record<string, unknown>>;

const isTree = (value: unknown): value is Tree => typeof value === "object" && value !== null && !Array.isArray(value);

/**
 * The paths at which an object differs from what was asked for. What was not asked for is the API server's default, and no
 * difference, but where somebody has put a field there that changes what is read.
 *
 * @param also fields that differ wherever they are and were not asked for
 */
export function differences(asked: unknown, found: unknown, also: readonly string[], path = ""): string[] {
  if (isTree(asked)) {
    if (!isTree(found)) return [path];
    const keys = [...Object.keys(asked), ...Object.keys(found).filter((key) => !(key in asked) && also.includes(key))];
    return keys.flatMap((key) => differences(asked[key], found[key], also, path === "" ? key : `${path}.${key}`));
  }
  if (Array.isArray(asked)) {
    if (!Array.isArray(found) || asked.length !== found.length) return [path];
    return asked.flatMap((item, index) => differences(item, found[index], also, `${path}[${index}]`));
  }
  return asked === found ? [] : [path];
}
