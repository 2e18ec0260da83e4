/** Container clients with lent tokens of a registry: the repositories that were lent, and no other. */
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type ClientSystem, startClientSystem } from "./client-system.ts";
import { armId, type Lender, meeting, openContainerLending, REGISTRY } from "./container-lending.ts";
import { type ContainerTools, containerTools } from "./container-tools.ts";
import { type BuiltImage, buildImage, COPIERS, loginEnv, pull, push, signIn } from "./image-tools.ts";
import { curl, type HttpAnswer, textAt } from "./lending.ts";

const TRAIN = { scope: { repositories: ["vision/train"] } };

let system: ClientSystem;
let tools: ContainerTools;
let lender: Lender;
let built: BuiltImage;

beforeAll(async () => {
  system = await startClientSystem();
  tools = containerTools(system);
  const resourceId = armId(system, "ContainerRegistry/registries", ["demo-zenml-demos", "demozenmlcontainerregistry"]);
  lender = await openContainerLending(system, {
    connector: "registries",
    application: "zenml-connector",
    resourceType: "docker-registry",
    grants: {
      repositories: { resourceId, access: ["read", "write"], scope: { repositories: ["vision/*"] } },
      whole: {
        resourceId,
        access: ["read"],
        forms: ["registry-wide"],
        scope: { repositories: ["*"] },
        maxTtlSeconds: 10_800,
      },
      // Not to read: whoever names no repository would have to say which of two grants is meant.
      speech: { resourceId, access: ["write"], scope: { repositories: ["speech/*"] } },
    },
  });
  built = await buildImage(tools);
});
afterAll(() => system?.stop());

const ask = (wanted: object) => lender.ask({ resourceId: REGISTRY, ...wanted });

/** What was lent, and where clients find it as a login. */
async function lend(wanted: object) {
  const answer = await lender.lend({ resourceId: REGISTRY, ...wanted });
  return { answer, env: loginEnv(system.home, textAt(answer, "env", "DOCKER_AUTH_CONFIG")) };
}

describe("an access token to read one repository", () => {
  let answer: HttpAnswer;
  let env: ReturnType<typeof loginEnv>;
  beforeAll(async () => {
    ({ answer, env } = await lend({ access: ["read"], ...TRAIN }));
  });

  test("is told with the repository, the login server and an end", () => {
    expect(answer.json).toMatchObject({
      form: "access-token",
      scope: { repositories: ["vision/train"] },
      credential: { kind: "acr-access-token", loginServer: REGISTRY },
      expiresAt: expect.any(String),
    });
  });

  test.each(COPIERS)("%s pulls from it, and neither pulls from another nor pushes", async (copier) => {
    expect(await pull(tools, copier, `${REGISTRY}/vision/train:v1`, env)).toMatchObject({ code: 0 });
    const other = await meeting(system, () => pull(tools, copier, `${REGISTRY}/vision/serve:v1`, env));
    expect(other.code === 0).toBe(false);
    expect(other.statusesAt("/v2/vision/serve/")).toEqual([401]);
    const pushed = await meeting(system, () => push(tools, copier, built, `${REGISTRY}/vision/train:pushed`, env));
    expect(pushed.code === 0).toBe(false);
    expect(pushed.statusesAt("/v2/vision/train/blobs/uploads/"), pushed.stderr).toEqual([401]);
  });
});

describe("an access token itself, without a login", () => {
  test("skopeo takes it as --registry-token, and looks at the lent repository alone", async () => {
    const { answer } = await lend({ access: ["read"], ...TRAIN });
    const bearer = `--registry-token=${textAt(answer, "credential", "token")}`;
    const inspect = (image: string) => tools.run("skopeo", ["inspect", bearer, `docker://${REGISTRY}/${image}`]);
    const seen = await meeting(system, () => inspect("vision/train:v1"));
    expect(seen).toMatchObject({ code: 0 });
    expect(seen.statusesAt("/oauth2/")).toEqual([]);
    expect(JSON.parse(seen.stdout)).toMatchObject({ RepoTags: ["latest", "v1"] });
    const other = await meeting(system, () => inspect("vision/serve:v1"));
    expect(other).toMatchObject({ code: 1 });
    expect(other.statusesAt("/v2/vision/serve/")).toEqual([401]);
  });

  test("crane takes it as registrytoken, and pulls the lent repository alone", async () => {
    const { answer } = await lend({ access: ["read"], ...TRAIN });
    const auths = { [REGISTRY]: { registrytoken: textAt(answer, "credential", "token") } };
    const env = loginEnv(system.home, JSON.stringify({ auths }));
    const pulled = await meeting(system, () => pull(tools, "crane", `${REGISTRY}/vision/train:v1`, env));
    expect(pulled).toMatchObject({ code: 0 });
    expect(pulled.statusesAt("/oauth2/")).toEqual([]);
    const other = await meeting(system, () => pull(tools, "crane", `${REGISTRY}/vision/serve:v1`, env));
    expect(other).toMatchObject({ code: 1 });
    expect(other.statusesAt("/v2/vision/serve/")).toEqual([401]);
  });

  test("curl lists tags with it, and neither other tags nor repositories", async () => {
    const { answer } = await lend({ access: ["read"], ...TRAIN });
    const bearer = ["-H", `Authorization: Bearer ${textAt(answer, "credential", "token")}`];
    const statuses: number[] = [];
    for (const path of ["vision/train/tags/list", "_catalog", "zenml/tags/list"]) {
      statuses.push((await curl(system, `https://${REGISTRY}/v2/${path}`, bearer)).status);
    }
    expect(statuses).toEqual([200, 401, 401]);
  });
});

describe("an access token to write", () => {
  test("pushes with every client into a repository that was not there, and into no other", async () => {
    const scope = { repositories: ["vision/new", "vision/train"] };
    const { env } = await lend({ access: ["read", "write"], scope });
    for (const copier of COPIERS) {
      const image = `${REGISTRY}/vision/new:${copier}`;
      expect(await push(tools, copier, built, image, env), copier).toMatchObject({ code: 0 });
      const other = await meeting(system, () => push(tools, copier, built, `${REGISTRY}/vision/other:v1`, env));
      expect(other.code === 0, copier).toBe(false);
      expect(other.statusesAt("/v2/vision/other/"), copier).toEqual([401]);
    }
    const listed = await tools.run("skopeo", ["list-tags", `docker://${REGISTRY}/vision/new`], { env });
    expect(JSON.parse(listed.stdout).Tags).toEqual(COPIERS.toSorted());
    for (const copier of COPIERS) {
      expect(await pull(tools, copier, `${REGISTRY}/vision/new:${copier}`, env), copier).toMatchObject({ code: 0 });
    }
  });

  test("deletes nothing", async () => {
    const { env } = await lend({ access: ["read", "write"], ...TRAIN });
    const deleted = await meeting(system, () =>
      tools.run("skopeo", ["delete", `docker://${REGISTRY}/vision/train:v1`], { env }),
    );
    expect(deleted).toMatchObject({ code: 1 });
    expect(deleted.statusesAt("/v2/vision/train/manifests/sha256:", "DELETE")).toEqual([401]);
  });
});

test("an access token for all that the grant names is for no pattern, but for what is there", async () => {
  const { answer, env } = await lend({ access: ["read"] });
  expect(answer.json).toMatchObject({
    scope: { repositories: expect.arrayContaining(["vision/serve", "vision/train"]) },
  });
  expect(await pull(tools, "podman", `${REGISTRY}/vision/serve:v1`, env)).toMatchObject({ code: 0 });
  const other = await meeting(system, () => pull(tools, "podman", `${REGISTRY}/speech/asr:latest`, env));
  expect(other.code === 0).toBe(false);
  expect(other.statusesAt("/v2/speech/")).toEqual([401]);
});

test("what the grant does not name, or the identity may not do, is not lent", async () => {
  const refused = { status: 403, json: { code: "SCOPE_TOO_WIDE" } };
  expect(await ask({ access: ["read"], scope: { repositories: ["zenml"] } })).toMatchObject(refused);
  expect(await ask({ access: ["delete"], ...TRAIN })).toMatchObject(refused);
  const climbing = await ask({ access: ["read"], scope: { repositories: ["vision/../zenml"] } });
  expect(climbing).toMatchObject({ status: 400, json: { code: "INVALID_REQUEST" } });
});

test("a renewed access token is for the same repositories, under the same lease", async () => {
  const { answer } = await lend({ access: ["read"], ...TRAIN });
  const renewed = await lender.renew(answer);
  expect(renewed.status, renewed.text).toBe(200);
  const same = ["leaseId", "scope", "resourceId", "form"] as const;
  const of = (json: unknown) => same.map((member) => Object(json)[member]);
  expect(of(renewed.json)).toEqual(of(answer.json));
  expect(textAt(renewed, "credential", "token") === textAt(answer, "credential", "token")).toBe(false);
});

describe("a login for the whole registry", () => {
  test("is not lent for rights that only grants of other forms give", async () => {
    const refused = { status: 403, json: { code: "SCOPE_TOO_WIDE" } };
    expect(await ask({ access: ["write"], form: "registry-wide" })).toMatchObject(refused);
  });

  test("docker signs in with it, every client reads all of it, and it says so", async () => {
    const { answer, env } = await lend({ access: ["read"], form: "registry-wide" });
    expect(answer.json).toMatchObject({
      scope: {},
      warnings: [expect.any(String)],
      credential: { kind: "docker-login", loginServer: REGISTRY },
    });
    const login = {
      loginServer: REGISTRY,
      username: textAt(answer, "credential", "username"),
      password: textAt(answer, "credential", "password"),
    };
    const empty = loginEnv(system.home);
    const signedIn = await meeting(system, () => signIn(tools, "docker", login, empty));
    expect(signedIn).toMatchObject({ code: 0 });
    expect(signedIn.statusesAt("/oauth2/token")).toEqual([200]);
    for (const image of ["zenml:latest", "vision/serve:v1", "speech/asr:latest"]) {
      expect(await pull(tools, "skopeo", `${REGISTRY}/${image}`, env), image).toMatchObject({ code: 0 });
    }
    expect(await pull(tools, "crane", `${REGISTRY}/zenml:latest`, empty)).toMatchObject({ code: 0 });
  });
});
