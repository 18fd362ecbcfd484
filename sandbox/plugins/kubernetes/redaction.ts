import {
  InitializationError,
  isObject,
  type PropertyMap,
  type PropertyValue,
  Secret,
} from "../../providers/base/index.js";

/** Shorter values occur in any text by chance. */
const SHORTEST = 4;

/** The strings that are secret in properties, plain and as base64 on either side, longest first. */
export function secretTexts(properties: PropertyMap): string[] {
  const texts = new Set<string>();
  const visit = (value: PropertyValue, isSecret: boolean): void => {
    if (value instanceof Secret) {
      visit(value.value, true);
    } else if (Array.isArray(value)) {
      value.forEach((item) => visit(item, isSecret));
    } else if (isObject(value)) {
      Object.values(value).forEach((item) => visit(item, isSecret));
    } else if (isSecret && typeof value === "string") {
      for (const form of [value, Buffer.from(value).toString("base64"), Buffer.from(value, "base64").toString()]) {
        if (form.length >= SHORTEST && !form.includes("\ufffd")) {
          texts.add(form);
        }
      }
    }
  };
  visit(properties, false);
  return [...texts].sort((left, right) => right.length - left.length);
}

/** Runs an operation; values that are secret in `properties` are blotted out of any error text it ends with. */
export async function redacting<Result>(properties: PropertyMap, run: () => Promise<Result>): Promise<Result> {
  try {
    return await run();
  } catch (error) {
    throw redacted(error, secretTexts(properties));
  }
}

function redacted(error: unknown, texts: readonly string[]): unknown {
  const blot = (text: string): string => texts.reduce((result, value) => result.replaceAll(value, "[secret]"), text);
  if (error instanceof InitializationError) {
    return new InitializationError(error.id, error.properties, error.reasons.map(blot), error.inputs);
  }
  if (error instanceof Error && error.constructor === Error) {
    return new Error(blot(error.message));
  }
  return error instanceof Error ? Object.assign(error, { message: blot(error.message) }) : error;
}
