/** Copies and looks at images with a lent login: by skopeo where it is installed, else by the registry's own HTTP API. */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { z } from "zod";
import { hasProgram, runProgram } from "./programs.ts";
import { Surprise } from "./stage.ts";

/** A lent login, as the app answers it. */
export type Login = { readonly loginServer: string; readonly username: string; readonly password: string };
/** What the demo does with images. Names are `REPOSITORY:TAG`. False: refused. */
export type ImageClient = {
  /** How it is shown. */
  readonly name: string;
  copy(login: Login, from: string, to: string): Promise<boolean>;
  /** The digest; null when it is refused. */
  inspect(login: Login, image: string): Promise<string | null>;
};

/** @param env sends programs to the local Azure */
export async function openImageClient(env: Readonly<Record<string, string>>): Promise<ImageClient> {
  return (await hasProgram("skopeo", ["--version"])) ? skopeo(env) : plainHttp();
}

function skopeo(env: Readonly<Record<string, string>>): ImageClient {
  const run = async (login: Login, args: (login: Login, authFile: string) => readonly string[]) => {
    const home = mkdtempSync(join(tmpdir(), "latchkey-demo-login-"));
    try {
      const authFile = join(home, "auth.json");
      const auth = Buffer.from(`${login.username}:${login.password}`).toString("base64");
      writeFileSync(authFile, JSON.stringify({ auths: { [login.loginServer]: { auth } } }), { mode: 0o600 });
      const ended = await runProgram("skopeo", args(login, authFile), { ...env, HOME: home, XDG_RUNTIME_DIR: home });
      if (ended.code === 0) return ended.stdout.trim();
      if (/unauthorized|denied|authentication required/i.test(ended.stderr)) return null;
      throw new Surprise(`skopeo failed: ${ended.stderr.trim()}`);
    } finally {
      rmSync(home, { recursive: true, force: true });
    }
  };
  const named = ({ loginServer }: Login, image: string) => `docker://${loginServer}/${image}`;
  return {
    name: "skopeo",
    copy: async (login, from, to) =>
      (await run(login, (by, authFile) => [
        ...["--insecure-policy", "copy", "--quiet", "--authfile", authFile],
        ...[named(by, from), named(by, to)],
      ])) !== null,
    inspect: (login, image) =>
      run(login, (by, authFile) => ["inspect", "--authfile", authFile, "--format", "{{.Digest}}", named(by, image)]),
  };
}

const tokenSchema = z.object({ access_token: z.string() });
const MANIFEST = "application/vnd.oci.image.manifest.v1+json";

/** A tag more for an image that is there needs its manifest alone. */
function plainHttp(): ImageClient {
  const request = async (
    login: Login,
    image: string,
    actions: string,
    send: (url: string, token: string) => Promise<Response>,
  ) => {
    const { loginServer, username, password } = login;
    const [repository, tag] = image.split(":");
    const scope = encodeURIComponent(`repository:${repository}:${actions}`);
    const basic = Buffer.from(`${username}:${password}`).toString("base64");
    const asked = await fetch(`https://${loginServer}/oauth2/token?service=${loginServer}&scope=${scope}`, {
      headers: { authorization: `Basic ${basic}` },
    });
    if (asked.status === 401) return null;
    const { access_token } = tokenSchema.parse(await asked.json());
    const answer = await send(`https://${loginServer}/v2/${repository}/manifests/${tag}`, access_token);
    if (answer.status === 401) return null;
    if (!answer.ok) throw new Surprise(`the registry answered ${answer.status}`);
    return answer;
  };
  const pull = (login: Login, image: string) =>
    request(login, image, "pull", (url, token) =>
      fetch(url, { headers: { authorization: `Bearer ${token}`, accept: MANIFEST } }),
    );
  return {
    name: "the registry's HTTP API",
    async copy(login, from, to) {
      const manifest = await pull(login, from);
      if (manifest === null) return false;
      const body = Buffer.from(await manifest.arrayBuffer());
      const pushed = await request(login, to, "pull,push", (url, token) =>
        fetch(url, { method: "PUT", headers: { authorization: `Bearer ${token}`, "content-type": MANIFEST }, body }),
      );
      return pushed !== null;
    },
    inspect: async (login, image) => (await pull(login, image))?.headers.get("docker-content-digest") ?? null,
  };
}
