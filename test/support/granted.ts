/** What platform-automation is granted in the system that most e2e files share, by the names of their connectors. Used by e2e-setup.ts. */
import { ARTIFACTS, containerId, DATASETS, numbered } from "./policy.ts";

/** A subscription that is not there. */
export const OTHER_SUBSCRIPTION = "11111111-2222-4333-8444-555555555555";
/** The other container of the name `datasets`. */
export const OTHER_DATASETS = containerId("demozenmlarchive", "datasets");
/** Nothing of the service's own is ever lent, whatever a grant says. */
export const OWN_STATE = containerId("latchkeystate", "latchkey", "latchkey");
/** See OWN_STATE. */
export const HOST_STATE = containerId("latchkeyhost", "azure-webjobs-secrets", "latchkey");

/** Granted before the system decides for the first time, so that no file waits until a change of policy holds. */
export const GRANTED: Readonly<Record<string, readonly string[]>> = {
  "bad-input-account": [ARTIFACTS],
  "bad-input-ending": [ARTIFACTS],
  "bad-input-free": [
    ...[ARTIFACTS, DATASETS, OTHER_DATASETS, OWN_STATE, HOST_STATE],
    containerId("demozenmlarchive", "cold-models"),
    containerId("demozenmlartifacts", "no-such-container"),
    containerId("demozenmlartifacts", "no-such-group", "no-such-group"),
    ARTIFACTS.replace(/(?<=\/subscriptions\/)[^/]+/, OTHER_SUBSCRIPTION).replace(
      "demo-zenmlartifactstore",
      "elsewhere",
    ),
  ],
  "bad-input-group": [ARTIFACTS],
  "bad-input-none": [ARTIFACTS],
  "bad-input-resource": [ARTIFACTS, DATASETS, OTHER_DATASETS],
  "bad-input-subscription": [ARTIFACTS],
  "callers-connector": [ARTIFACTS],
  "credentials-main": [ARTIFACTS, DATASETS],
  "openapi-connector": [ARTIFACTS],
  ...numbered("faults", 80, [ARTIFACTS, DATASETS]),
  ...Object.fromEntries(["vault", "key", "audit", "row"].map((step) => [`slow-${step}`, [ARTIFACTS]])),
  "slow-arm": [ARTIFACTS, DATASETS],
};
