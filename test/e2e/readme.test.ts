/** README.md against the system: its commands run as they stand, and what it says of the API is so. */
import { execFile } from "node:child_process";
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { enterLocalAzure } from "../../infra/local/in-process-client.ts";
import { type Api, createApi } from "../support/api.ts";
import { rawRequest } from "../support/raw-request.ts";
import { startOwnSystem } from "../support/system.ts";

const run = promisify(execFile);
const ROOT = fileURLToPath(new URL("../../", import.meta.url));
const README = readFileSync(new URL("../../README.md", import.meta.url), "utf8");
/** Written after every command, so that their outputs can be told apart. */
const MARK = "--- next command ---";

// A system of its own, as a newcomer has it: its policy holds from the first decision on.
let system: Awaited<ReturnType<typeof startOwnSystem>>;
let leave = () => {};
let api: Api;
beforeAll(async () => {
  system = await startOwnSystem();
  leave = enterLocalAzure(system);
  api = createApi(system);
});
afterAll(async () => {
  leave();
  await system?.stop();
  system?.remove();
});

const blocksOf = (kind: string) =>
  [...README.matchAll(/^```([^\n]*)\n(.*?)^```$/gms)]
    .filter(([, info]) => info === kind)
    .map(([, , text = ""]) => text);

describe("commands", () => {
  const blocks = blocksOf("sh test");
  let outputs: string[];

  beforeAll(async () => {
    const { PATH, HOME } = process.env;
    const env = {
      ...{ PATH, HOME, ...system.clientEnv },
      API: `${system.apiUrl}/api`,
      CONTROL: system.controlUrl,
      TOKEN: await api.tokenOf("platform-automation"),
    };
    const script = blocks.map((block) => `${block}\necho; echo "${MARK}"`).join("\n");
    const { stdout } = await run("bash", ["--norc", "-euo", "pipefail", "-c", script], { cwd: ROOT, env });
    outputs = stdout.split(MARK).slice(0, -1);
  });

  it("all run, in order, in one shell", () => {
    expect(blocks.length).toBeGreaterThanOrEqual(10);
    expect(outputs).toHaveLength(blocks.length);
  });

  it("register a connector", () => {
    expect(JSON.parse(outputs[0] ?? "")).toMatchObject({ name: "artifacts", state: "degraded" });
  });

  it("say who works where, and what is reached from there", () => {
    expect(JSON.parse(outputs[1] ?? "")).toMatchObject({ project: "vision", domain: "production" });
    expect(JSON.parse(outputs[2] ?? "")).toMatchObject({ effect: "allow", connector: "artifacts" });
  });

  it("issue a credential with the members that are shown, which reads the container", async () => {
    const [shown = ""] = blocksOf("json");
    const issued = JSON.parse(outputs[3] ?? "");
    expect(membersOf(issued)).toEqual(membersOf(JSON.parse(shown)));
    const { containerUrl, sasToken } = issued.credential;
    const url = `${containerUrl}?restype=container&comp=list&${sasToken}`;
    expect((await rawRequest(system, { method: "GET", url })).status).toBe(200);
  });

  // One image every 6 hours, the newest an hour old: 28 are of the last 7 days.
  it("save a purge policy and show what goes by it: of 300 images those older than a week", () => {
    expect(JSON.parse(outputs[4] ?? "")).toMatchObject({ name: "registry-keeper" });
    expect(JSON.parse(outputs[6] ?? "")).toMatchObject({ nextDueAt: expect.stringMatching(/T03:00:00Z$/) });
    const seeded = 9;
    const counts = { toDelete: 272, toKeep: 28 + seeded };
    expect(JSON.parse(outputs[7] ?? "")).toMatchObject({ state: "planned", counts });
    const [head, ...lines] = (outputs[8] ?? "").trim().split(/\r?\n/);
    expect(head).toMatch(/^repository,digest,tags,action,/);
    expect(lines.filter((line) => line.startsWith("nightly/train,"))).toHaveLength(300);
  });

  it("purge by that plan", () => {
    const counts = { deletedManifests: 272, deletedTags: 272, failed: 0 };
    expect(JSON.parse(outputs[9] ?? "")).toMatchObject({ state: "done", code: null, counts });
  });
});

/** Names of members at every level, in order. */
function membersOf(value: unknown): unknown {
  if (typeof value !== "object" || value === null || Array.isArray(value)) return typeof value;
  return Object.entries(value).map(([name, member]) => [name, membersOf(member)]);
}

it("lists exactly the functions that are there", async () => {
  const { body } = await api.call<{ paths: Record<string, Record<string, { operationId: string }>> }>(
    "GET",
    "openapi.json",
  );
  const served = Object.entries(body.paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, { operationId }]) => `${operationId} ${method.toUpperCase()} ${path}`),
  );
  const listed = [...README.matchAll(/^\| `([a-z]+(?:-[a-z]+)+)` \| `([A-Z]+) (\/api\/[^`?[]*)/gm)];
  expect(listed.map(([, name, method, path]) => `${name} ${method} ${path}`).sort()).toEqual(served.sort());
});

it("names every setting of the sample, and every script that it names is there", () => {
  const sample: { Values: Record<string, string> } = JSON.parse(
    readFileSync(new URL("../../local.settings.sample.json", import.meta.url), "utf8"),
  );
  expect(Object.keys(sample.Values).filter((name) => !README.includes(`\`${name}\``))).toEqual([]);
  const { scripts }: { scripts: Record<string, string> } = JSON.parse(
    readFileSync(new URL("../../package.json", import.meta.url), "utf8"),
  );
  const named = [...README.matchAll(/npm run ([a-z:]+)/g)].map(([, name = ""]) => name);
  expect(named.filter((name) => scripts[name] === undefined)).toEqual([]);
});

it("points to files that are there", () => {
  const links = [...README.matchAll(/\]\((?!https?:)([^)#]+)/g)].map(([, path = ""]) => path);
  expect(links.length).toBeGreaterThan(2);
  for (const path of links) expect(readFileSync(new URL(`../../${path}`, import.meta.url), "utf8")).not.toBe("");
});
