import { inspect } from "node:util";
import { describe, expect, test } from "vitest";
import { explainSignIn, refusalOf } from "../../../../shared/azure/sign-in-error.ts";
import type { SignIn } from "../../../../shared/connectors/ports.ts";
import { InputError, UpstreamError } from "../../../../shared/errors.ts";
import { signIn } from "../../../support/fakes.ts";

const TOKEN = "eyJhbGciOiJSUzI1NiJ9.the-token-that-must-not-be-seen";
/** A refusal, with the wrappings that the library puts around it, the outermost first. */
function refusal(fields: { status?: number; errorNo?: string | undefined }, wrappings: readonly string[]): Error {
  const server: Error = Object.assign(new Error(TOKEN), { name: "ServerError", ...fields });
  return wrappings.toReversed().reduce((cause, name) => Object.assign(new Error(TOKEN, { cause }), { name }), server);
}
const byEntra = (errorNo: string | undefined, status = 401) =>
  refusal({ status, errorNo }, ["AuthenticationRequiredError"]);
const byPlatform = (status = 400) => refusal({ status }, ["CredentialUnavailableError"]);

const secret = signIn();
const certificate = signIn({ secret: { kind: "certificate", read: async () => "" } });
const federated = signIn({ authMethod: "workload-identity", secret: null });
const managed = signIn({ authMethod: "managed-identity", secret: null });
const implicit = signIn({ authMethod: "implicit", secret: null });

describe("Entra's number decides what to do", () => {
  test.each<[string, SignIn, RegExp]>([
    ["7000215", secret, /client secret is wrong/],
    ["7000222", secret, /client secret has expired/],
    ["700016", secret, /clientId and tenantId/],
    ["90002", federated, /no tenant/],
    ["7000112", secret, /disabled/],
    ["700027", certificate, /does not know the certificate/],
    ["700024", certificate, /not valid at this time/],
    ["50027", certificate, /could not read/],
    ["50012", certificate, /tenantId and cloud/],
    ["5002738", certificate, /RSA/],
    ["70021", federated, /federated credential/],
    ["70025", federated, /has no federated credential/],
    ["700211", federated, /issuer/],
    ["700212", federated, /audience/],
    ["700213", federated, /subject/],
    ["700214", federated, /audience/],
    ["7002138", federated, /upper and lower case/],
    ["1234567", secret, /tenantId, clientId and the secret/],
    ["1234567", certificate, /tenantId, clientId and the certificate/],
    ["1234567", federated, /tenantId, clientId and the federated credential/],
  ])("%s", (number, by, text) => {
    const error = explainSignIn(byEntra(number), by);
    expect(error).toBeInstanceOf(InputError);
    expect(error).toMatchObject({ code: "SIGN_IN_FAILED", message: expect.stringMatching(text) });
    expect(error).toMatchObject({ message: expect.stringContaining(`AADSTS${number}`) });
  });

  test("a number that is none is not repeated, and nothing of the refusal is carried along", () => {
    const error = explainSignIn(byEntra(`1; ${TOKEN}`, 400), secret);
    expect(error).toMatchObject({ code: "SIGN_IN_FAILED" });
    expect(inspect(error, { depth: null, showHidden: true })).not.toContain(TOKEN);
    expect(error).not.toHaveProperty("cause");
  });
});

describe("what says nothing of the connector passes as it is", () => {
  test.each<[string, unknown, SignIn]>([
    ["throttling", byEntra("50196", 429), secret],
    ["an outage", byEntra("90033", 503), certificate],
    ["a remembered failure", refusal({ errorNo: "700016" }, ["AuthenticationRequiredError"]), secret],
    ["an answer without a number", byEntra(undefined, 400), secret],
    ["no answer", Object.assign(new Error("x"), { name: "RestError", code: "ENOTFOUND" }), federated],
    ["the endpoint of managed identities that fails", byPlatform(500), managed],
    ["something else in its place", byPlatform(404), managed],
    ["nothing", undefined, secret],
    ["text", "x", secret],
  ])("%s", (_what, error, by) => {
    expect(explainSignIn(error, by)).toBe(error);
  });
});

test("the endpoint of managed identities has no numbers: its 400 says that the identity is not attached", () => {
  expect(explainSignIn(byPlatform(), managed)).toMatchObject({
    code: "SIGN_IN_FAILED",
    message: expect.stringMatching(/[Aa]ttach/),
  });
});

test("the app's own identity that is refused is no fault of an implicit connector", () => {
  expect(explainSignIn(byEntra("7000215"), implicit)).toMatchObject({ code: "UPSTREAM_REFUSED", retryable: false });
});

test("an error of ours comes out however deep the library has put it", () => {
  const ours = new UpstreamError("VAULT_UNAVAILABLE", "x", { retryable: true });
  expect(explainSignIn(ours, secret)).toBe(ours);
  const wrapped = new Error("a", { cause: new Error("b", { cause: new Error("c", { cause: ours }) }) });
  expect(explainSignIn(wrapped, federated)).toBe(ours);
});

test("causes that go round end", () => {
  const round = new Error("a");
  round.cause = round;
  expect(explainSignIn(round, secret)).toBe(round);
  expect(refusalOf(round)).toBeNull();
});

test("a refusal two causes deep is found", () => {
  const deep = refusal({ status: 400 }, ["AuthenticationRequiredError", "CredentialUnavailableError"]);
  expect(refusalOf(deep)).toEqual({ status: 400, number: null });
});
