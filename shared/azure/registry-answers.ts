/** What answers of registries have in common: codes of refusals, links to next pages. Used by registry-calls.ts and acr-*.ts. */
import type { createRestError, PathUncheckedResponse } from "@azure-rest/core-client";
import { z } from "zod";
import { brokenList } from "./arm-list.ts";

const NEXT = /^<([^<>]+)>; *rel="?next"?$/;
/** A code of the service: the first of its errors tells it. */
const errorsSchema = z.object({ errors: z.tuple([z.object({ code: z.string() })], z.unknown()) });

/** The code of a refusal; null for what is no refusal of a registry. */
export function codeOf(body: unknown): string | null {
  const [first] = errorsSchema.safeParse(body).data?.errors ?? [];
  return first?.code ?? null;
}

/** A refusal as an error of the SDK, with the registry's code. @param create the SDK's own */
export function refusalOf(create: typeof createRestError, response: PathUncheckedResponse) {
  const error = create(response);
  const code = codeOf(response.body);
  if (code !== null) error.code = code;
  return error;
}

/**
 * URL of the next page of a list; null after the last. The list is the one that was asked for, whatever the link says of
 * it: of the link only the query is taken.
 * @param path of the list, as it was asked for
 * @throws BrokenAnswerError for a link to anywhere else
 */
export function nextPage(link: string | undefined, origin: string, path: string): string | null {
  if (link === undefined || link === "") return null;
  const [, target] = NEXT.exec(link) ?? [];
  const url = target !== undefined && URL.canParse(target, origin) ? new URL(target, origin) : null;
  const isNext =
    url !== null &&
    url.origin === origin &&
    plainPath(url.pathname) === plainPath(path) &&
    url.username === "" &&
    url.password === "";
  if (!isNext) throw brokenList();
  return `${origin}${path}${url.search}`;
}

/** Registries write the slashes and colons of names either way; nothing else is the same. */
function plainPath(path: string): string {
  return path.replaceAll(/%2f/gi, "/").replaceAll(/%3a/gi, ":");
}
