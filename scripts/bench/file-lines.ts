/** Blobs of JSON Lines in files, so that a benchmark's memory is not that of a blob service. Implements LinesStore. */
import {
  appendFileSync,
  closeSync,
  mkdirSync,
  openSync,
  readFileSync,
  readSync,
  rmSync,
  writeFileSync,
  writeSync,
} from "node:fs";
import { dirname, join } from "node:path";
import { NotFoundError } from "../../shared/errors.ts";
import type { LinesStore } from "../../shared/purge/ports.ts";

/** Characters that are written at once, and bytes that are read at once. */
const CHUNK = 1024 * 1024;
const NEW_LINE = 0x0a;

/** @param root folder @param onLine called after each line that is written, with the number of lines of its blob */
export function fileLines(root: string, onLine: (count: number) => void = () => undefined): LinesStore {
  const pathOf = (name: string) => join(root, name);
  const opened = (name: string): number => {
    try {
      return openSync(pathOf(name), "r");
    } catch (error) {
      throw new NotFoundError("NOT_FOUND", "There is no such blob.", { cause: error });
    }
  };
  return {
    async write(name, lines) {
      mkdirSync(dirname(pathOf(name)), { recursive: true });
      const file = openSync(pathOf(name), "w");
      let [text, count] = ["", 0];
      for await (const line of lines) {
        text += `${JSON.stringify(line)}\n`;
        if (text.length >= CHUNK) {
          writeSync(file, text);
          text = "";
        }
        onLine(++count);
      }
      writeSync(file, text);
      closeSync(file);
    },
    async join(name, parts) {
      writeFileSync(pathOf(name), "");
      for (const part of parts) appendFileSync(pathOf(name), readFileSync(pathOf(part)));
    },
    async *read(name, from) {
      const file = opened(name);
      try {
        let [rest, end] = [Buffer.alloc(0), from];
        for (let at = from; ; ) {
          const chunk = Buffer.alloc(CHUNK);
          const bytes = readSync(file, chunk, 0, CHUNK, at);
          if (bytes === 0) return;
          at += bytes;
          let text = Buffer.concat([rest, chunk.subarray(0, bytes)]);
          for (let length = text.indexOf(NEW_LINE); length >= 0; length = text.indexOf(NEW_LINE)) {
            end += length + 1;
            const value: unknown = JSON.parse(text.toString("utf8", 0, length));
            yield { value, end };
            text = text.subarray(length + 1);
          }
          rest = text;
        }
      } finally {
        closeSync(file);
      }
    },
    async remove(name) {
      rmSync(pathOf(name), { force: true });
    },
    async removeUnder(prefix) {
      rmSync(pathOf(prefix), { force: true, recursive: true });
    },
  };
}
