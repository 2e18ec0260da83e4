/** A part of the demo: a job borrows a docker login for one repository, pushes and pulls with it, and gives it back. */
import { z } from "zod";
import type { LocalSystem } from "../../infra/local/system.ts";
import { CONTAINERS_CONNECTOR, PLACE, REGISTRY } from "./allow-containers.ts";
import { type ImageClient, type Login, openImageClient } from "./image-client.ts";
import { type Client, createClient, passwordToken, problemSchema, read } from "./latchkey-client.ts";
import { expectEqual, type Stage } from "./stage.ts";

const PATH = `connectors/${CONTAINERS_CONNECTOR}/credentials`;
const IMAGE = "vision/train:latest";
const PUSHED = "vision/train:run-42";
/** Everybody who brings a token as password has this name. Source: the documentation of Azure Container Registry. */
const NO_NAME = "00000000-0000-0000-0000-000000000000";

const loginSchema = z.object({
  leaseId: z.string(),
  expiresAt: z.string(),
  exposedUntil: z.string(),
  rule: z.string(),
  revocation: z.literal("delayed"),
  scope: z.object({ repositories: z.array(z.string()) }),
  credential: z.object({ loginServer: z.string(), username: z.string(), password: z.string() }),
});
const tokenSchema = z.object({
  scope: z.object({ repositories: z.array(z.string()) }),
  credential: z.object({ kind: z.literal("acr-access-token"), loginServer: z.string(), token: z.string() }),
});
const revokedSchema = z.object({ done: z.array(z.string()), notDone: z.array(z.string()) });

/** @param system where allowContainers has set the grants */
export async function lendImages(stage: Stage, system: LocalSystem): Promise<void> {
  stage.chapter("A training job pushes an image, with a login for one repository");
  const token = await passwordToken(system.seed, "scientist@zenmldemo.onmicrosoft.com");
  const scientist = createClient(system.apiUrl, token);
  const images = await openImageClient(system.clientEnv);
  const { leaseId, login } = await borrowLogin(stage, scientist);
  await pushAndPull(stage, images, login);
  await refused(stage, scientist, images, login);
  await borrowToken(stage, scientist, images);
  await giveBack(stage, scientist, images, leaseId, login);
}

function ask(scientist: Client, wanted: object) {
  return scientist.call("POST", PATH, { resourceType: "docker-registry", resourceId: REGISTRY, ...PLACE, ...wanted });
}

function borrowLogin(stage: Stage, scientist: Client): Promise<{ leaseId: string; login: Login }> {
  return stage.step(`POST /api/${PATH}: docker-login for vision/train`, async (show) => {
    const scope = { repositories: ["vision/train"] };
    const wanted = { scope, access: ["read", "write"], form: "docker-login", ttlSeconds: 600 };
    const answer = read(await ask(scientist, wanted), 201, loginSchema);
    const { loginServer, username, password } = answer.credential;
    show.fact("login", `${username} at ${loginServer}, ${password.length} characters of password`);
    show.fact("repositories", `${answer.scope.repositories.join(", ")}, by ${answer.rule}`);
    show.fact("expires", `${answer.expiresAt} (${answer.revocation})`);
    show.fact("exposed", `until ${answer.exposedUntil}: what it is exchanged for lives on`);
    return { leaseId: answer.leaseId, login: answer.credential };
  });
}

async function pushAndPull(stage: Stage, images: ImageClient, login: Login): Promise<void> {
  await stage.step(`Pull ${IMAGE} and push it as run-42 with ${images.name}`, async (show) => {
    expectEqual("pushed", await images.copy(login, IMAGE, PUSHED), true);
    const digest = await images.inspect(login, PUSHED);
    expectEqual("digest", digest, await images.inspect(login, IMAGE));
    show.fact("digest", digest ?? "");
  });
}

async function refused(stage: Stage, scientist: Client, images: ImageClient, login: Login): Promise<void> {
  await stage.step("Anything wider is refused, by the registry and by Latchkey", async (show) => {
    expectEqual("another repository", await images.inspect(login, "speech/asr:latest"), null);
    const asked: [string, object][] = [
      ["a repository beside", { access: ["read"], scope: { repositories: ["speech/asr"] } }],
      ["to delete", { access: ["delete"], scope: { repositories: ["vision/train"] } }],
      ["the whole registry", { access: ["read"], form: "registry-wide" }],
      ["a path that climbs", { access: ["read"], scope: { repositories: ["vision/../speech/asr"] } }],
    ];
    const rows = [["pull speech/asr with the login", "401", "by the registry"]];
    for (const [what, wanted] of asked) {
      const { status, body } = await ask(scientist, wanted);
      rows.push([what, String(status), problemSchema.parse(body).code]);
    }
    show.table(["TRIED", "STATUS", "CODE"], rows);
    expectEqual(
      "codes",
      rows.slice(1).map(([, , code]) => code),
      ["SCOPE_TOO_WIDE", "SCOPE_TOO_WIDE", "SCOPE_TOO_WIDE", "INVALID_REQUEST"],
    );
  });
}

async function borrowToken(stage: Stage, scientist: Client, images: ImageClient): Promise<void> {
  await stage.step("The default form: a token for all that the grant names, to read alone", async (show) => {
    const { scope, credential } = read(await ask(scientist, { access: ["read"] }), 201, tokenSchema);
    const login = { loginServer: credential.loginServer, username: NO_NAME, password: credential.token };
    expectEqual("repositories", scope.repositories, ["vision/serve", "vision/train"]);
    show.fact("repositories", `${scope.repositories.join(", ")}: vision/* as it is now`);
    show.fact("pull", (await images.inspect(login, "vision/serve:v1")) ?? "refused");
    expectEqual("push", await images.copy(login, "vision/serve:v1", "vision/serve:pushed"), false);
    show.fact("push", "401, by the registry");
  });
}

async function giveBack(
  stage: Stage,
  scientist: Client,
  images: ImageClient,
  leaseId: string,
  login: Login,
): Promise<void> {
  await stage.step("DELETE /api/leases/{id}: the login is dead", async (show) => {
    const { done, notDone } = read(await scientist.call("DELETE", `leases/${leaseId}`), 200, revokedSchema);
    for (const what of done) show.fact("done", what);
    for (const what of notDone) show.fact("not done", what);
    expectEqual("a new login", await images.inspect(login, IMAGE), null);
    show.fact("a new login", "401, by the registry");
  });
}
