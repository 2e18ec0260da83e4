/** Everything that the API says of a lease and of policy, for the search for leaked secrets. */
import { type Answer, type Api, CREDENTIAL_REQUEST, type IssuedBody, type Problem } from "./api.ts";

/**
 * Renews, shows, explains and ends a lease of platform-automation.
 * @returns the renewal, whose credential is as secret as the first, and every other answer
 * @throws Error when it cannot be renewed
 */
export async function livesOf(
  api: Api,
  connector: string,
  leaseId: string,
): Promise<{ renewed: IssuedBody; said: readonly Answer<Problem>[] }> {
  const renewed = await api.call<IssuedBody>("POST", `leases/${leaseId}/renew`, { body: {} });
  if (renewed.status !== 200) throw new Error(`not renewed: ${renewed.text}`);
  const said: Answer<Problem>[] = [];
  for (const path of ["leases", `leases/${leaseId}`, "memberships", "grants"]) said.push(await api.call("GET", path));
  said.push(await api.call("GET", "audit", { token: await api.tokenOf("auditor") }));
  said.push(await api.call("POST", `connectors/${connector}/credentials?plan=true`, { body: CREDENTIAL_REQUEST }));
  said.push(await api.call("POST", "access/explain", { body: { ...CREDENTIAL_REQUEST, connector } }));
  said.push(await api.call("DELETE", `leases/${leaseId}`));
  said.push(await api.call("POST", `leases/${leaseId}/renew`, { body: {} }));
  return { renewed: renewed.body, said };
}
