/** Container clients with lent logins of a registry: scope-map tokens, a password a lease, dead for new logins once given back. */
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { applicationOf, type ClientSystem, startClientSystem } from "./client-system.ts";
import { armId, type Lender, meeting, openContainerLending, REGISTRY } from "./container-lending.ts";
import { type ContainerTools, containerTools } from "./container-tools.ts";
import { type BuiltImage, buildImage, COPIERS, loginEnv, pull, push, signIn } from "./image-tools.ts";
import { curl, type HttpAnswer, textAt } from "./lending.ts";

const CLIENTS = ["docker", ...COPIERS] as const;
const TRAIN = { repositories: ["vision/train"] };

let system: ClientSystem;
let tools: ContainerTools;
let lender: Lender;
let built: BuiltImage;
const lent: HttpAnswer[] = [];

beforeAll(async () => {
  system = await startClientSystem();
  tools = containerTools(system);
  const resourceId = armId(system, "ContainerRegistry/registries", ["demo-zenml-demos", "demozenmlcontainerregistry"]);
  lender = await openContainerLending(system, {
    connector: "logins",
    application: "zenml-connector",
    resourceType: "docker-registry",
    grants: {
      logins: {
        resourceId,
        access: ["read", "write", "delete"],
        forms: ["docker-login"],
        scope: { repositories: ["vision/*", "scratch/*"] },
      },
    },
  });
  built = await buildImage(tools);
});
afterAll(() => system?.stop());

const ask = (wanted: object) => lender.ask({ resourceId: REGISTRY, form: "docker-login", ...wanted });

/** What was lent. */
async function lend(wanted: object) {
  const answer = await lender.lend({ resourceId: REGISTRY, form: "docker-login", ttlSeconds: 900, ...wanted });
  lent.push(answer);
  const of = (member: string) => textAt(answer, "credential", member);
  const login = { loginServer: of("loginServer"), username: of("username"), password: of("password") };
  return { answer, login };
}
type Login = Awaited<ReturnType<typeof lend>>["login"];

/** Whether a new sign-in works, and what the registry's token endpoint said of it. */
async function newLogin(client: (typeof CLIENTS)[number], login: Login) {
  const env = loginEnv(system.home);
  const signedIn = await meeting(system, () => signIn(tools, client, login, env));
  // crane keeps what it is told; its next pull signs in.
  if (client !== "crane") return { isIn: signedIn.code === 0, statuses: signedIn.statusesAt("/oauth2/token"), env };
  const image = `${login.loginServer}/vision/train:v1`;
  const pulled = await meeting(system, () => pull(tools, client, image, env));
  return { isIn: pulled.code === 0, statuses: pulled.statusesAt("/oauth2/token"), env };
}

describe("a login to read and write one repository", () => {
  let login: Login;
  beforeAll(async () => {
    ({ login } = await lend({ access: ["read", "write"], scope: TRAIN }));
  });

  test.each(CLIENTS)("%s signs in with it", async (client) => {
    expect(await newLogin(client, login)).toMatchObject({ isIn: true, statuses: [200] });
  });

  test.each(COPIERS)("%s pulls and pushes there, and nothing elsewhere", async (copier) => {
    const { env } = await newLogin(copier, login);
    const image = `${REGISTRY}/vision/train:by-${copier}`;
    expect(await push(tools, copier, built, image, env)).toMatchObject({ code: 0 });
    expect(await pull(tools, copier, image, env)).toMatchObject({ code: 0 });
    for (const other of ["vision/serve:v1", "speech/asr:latest"]) {
      const repository = `/v2/${other.split(":")[0]}/`;
      const pulled = await meeting(system, () => pull(tools, copier, `${REGISTRY}/${other}`, env));
      expect(pulled.code === 0, other).toBe(false);
      expect(pulled.statusesAt(repository), other).toEqual([401]);
      const pushed = await meeting(system, () => push(tools, copier, built, `${REGISTRY}/${other}-mine`, env));
      expect(pushed.code === 0, other).toBe(false);
      expect(pushed.statusesAt(repository), other).toEqual([401]);
    }
  });

  test("docker signs in, and docker's login file is one that skopeo and crane use", async () => {
    const { env } = await newLogin("docker", login);
    const read = { ...env, REGISTRY_AUTH_FILE: join(env.DOCKER_CONFIG, "config.json") };
    expect(await pull(tools, "skopeo", `${REGISTRY}/vision/train:v1`, read)).toMatchObject({ code: 0 });
    expect(await pull(tools, "crane", `${REGISTRY}/vision/train:v1`, read)).toMatchObject({ code: 0 });
  });

  test("does not delete, and does not list repositories", async () => {
    const { env } = await newLogin("skopeo", login);
    const image = `docker://${REGISTRY}/vision/train:v1`;
    const deleted = await meeting(system, () => tools.run("skopeo", ["delete", image], { env }));
    expect(deleted.code === 0).toBe(false);
    expect(deleted.statusesAt("/v2/vision/train/manifests/sha256:", "DELETE")).toEqual([401]);
    const listed = await meeting(system, () => tools.run("crane", ["catalog", REGISTRY], { env }));
    expect(listed.statusesAt("/v2/_catalog")).not.toContain(200);
    expect(listed.stdout).toBe("");
  });
});

test("skopeo deletes with a login to read and delete, and then pushes nothing", async () => {
  const scope = { repositories: ["scratch/old"] };
  const writer = await newLogin("skopeo", (await lend({ access: ["read", "write"], scope })).login);
  const image = `${REGISTRY}/scratch/old:v1`;
  expect(await push(tools, "skopeo", built, image, writer.env)).toMatchObject({ code: 0 });
  const { env } = await newLogin("skopeo", (await lend({ access: ["read", "delete"], scope })).login);
  const deleted = await meeting(system, () => tools.run("skopeo", ["delete", `docker://${image}`], { env }));
  expect(deleted).toMatchObject({ code: 0 });
  expect(deleted.statusesAt("/v2/scratch/old/manifests/sha256:", "DELETE")).toEqual([202]);
  const gone = await meeting(system, () => tools.run("skopeo", ["inspect", `docker://${image}`], { env }));
  expect(gone.statusesAt("/v2/scratch/old/manifests/v1")).toEqual([404]);
  const pushed = await meeting(system, () => push(tools, "skopeo", built, image, env));
  expect(pushed.code === 0).toBe(false);
  expect(pushed.statusesAt("/v2/scratch/old/")).toContain(401);
  expect(pushed.statusesAt("/v2/scratch/old/manifests/v1", "PUT")).not.toContain(201);
});

describe("logins that are given back", () => {
  test("two of the same scope share the user and not the password; ending one leaves the other alive", async () => {
    const first = await lend({ access: ["read"], scope: TRAIN });
    const second = await lend({ access: ["read"], scope: TRAIN });
    expect(second.login.username).toBe(first.login.username);
    expect(second.login.password === first.login.password).toBe(false);

    await lender.end(first.answer);
    for (const client of CLIENTS) {
      expect(await newLogin(client, first.login), client).toMatchObject({ isIn: false, statuses: [401] });
      expect(await newLogin(client, second.login), client).toMatchObject({ isIn: true, statuses: [200] });
    }
    await lender.end(second.answer);
    expect(await newLogin("docker", second.login)).toMatchObject({ isIn: false, statuses: [401] });
  });

  test("a renewed login has a password of its own, and both die with the lease", async () => {
    const { answer, login } = await lend({ access: ["read"], scope: TRAIN });
    const renewed = await lender.renew(answer);
    expect(renewed.status, renewed.text).toBe(200);
    const of = (member: string) => textAt(renewed, "credential", member);
    const next = { loginServer: of("loginServer"), username: of("username"), password: of("password") };
    expect(next.password === login.password).toBe(false);
    for (const one of [login, next]) expect(await newLogin("podman", one)).toMatchObject({ isIn: true });
    await lender.end(answer);
    for (const one of [login, next]) {
      expect(await newLogin("podman", one)).toMatchObject({ isIn: false, statuses: [401] });
    }
  });

  test("what was exchanged for a login before works on, and no longer than exposedUntil says", async () => {
    const { answer, login } = await lend({ access: ["read"], scope: TRAIN });
    const { env } = await newLogin("skopeo", login);
    const query = `service=${REGISTRY}&scope=repository:vision/train:pull,metadata_read`;
    const user = ["-u", `${login.username}:${login.password}`];
    const exchanged = textAt(await curl(system, `https://${REGISTRY}/oauth2/token?${query}`, user), "access_token");

    const ended = await lender.end(answer);
    expect(ended.json).toMatchObject({ state: "revoked", revocation: "delayed", notDone: [expect.any(String)] });
    // What skopeo has kept is the password.
    const pulled = await meeting(system, () => pull(tools, "skopeo", `${REGISTRY}/vision/train:v1`, env));
    expect(pulled.code === 0).toBe(false);
    expect(pulled.statusesAt("/oauth2/token")).toEqual([401]);

    const bearer = ["-H", `Authorization: Bearer ${exchanged}`];
    expect((await curl(system, `https://${REGISTRY}/v2/vision/train/tags/list`, bearer)).status).toBe(200);
    const { exp } = JSON.parse(Buffer.from(exchanged.split(".")[1] ?? "", "base64url").toString());
    expect(untilExposed(ended)).toBeGreaterThanOrEqual(Number(exp) * 1000);
  });
});

describe("what az says of the registry", () => {
  const registry = "demozenmlcontainerregistry";
  const az = (...args: readonly string[]) => {
    const env = { AZURE_CONFIG_DIR: join(system.home, "azure"), AZURE_CORE_COLLECT_TELEMETRY: "no" };
    return system.run("az", [...args, "--output", "json"], { env });
  };
  /** Names of what Latchkey has made there. */
  async function made(kind: "token" | "scope-map"): Promise<readonly string[]> {
    const { code, stdout, stderr } = await az("acr", kind, "list", "--registry", registry);
    expect(code, stderr).toBe(0);
    const listed: unknown = JSON.parse(stdout);
    const names = Array.isArray(listed) ? listed.map((one) => String(Reflect.get(Object(one), "name"))) : [];
    return names.filter((name) => name.startsWith("latchkey-"));
  }

  test("az: a login is a token with a scope map of its content; nothing is left when it was given back", async () => {
    const { clientId, secret } = applicationOf(system.seed, "zenml-connector");
    const who = ["--service-principal", "-u", clientId, "-p", secret, "--tenant", system.seed.tenant.id];
    expect(await az("login", ...who)).toMatchObject({ code: 0 });

    const { answer, login } = await lend({ access: ["read"], scope: { repositories: ["vision/serve"] } });
    const named = ["acr", "token", "show", "--registry", registry, "--name", login.username];
    const shown = JSON.parse((await az(...named)).stdout);
    expect(shown).toMatchObject({ status: "enabled", credentials: { passwords: [{ name: "password1" }] } });
    // The map that it names is there while it is, and for one repository.
    const mapName = String(shown.scopeMapId).split("/").at(-1) ?? "";
    const map = await az("acr", "scope-map", "show", "--registry", registry, "--name", mapName);
    expect(JSON.parse(map.stdout).actions.toSorted()).toEqual([
      "repositories/vision/serve/content/read",
      "repositories/vision/serve/metadata/read",
    ]);

    await lender.end(answer);
    expect((await az(...named)).code === 0).toBe(false);
    for (const other of lent) await lender.end(other);
    expect(await made("token")).toEqual([]);
    expect(await made("scope-map")).toEqual([]);
  });
});

test("a login for the whole registry is not lent by a grant of logins", async () => {
  const refused = { status: 403, json: { code: "SCOPE_TOO_WIDE" } };
  expect(await ask({ access: ["read"], form: "registry-wide" })).toMatchObject(refused);
  expect(await ask({ access: ["read"], scope: { repositories: ["zenml"] } })).toMatchObject(refused);
});

function untilExposed(answer: HttpAnswer): number {
  return Date.parse(textAt(answer, "exposedUntil"));
}
