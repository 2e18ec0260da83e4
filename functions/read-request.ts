/** Reads the query and the JSON body of a request, both bounded. Used by route.ts. */
import type { HttpRequest } from "@azure/functions";
import { InputError } from "../shared/errors.ts";

/** Largest body that is read, in bytes; the largest valid request is a tenth of it. */
export const MAX_BODY_BYTES = 64 * 1024;
/** The query by name. @throws InputError INVALID_REQUEST for a name given twice: which one counts would be a guess */
export function readQuery(query: URLSearchParams): Record<string, string> {
  const names = [...query.keys()];
  if (new Set(names).size !== names.length) {
    throw new InputError("INVALID_REQUEST", "A query parameter is given twice. Give each once.");
  }
  return Object.fromEntries(query);
}

/**
 * @param isOptional nothing at all is read as `{}`
 * @throws InputError INVALID_REQUEST BODY_TOO_LARGE, which repeat nothing of what was sent
 */
export async function readJson(request: HttpRequest, isOptional = false): Promise<unknown> {
  const announced = Number(request.headers.get("content-length") ?? 0);
  if (announced > MAX_BODY_BYTES) throw tooLarge();
  const isJson = /^application\/json\s*(;|$)/i.test(request.headers.get("content-type") ?? "");
  if (!isJson && !isOptional) throw notJson();
  const bytes = await request.arrayBuffer();
  if (bytes.byteLength > MAX_BODY_BYTES) throw tooLarge();
  if (isOptional && bytes.byteLength === 0) return {};
  if (!isJson) throw notJson();
  try {
    return JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes), refuseProto);
  } catch (error) {
    if (error instanceof InputError) throw error;
    // The parser's own message repeats the text, which may hold a secret.
    throw new InputError("INVALID_REQUEST", "The body is not valid JSON in UTF-8.");
  }
}

/** The schema library leaves a member of this name out of a record instead of judging it. */
function refuseProto(name: string, value: unknown): unknown {
  if (name === "__proto__") {
    throw new InputError("INVALID_REQUEST", "The body has a member named __proto__. Give it another name.");
  }
  return value;
}

function notJson(): InputError {
  return new InputError("INVALID_REQUEST", "Send the body as JSON with the header Content-Type: application/json.");
}

function tooLarge(): InputError {
  return new InputError("BODY_TOO_LARGE", `The body is larger than ${MAX_BODY_BYTES} bytes. Send less.`);
}
