import { expect, test } from "vitest";
import { dockerAuthEnv, TOKEN_USER } from "../../../../shared/credentials/docker-auth.ts";

test("the login is that of the one registry, as docker's configuration file has it", () => {
  const { DOCKER_AUTH_CONFIG } = dockerAuthEnv({
    loginServer: "r.azurecr.io",
    username: TOKEN_USER,
    password: "a:b/c=",
  });
  const auth = Buffer.from("00000000-0000-0000-0000-000000000000:a:b/c=").toString("base64");
  expect(JSON.parse(DOCKER_AUTH_CONFIG)).toEqual({ auths: { "r.azurecr.io": { auth } } });
});
