/** rclone: a lent credential as the `sas_url` of its azureblob backend. */
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { type ClientRun, type ClientSystem, startClientSystem } from "./client-system.ts";
import { type Access, CONTAINER, type LentSas, OTHER_CONTAINER, openLending } from "./lending.ts";

let system: ClientSystem;
let lend: (access: readonly Access[]) => Promise<LentSas>;

beforeAll(async () => {
  system = await startClientSystem();
  ({ lend } = await openLending(system));
  for (const folder of ["up", "down"]) mkdirSync(join(system.home, folder));
  writeFileSync(join(system.home, "up", "a.txt"), "first");
  writeFileSync(join(system.home, "up", "b ä.txt"), "second");
});
afterAll(() => system?.stop());

/** `lent:` is the remote. One try: rclone repeats refused requests three times by default. */
function rclone(sas: LentSas, ...args: string[]): Promise<ClientRun> {
  const remote = {
    RCLONE_CONFIG: join(system.home, "rclone.conf"),
    RCLONE_CONFIG_LENT_TYPE: "azureblob",
    RCLONE_CONFIG_LENT_SAS_URL: `${sas.containerUrl}?${sas.sasToken}`,
  };
  return system.run("rclone", ["--retries", "1", ...args], { env: remote });
}

test("rclone: copies a folder there and back, lists it and prints a file", async () => {
  const sas = await lend(["read", "write", "list"]);
  const remote = `lent:${CONTAINER.name}/rclone`;
  const up = await rclone(sas, "copy", "up", remote);
  expect(up.code, up.stderr).toBe(0);
  const listed = await rclone(sas, "lsf", remote);
  expect(listed.stdout.trim().split("\n").sort()).toEqual(["a.txt", "b ä.txt"]);
  expect((await rclone(sas, "cat", `${remote}/a.txt`)).stdout).toBe("first");
  expect((await rclone(sas, "copy", remote, "down")).code).toBe(0);
  expect(readFileSync(join(system.home, "down", "b ä.txt"), "utf8")).toBe("second");
  expect((await rclone(sas, "check", "up", remote)).code).toBe(0);
});

test("rclone: cannot write with a credential for reading and listing", async () => {
  const sas = await lend(["read", "list"]);
  const refused = await rclone(sas, "copyto", "up/a.txt", `lent:${CONTAINER.name}/refused.txt`);
  expect(refused.code).not.toBe(0);
  expect(refused.stderr).toContain("AuthorizationPermissionMismatch");
  const left = await rclone(sas, "lsf", `lent:${CONTAINER.name}`);
  expect(left.code).toBe(0);
  expect(left.stdout).not.toContain("refused.txt");
});

test("rclone: cannot delete with a credential for reading, writing and listing", async () => {
  const sas = await lend(["read", "write", "list"]);
  const blob = `lent:${CONTAINER.name}/kept.txt`;
  expect((await rclone(sas, "copyto", "up/a.txt", blob)).code).toBe(0);
  expect((await rclone(sas, "deletefile", blob)).code).not.toBe(0);
  expect(await system.lastStatus("DELETE", `/${CONTAINER.name}/kept.txt`)).toBe(403);
  expect((await rclone(sas, "cat", blob)).stdout).toBe("first");
});

test("rclone: cannot list another container", async () => {
  const sas = await lend(["read", "write", "list", "delete"]);
  // rclone itself keeps to the container of its address, so it gets the address of the other one.
  const other = { ...sas, containerUrl: sas.containerUrl.replace(CONTAINER.name, OTHER_CONTAINER) };
  expect((await rclone(other, "lsf", `lent:${OTHER_CONTAINER}`)).code).not.toBe(0);
  expect(await system.lastStatus("GET", `/${OTHER_CONTAINER}`)).toBe(403);
});
