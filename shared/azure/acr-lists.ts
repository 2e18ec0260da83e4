/** Lists of a registry's content, page by page, each page a call of its own. Used by acr-content.ts. */
import type { CallContent, ContentCall } from "./acr-calls.ts";
import type { ContentAnswer } from "./acr-transport.ts";
import { brokenList } from "./arm-list.ts";
import { nextPage } from "./registry-answers.ts";

/** Largest page that is read, in bytes: a manifest is listed with all of its tags. */
const MAX_PAGE_BYTES = 32 * 1024 * 1024;
/** Most pages of one list: ten million items. Without end is a registry that is broken. */
const MAX_PAGES = 10_000;

/** Reads a page; null for none. */
export type ReadPage<T> = (page: unknown) => readonly T[] | null;
/** A list. */
export type ContentList<T> = Pick<ContentCall<unknown>, "what" | "kind" | "need" | "signal"> & {
  readonly path: string;
  /** Of the first page, with its question mark. */
  readonly query: string;
  readonly read: ReadPage<T>;
  /** Whether the first answer says that there is no such list. */
  isNone(answer: ContentAnswer): boolean;
};
/** Pages that have something on them. The list is whole when it ends without an error. @throws as CallContent */
export type ListContent = <T>(list: ContentList<T>) => AsyncGenerator<readonly T[]>;

type Page<T> = { readonly items: readonly T[]; readonly next: string | null };

/** @param origin of the registry */
export function createListContent(call: CallContent, origin: string): ListContent {
  return async function* list<T>({ path, query, read, isNone, ...rest }: ContentList<T>) {
    const asked = new Set<string>();
    let url: string | null = `${origin}${path}${query}`;
    while (url !== null) {
      asked.add(url);
      const understand = (answer: ContentAnswer): Page<T> | undefined => {
        if (asked.size === 1 && isNone(answer)) return { items: [], next: null };
        if (answer.status !== 200) return undefined;
        const items = read(answer.json);
        const next = nextPage(answer.headers.link, origin, path);
        // Part of the list would pass for the whole.
        if (items === null || (next !== null && (asked.has(next) || asked.size === MAX_PAGES))) throw brokenList();
        return { items, next };
      };
      const page: Page<T> = await call({
        ...rest,
        request: { method: "GET", url, maxBytes: MAX_PAGE_BYTES },
        understand,
      });
      if (page.items.length > 0) yield page.items;
      url = page.next;
    }
  };
}
