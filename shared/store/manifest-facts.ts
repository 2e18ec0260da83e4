/** What bodies of manifests say, in blobs `manifests/<loginServer>/<hash of the repository>.jsonl`. Implements FactsStore. */
import { z } from "zod";
import { NotFoundError } from "../errors.ts";
import { hash } from "../ids.ts";
import type { FactsStore, LinesStore } from "../purge/ports.ts";

const factsSchema = z.strictObject({
  digest: z.string(),
  mediaType: z.string(),
  subject: z.string().nullable(),
  children: z.array(z.string()),
  parts: z.array(z.strictObject({ digest: z.string(), sizeBytes: z.number() })),
});

/** @param lines of the app's state */
export function createFactsStore(lines: Pick<LinesStore, "read" | "write">): FactsStore {
  return {
    async *read(loginServer, repository) {
      try {
        for await (const { value } of lines.read(blobName(loginServer, repository), 0)) {
          const facts = factsSchema.safeParse(value);
          if (facts.success) yield facts.data;
        }
      } catch (error) {
        if (!(error instanceof NotFoundError)) throw error;
      }
    },
    write: (loginServer, repository, facts) => lines.write(blobName(loginServer, repository), facts),
  };
}

function blobName(loginServer: string, repository: string): string {
  return `manifests/${loginServer}/${hash(repository)}.jsonl`;
}
