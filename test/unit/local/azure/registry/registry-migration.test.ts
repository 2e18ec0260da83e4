/** Mirrors infra/local/azure/registry/registry-migration.ts: a database as the first version left it. */
import { createHash } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { afterEach, beforeEach, expect, test } from "vitest";
import { openBlobFiles } from "../../../../../infra/local/azure/registry/blob-files.ts";
import { MEDIA } from "../../../../../infra/local/azure/registry/manifest-content.ts";
import { openRegistryContent } from "../../../../../infra/local/azure/registry/registry-content.ts";
import { ticksOf } from "../../../../../infra/local/azure/registry/registry-time.ts";

const NOW = new Date("2026-11-22T00:00:00Z");
const PUSHED = Date.parse("2026-02-03T04:05:06.789Z");
const CONFIG = "application/vnd.oci.image.config.v1+json";
const FIRST_SCHEMA = `
  CREATE TABLE repositories (
    name TEXT PRIMARY KEY, created INTEGER NOT NULL, updated INTEGER NOT NULL
  ) WITHOUT ROWID;
  CREATE TABLE manifests (
    id INTEGER PRIMARY KEY,
    repository TEXT NOT NULL, digest TEXT NOT NULL, media TEXT NOT NULL, content BLOB NOT NULL,
    subject TEXT NOT NULL, artifact_type TEXT NOT NULL, created INTEGER NOT NULL, updated INTEGER NOT NULL,
    UNIQUE (repository, digest)
  );
  CREATE TABLE tags (
    repository TEXT NOT NULL, name TEXT NOT NULL, digest TEXT NOT NULL,
    created INTEGER NOT NULL, updated INTEGER NOT NULL, PRIMARY KEY (repository, name)
  ) WITHOUT ROWID;
  PRAGMA user_version = 1;
`;
const digestOf = (content: string) => `sha256:${createHash("sha256").update(content).digest("hex")}`;

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "latchkey-registry-"));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

test("times, sizes, platforms and locks are there afterwards, and it is done once", () => {
  const config = JSON.stringify({ architecture: "arm64", os: "linux" });
  openBlobFiles(folder, () => NOW).put(digestOf(config), Buffer.from(config));
  const image = JSON.stringify({
    schemaVersion: 2,
    config: { mediaType: CONFIG, digest: digestOf(config), size: config.length },
    layers: [{ mediaType: "a/b", digest: digestOf("layer"), size: 1000 }],
  });
  const manifests = [{ mediaType: MEDIA.ociManifest, digest: digestOf(image), size: image.length }];
  const index = JSON.stringify({ schemaVersion: 2, manifests });
  const old = new DatabaseSync(join(folder, "registry.db"));
  old.exec(FIRST_SCHEMA);
  old.prepare("INSERT INTO repositories VALUES ('a', ?, ?)").run(PUSHED, PUSHED + 1);
  const put = old.prepare("INSERT INTO manifests VALUES (NULL, 'a', ?, ?, ?, '', ?, ?, ?)");
  put.run(digestOf(image), MEDIA.ociManifest, Buffer.from(image), CONFIG, PUSHED, PUSHED + 2);
  put.run(digestOf(index), MEDIA.ociIndex, Buffer.from(index), "", PUSHED, PUSHED);
  old.prepare("INSERT INTO tags VALUES ('a', 'v1', ?, ?, ?)").run(digestOf(index), PUSHED, PUSHED + 3);
  old.close();

  for (const _ of ["first", "again"]) {
    const content = openRegistryContent(folder, () => NOW);
    const { attributes } = content;
    const at = (more: number) => ticksOf(new Date(PUSHED + more));
    expect(attributes.repository("a")).toMatchObject({ created: at(0), updated: at(1), locks: 0, manifestCount: 2 });
    expect(attributes.tag("a", "v1")).toMatchObject({ created: at(0), updated: at(3), locks: 0 });
    const size = 1000 + config.length;
    expect(attributes.manifest("a", digestOf(image))).toMatchObject({
      ...{ size, configMediaType: CONFIG, architecture: "arm64", os: "linux" },
      ...{ created: at(0), updated: at(2), locks: 0 },
    });
    expect(attributes.manifest("a", digestOf(index))).toMatchObject({ size, configMediaType: "", tags: ["v1"] });
    content.once(() => expect.unreachable());
    content.close();
  }
});
