/** A body that has to be in memory as a whole: a manifest, a form. Used by the operations of registries. */
import type { Readable } from "node:stream";
import { tooLarge } from "./registry-errors.ts";

/**
 * @param limit bytes
 * @throws RegistryError 413 when more comes
 */
export async function readWhole(source: Readable, limit: number): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let size = 0;
  // The connection has to live on for the refusal.
  for await (const chunk of source.iterator({ destroyOnReturn: false })) {
    size += chunk.length;
    if (size > limit) throw tooLarge();
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}
