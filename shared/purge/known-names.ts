/** Names of the repositories that there are, as far as a save can wait for them. Used by manage.ts, for warnings alone. */
import type { OpenedRegistry, OpenRegistryContent } from "./ports.ts";

/** Names that a warning looks at; whether a pattern matches nothing there is can be said only of all of them. */
export const MAX_KNOWN = 2_000;
/** Milliseconds that a save waits for them. */
export const KNOWN_TIMEOUT_MS = 5_000;

/** All names; or why they are not known: they could not be read in time, or there are more. */
export type ListedNames = readonly string[] | "unread" | "too-many";

/** What listing needs. */
export type KnownNamesDeps = {
  readonly openContent: OpenRegistryContent;
  /** A signal that aborts after so many milliseconds. */
  readonly timeout: (milliseconds: number) => AbortSignal;
};

/** Never throws: a policy may be saved for a registry that does not answer now. */
export async function knownNames(deps: KnownNamesDeps, opened: OpenedRegistry): Promise<ListedNames> {
  const signal = deps.timeout(KNOWN_TIMEOUT_MS);
  const list = async (): Promise<ListedNames> => {
    const names: string[] = [];
    for await (const page of deps.openContent(opened).repositories(signal)) {
      names.push(...page);
      if (names.length > MAX_KNOWN) return "too-many";
    }
    return names;
  };
  const aborted = new Promise<"unread">((done) => {
    if (signal.aborted) done("unread");
    signal.addEventListener("abort", () => done("unread"), { once: true });
  });
  return Promise.race([list().catch(() => "unread" as const), aborted]);
}
