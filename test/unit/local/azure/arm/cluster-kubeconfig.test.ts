/** The members of the kubeconfigs that AKS writes. */
import { expect, test } from "vitest";
import { parse } from "yaml";
import {
  administratorUser,
  authProviderUser,
  kubeconfig,
  kubeloginUser,
} from "../../../../../infra/local/azure/arm/cluster-kubeconfig.ts";

const written = (user: ReturnType<typeof kubeloginUser>) =>
  parse(kubeconfig({ cluster: "demo", server: "https://demo:443", ca: "CA", userName: "clusterUser_g_demo", user }));

test("cluster and context have the cluster's name, and the context is the current one", () => {
  expect(written({})).toEqual({
    apiVersion: "v1",
    kind: "Config",
    preferences: {},
    "current-context": "demo",
    clusters: [{ name: "demo", cluster: { server: "https://demo:443", "certificate-authority-data": "Q0E=" } }],
    contexts: [{ name: "demo", context: { cluster: "demo", user: "clusterUser_g_demo" } }],
    users: [{ name: "clusterUser_g_demo", user: {} }],
  });
});

test("the administrator has certificate, key and token", () => {
  const user = administratorUser({ certPem: "C", keyPem: "K", token: "t" });
  expect(written(user).users[0].user).toEqual({
    "client-certificate-data": "Qw==",
    "client-key-data": "Sw==",
    token: "t",
  });
});

test("a user of Entra has kubelogin and no credential", () => {
  const { exec, ...rest } = written(kubeloginUser("tenant-1")).users[0].user;
  expect(rest).toEqual({});
  expect(exec).toMatchObject({ apiVersion: "client.authentication.k8s.io/v1beta1", command: "kubelogin", env: null });
  expect(exec.args.slice(-4)).toEqual(["--tenant-id", "tenant-1", "--login", "devicecode"]);
  expect(written(authProviderUser("tenant-1")).users[0].user).toMatchObject({
    "auth-provider": { name: "azure", config: { "tenant-id": "tenant-1" } },
  });
});
