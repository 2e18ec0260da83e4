/** How container clients are told a login. Used by the forms of registries. Pure. */

/** User name beside which a registry takes a token as password. Source: the ACR documentation on authentication. */
export const TOKEN_USER = "00000000-0000-0000-0000-000000000000";

/** One login at a registry. */
export type DockerLogin = { readonly loginServer: string; readonly username: string; readonly password: string };

/** Ready to export: the content of a docker configuration file, in the variable that CI runners read. */
export function dockerAuthEnv({ loginServer, username, password }: DockerLogin): {
  readonly DOCKER_AUTH_CONFIG: string;
} {
  const auth = Buffer.from(`${username}:${password}`, "utf8").toString("base64");
  return { DOCKER_AUTH_CONFIG: JSON.stringify({ auths: { [loginServer]: { auth } } }) };
}
