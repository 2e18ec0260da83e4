/** A registry as large as is asked for, of which nothing is held in memory: every page and every body is made when it is read. Used by purge-size-child.ts. */
import type { RegistryContent } from "../../shared/purge/ports.ts";
import type { BlobPart, ListedTag, ManifestEntry, ManifestFacts } from "../../shared/purge/registry-items.ts";

/** Its size. */
export type LargeRegistry = {
  readonly manifests: number;
  readonly repositories: number;
  /** When the newest was pushed, milliseconds since 1970; each before it STEP_MS earlier. */
  readonly newestAt: number;
};

/** Items of a page. */
const PAGE = 1_000;
/** A minute between two pushes. */
const STEP_MS = 60_000;
const IMAGE = "application/vnd.oci.image.manifest.v1+json";
const INDEX = "application/vnd.oci.image.index.v1+json";
/** Manifests after which the kinds begin anew: an index with two children, a signature by tag and one by subject, untagged images, tagged ones. */
const ROUND = 50;
const [AT_INDEX, AT_SIGNATURE, AT_REFERRER, FIRST_UNTAGGED, LAST_UNTAGGED] = [0, 3, 4, 5, 9];
/** Layers that all images of a repository share, and those that each has for itself. */
const [SHARED_LAYERS, OWN_LAYERS] = [4, 3];
const MAX_UINT32 = 0xffff_ffff;
/** Odd, so that every number has one place only. */
const FACTOR = 0x9e37_79b1;

/** The nth manifest of a repository; without order, as digests are. */
export function digestOf(nth: number): string {
  return `sha256:${words(Math.imul(nth + 1, FACTOR) >>> 0, 8)}`;
}

/** Its content, of which calls are counted. */
export function largeRegistry({ manifests, repositories, newestAt }: LargeRegistry) {
  const calls = { lists: 0, bodies: 0, referrers: 0 };
  const size = Math.ceil(manifests / repositories);
  const nthOf = (digest: string) => (Math.imul(Number.parseInt(digest.slice(7, 15), 16), inverseOf(FACTOR)) >>> 0) - 1;
  const updatedAt = (nth: number) => newestAt - nth * STEP_MS;

  async function* pages<T>(item: (nth: number) => T | null): AsyncGenerator<readonly T[]> {
    for (let from = 0; from < size; from += PAGE) {
      calls.lists += 1;
      const page: (T | null)[] = [];
      for (let nth = from; nth < Math.min(size, from + PAGE); nth++) page.push(item(nth));
      // As a client reads it: every page has texts of its own.
      const read: (T | null)[] = JSON.parse(JSON.stringify(page));
      yield read.filter((one) => one !== null);
    }
  }
  const tagCount = () => Array.from({ length: size }, (_, nth) => tagOf(nth)).filter((name) => name !== null).length;
  const content: RegistryContent = {
    async *repositories() {
      yield Array.from({ length: repositories }, (_, nth) => `large/app-${String(nth).padStart(5, "0")}`);
    },
    async repository() {
      return { manifestCount: size, tagCount: tagCount(), isLocked: false };
    },
    manifests: () =>
      pages(
        (nth): ManifestEntry => ({
          digest: digestOf(nth),
          mediaType: nth % ROUND === AT_INDEX ? INDEX : IMAGE,
          updatedAt: updatedAt(nth),
          sizeBytes: 50_000_000 + nth,
          isLocked: false,
          tagNames: [tagOf(nth) ?? []].flat(),
        }),
      ),
    tags: () =>
      pages((nth): ListedTag | null => {
        const name = tagOf(nth);
        return name === null ? null : { name, digest: digestOf(nth), updatedAt: updatedAt(nth), isLocked: false };
      }),
    async facts(_repository, digest) {
      calls.bodies += 1;
      const facts: ManifestFacts = JSON.parse(JSON.stringify(factsOf(nthOf(digest), size)));
      return facts;
    },
    async referrers(_repository, digest) {
      calls.referrers += 1;
      const referrer = nthOf(digest) - 1;
      return referrer >= 0 && referrer % ROUND === AT_REFERRER ? [digestOf(referrer)] : [];
    },
    deleteManifest: readOnly,
    deleteTag: readOnly,
    setManifestLock: readOnly,
    setTagLock: readOnly,
  };
  return { content, calls };
}

function tagOf(nth: number): string | null {
  const kind = nth % ROUND;
  const isUntagged = kind === AT_REFERRER || (kind >= FIRST_UNTAGGED && kind <= LAST_UNTAGGED);
  if (isUntagged || (kind > AT_INDEX && kind < AT_SIGNATURE)) return null;
  return kind === AT_SIGNATURE ? `${digestOf(nth + LAST_UNTAGGED).replace(":", "-")}.sig` : `main-20260801.${nth}`;
}

function factsOf(nth: number, size: number): ManifestFacts {
  const kind = nth % ROUND;
  const digest = digestOf(nth);
  if (kind === AT_INDEX) {
    const children = [nth + 1, nth + 2].filter((child) => child < size).map(digestOf);
    return { digest, mediaType: INDEX, subject: null, children, parts: [] };
  }
  const part = (seed: number): BlobPart => ({ digest: `sha256:${words(seed, 8)}`, sizeBytes: 1_000_000 + seed });
  const shared = Array.from({ length: SHARED_LAYERS }, (_, layer) => part(layer));
  const own = Array.from({ length: OWN_LAYERS }, (_, layer) => part(SHARED_LAYERS + nth * OWN_LAYERS + layer));
  const subject = kind === AT_REFERRER ? digestOf(nth + 1) : null;
  return { digest, mediaType: IMAGE, subject, children: [], parts: [...shared, ...own] };
}

/** So many words of eight hexadecimal digits; the first is the seed. */
function words(seed: number, count: number): string {
  let [text, word] = ["", seed];
  for (let nth = 0; nth < count; nth++) {
    text += word.toString(16).padStart(8, "0");
    word = Math.imul(word ^ (word >>> 15), 0x2c1b_3c6d) >>> 0;
    word = (word + 0x6d2b_79f5 + nth) & MAX_UINT32;
    word >>>= 0;
  }
  return text;
}

/** Of an odd number modulo 2 to the 32, by Newton's method: each step doubles the bits that are right. */
function inverseOf(odd: number): number {
  let inverse = odd;
  for (let step = 0; step < 5; step++) inverse = Math.imul(inverse, 2 - Math.imul(odd, inverse));
  return inverse >>> 0;
}

async function readOnly(): Promise<never> {
  throw new Error("Nothing is deleted while it is planned.");
}
