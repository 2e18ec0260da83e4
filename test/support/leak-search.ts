/** Looks for secrets in files and texts, in every form in which they could have got there. For e2e tests. */
import { createHash } from "node:crypto";
import { readdirSync, readFileSync } from "node:fs";
import { join, relative } from "node:path";

/** What any access token or signature looks like, also one that the test never saw. */
const SHAPES: Readonly<Record<string, RegExp>> = {
  "a signed JWT": /eyJ[\w-]{10,}\.eyJ[\w-]{10,}\.[\w-]{20,}/,
  "a SAS signature": /[?&\s"']sig=[\w%+/-]{20,}/i,
  "a bearer header": /\bbearer [\w.~+/-]{20,}/i,
  "a delegation key": /<Value>[\w+/]{20,}=*<\/Value>/,
};
/** Shorter texts would be found by chance. */
const MIN_LENGTH = 8;

/** Where something was found. It never says what, so that a failing test leaks nothing either. */
export type Leak = { readonly place: string; readonly secret: string };

/** Secrets by what they are. */
export type LeakSearch = {
  /** @throws Error for a text that is too short to be searched for */
  add(what: string, secret: string): void;
  /** Leaks in a text. */
  inText(place: string, text: string): Leak[];
  /** Leaks in every file below a folder, `skip` left out; places are paths below it. */
  inFiles(folder: string, skip: (path: string) => boolean): Leak[];
};

export function createLeakSearch(): LeakSearch {
  /** Forms by what they are forms of. */
  const forms = new Map<string, { what: string; texts: string[] }>();
  const inText = (place: string, text: string): Leak[] => {
    const known = [...forms.values()].filter(({ texts }) => texts.some((form) => text.includes(form)));
    const shaped = Object.entries(SHAPES).filter(([, shape]) => shape.test(text));
    return [...known.map(({ what }) => what), ...shaped.map(([what]) => what)].map((secret) => ({ place, secret }));
  };
  return {
    inText,
    add(what, secret) {
      if (secret.length < MIN_LENGTH) throw new Error(`${what} is too short to be searched for`);
      forms.set(createHash("sha256").update(secret).digest("hex"), { what, texts: formsOf(secret) });
    },
    inFiles: (folder, skip) =>
      readdirSync(folder, { recursive: true, withFileTypes: true })
        .filter((entry) => entry.isFile())
        .map((entry) => join(entry.parentPath, entry.name))
        .filter((file) => !skip(relative(folder, file)))
        // Latin-1 keeps every byte, so that binary files are searched too.
        .flatMap((file) => inText(relative(folder, file), readFileSync(file, "latin1"))),
  };
}

/** As it is, percent-encoded in the usual ways, inside JSON, in base64 and in hex. */
function formsOf(secret: string): string[] {
  const bytes = Buffer.from(secret);
  const encoded = encodeURIComponent(secret);
  return [
    ...new Set([
      ...[secret, encoded, encodeURIComponent(encoded), encoded.replaceAll("%20", "+")],
      encoded.replace(/%[0-9A-F]{2}/g, (code) => code.toLowerCase()),
      JSON.stringify(secret).slice(1, -1),
      ...[bytes.toString("base64").replace(/=+$/, ""), bytes.toString("base64url"), bytes.toString("hex")],
    ]),
  ];
}
