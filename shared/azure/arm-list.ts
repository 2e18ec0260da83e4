/** Reads whole lists of ARM: every page or a failure. Used by each arm-*.ts. */
import type { TokenCredential } from "@azure/identity";
import { type ArmResourceId, splitArmId } from "../connectors/arm-id.ts";
import { BrokenAnswerError, readable } from "./broken-answers.ts";
import type { armOptions } from "./client-options.ts";
import { failureOf } from "./upstream.ts";

/** What every client of ARM is made of. */
export type ArmSignIn = { readonly credential: TokenCredential; readonly options: ReturnType<typeof armOptions> };

/** What to do when a list is refused. */
export const READER = "Grant the connector's identity the role Reader there.";

/**
 * Every item of every page, or a failure.
 * @param list starts the listing
 * @param abortSignal ends it between pages too: the pages of some SDKs do not heed it
 * @throws BrokenAnswerError for an answer that the SDK stumbles over, and what the SDK throws
 */
export function readAll<T>(list: () => AsyncIterable<T>, abortSignal: AbortSignal): Promise<T[]> {
  return readInto([], list, abortSignal);
}

/** As readAll, for what can be listed by resource group: one that is not there has none. */
export async function readResources<T>(list: () => AsyncIterable<T>, abortSignal: AbortSignal): Promise<T[]> {
  const items: T[] = [];
  try {
    return await readInto(items, list, abortSignal);
  } catch (error) {
    // Only a group that is not there is an empty one: half a list must not pass for a whole.
    if (failureOf(error).code !== "ResourceGroupNotFound" || items.length > 0) throw error;
    return [];
  }
}

function readInto<T>(items: T[], list: () => AsyncIterable<T>, abortSignal: AbortSignal): Promise<T[]> {
  const read = async () => {
    for await (const item of list()) {
      abortSignal.throwIfAborted();
      items.push(item);
    }
    return items;
  };
  return readable(read());
}

/** The parts of an id that ARM gave. @throws BrokenAnswerError for none: what cannot be named cannot be left out either */
export function placeOf(type: string, id: string | undefined): ArmResourceId {
  const place = splitArmId(type, id ?? "");
  if (place === null) throw new BrokenAnswerError({ status: 502, headers: new Map() });
  return place;
}
