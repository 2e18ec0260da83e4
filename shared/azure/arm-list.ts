/** Reads whole lists of ARM: every page or a failure. Used by each arm-*.ts. */
import type { TokenCredential } from "@azure/identity";
import { type ArmResourceId, splitArmId } from "../connectors/arm-id.ts";
import type { BeforePage } from "../connectors/ports.ts";
import { BrokenAnswerError, readable } from "./broken-answers.ts";
import type { armOptions } from "./client-options.ts";
import { failureOf } from "./upstream.ts";

/** What every client of ARM is made of. */
export type ArmSignIn = { readonly credential: TokenCredential; readonly options: ReturnType<typeof armOptions> };

/** What to do when a list is refused. */
export const READER = "Grant the connector's identity the role Reader there.";

/** A listing of an SDK. */
type Paged<T> = { byPage(): AsyncIterable<readonly T[]> };
/** Where the SDK says the next page is; undefined after the last. */
type NextOf = (page: readonly unknown[]) => unknown;
/** The newer SDKs put it onto the page itself. */
const nextOnPage: NextOf = (page) => Reflect.get(page, "continuationToken");

/**
 * Every item of every page, or a failure.
 * @param list starts the listing
 * @param abortSignal ends it between pages too: the pages of some SDKs do not heed it
 * @throws BrokenAnswerError for an answer that the SDK stumbles over and for a next page elsewhere; what the SDK and
 * `beforePage` throw
 */
export function readAll<T>(
  { options }: ArmSignIn,
  list: () => Paged<T>,
  abortSignal: AbortSignal,
  beforePage?: BeforePage,
): Promise<T[]> {
  return readInto([], list, { endpoint: options.endpoint, abortSignal, beforePage, nextOf: nextOnPage });
}

/** As readAll, for what can be listed by resource group: one that is not there has none. */
export async function readResources<T>(
  { options }: ArmSignIn,
  list: () => Paged<T>,
  abortSignal: AbortSignal,
  beforePage?: BeforePage,
  nextOf: NextOf = nextOnPage,
): Promise<T[]> {
  const items: T[] = [];
  try {
    return await readInto(items, list, { endpoint: options.endpoint, abortSignal, beforePage, nextOf });
  } catch (error) {
    // Only a group that is not there is an empty one: half a list must not pass for a whole.
    if (failureOf(error).code !== "ResourceGroupNotFound" || items.length > 0) throw error;
    return [];
  }
}

type Reading = {
  readonly endpoint: string;
  readonly abortSignal: AbortSignal;
  readonly beforePage: BeforePage | undefined;
  readonly nextOf: NextOf;
};

function readInto<T>(items: T[], list: () => Paged<T>, reading: Reading): Promise<T[]> {
  const { endpoint, abortSignal, beforePage, nextOf } = reading;
  const read = async () => {
    beforePage?.();
    for await (const page of list().byPage()) {
      abortSignal.throwIfAborted();
      items.push(...page);
      const next = nextOf(page);
      refuseOtherHosts(next, endpoint);
      if (next) beforePage?.();
    }
    return items;
  };
  return readable(read());
}

/**
 * The SDKs would follow the address of a next page to any host. The client's own options (armOptions) refuse the request
 * as well; here the list is known to be broken before one is made, and no page before it passes for the whole.
 * @param link undefined, null or empty on the last page
 * @throws BrokenAnswerError for one that is not ARM's own
 */
export function refuseOtherHosts(link: unknown, endpoint: string): void {
  if (link === undefined || link === null || link === "") return;
  const url = typeof link === "string" && URL.canParse(link) ? new URL(link) : null;
  if (url === null || url.origin !== endpoint || url.username !== "" || url.password !== "") throw brokenList();
}

/** The parts of an id that ARM gave. @throws BrokenAnswerError for none: what cannot be named cannot be left out either */
export function placeOf(type: string, id: string | undefined): ArmResourceId {
  const place = splitArmId(type, id ?? "");
  if (place === null) throw brokenList();
  return place;
}

/** A list that cannot be read as a whole is as good as an answer from something in between. */
export function brokenList(): BrokenAnswerError {
  return new BrokenAnswerError({ status: 502, headers: new Map() });
}
