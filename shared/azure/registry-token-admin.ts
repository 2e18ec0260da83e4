/** Tokens and scope maps of customers' registries, in ARM. Implements OpenRegistryTokens of the credentials. */
import type { ContainerRegistryManagementClient } from "@azure/arm-containerregistry";
import type { ReopenedRegistry } from "../connectors/ports.ts";
import { registryArmId } from "../connectors/registry.ts";
import type { OpenRegistryTokens, RegistryTokens, Usage } from "../credentials/docker-login-ports.ts";
import { lazy } from "../lazy.ts";
import { BrokenAnswerError, readable } from "./broken-answers.ts";
import { armOptions } from "./client-options.ts";
import type { ConnectorIdentities } from "./identity.ts";
import { callAsConnector, failureOf } from "./upstream.ts";

const armModule = lazy(() => import("@azure/arm-containerregistry"));

/** For a piece of work as a whole: a token alone may take 20 s. Callers are told; a gateway before us waits 230 s. */
export const REGISTRY_WORK_MS = 60_000;
/** Wait before the second look at what Azure has not finished; it doubles up to MAX_POLL_MS. */
const FIRST_POLL_MS = 200;
const MAX_POLL_MS = 1_600;
const ROLE =
  "Grant the connector's identity the role Container Registry Contributor and Data Access Configuration Administrator at the registry.";

/** What this needs. `wait` ends with the signal. */
export type RegistryTokenAdminDeps = {
  readonly identities: ConnectorIdentities;
  readonly now: () => Date;
  readonly wait: (milliseconds: number, abortSignal: AbortSignal) => Promise<unknown>;
  /** REGISTRY_WORK_MS unless given. */
  readonly limitMs?: number;
};

/** See OpenRegistryTokens. */
export function createRegistryTokenAdmin(deps: RegistryTokenAdminDeps): OpenRegistryTokens {
  return (target) => openTokens(deps, target);
}

function openTokens(deps: RegistryTokenAdminDeps, { signIn, registry: place }: ReopenedRegistry): RegistryTokens {
  const { resourceGroup, registry, subscriptionId } = place;
  const where = [resourceGroup, registry] as const;
  const registryId = registryArmId(place);
  const scopeMapId = (scopeMap: string) => `${registryId}/scopeMaps/${scopeMap}`;
  const endsAt = deps.now().getTime() + (deps.limitMs ?? REGISTRY_WORK_MS);
  const client = lazy(async () => {
    const { ContainerRegistryManagementClient: Client } = await armModule();
    return new Client(deps.identities(signIn), subscriptionId, armOptions(signIn.cloud));
  });
  const call = <T>(
    what: string,
    work: (arm: ContainerRegistryManagementClient, abortSignal: AbortSignal) => Promise<T>,
  ): Promise<T> => {
    const left = Math.max(1, endsAt - deps.now().getTime());
    return callAsConnector(
      `${what} of the registry ${registry}`,
      ROLE,
      async (signal) => work(await client(), signal),
      left,
    );
  };

  /** Looks again until it is settled. @param look null = not yet */
  const until = async <T>(abortSignal: AbortSignal, look: () => Promise<{ readonly done: T } | null>): Promise<T> => {
    for (let pause = FIRST_POLL_MS; ; pause = Math.min(MAX_POLL_MS, pause * 2)) {
      const seen = await look();
      if (seen !== null) return seen.done;
      await deps.wait(pause, abortSignal);
    }
  };
  /** Until it is there as a whole. */
  const finished = <T extends { readonly provisioningState?: string }>(
    abortSignal: AbortSignal,
    get: () => Promise<T>,
  ) =>
    until(abortSignal, async () => {
      const found = await readable(get());
      const { provisioningState } = found;
      // What Azure has given up does not come by waiting.
      if (provisioningState === "Failed" || provisioningState === "Canceled") throw broken();
      return provisioningState === "Succeeded" ? { done: found } : null;
    });
  /** Sent again for as long as something else is under way there. Whether Azure has finished it; null = not there. */
  const submitted = (abortSignal: AbortSignal, send: () => Submitted) =>
    until(abortSignal, async () => {
      const sent = await unless([404, 409], submit(send()));
      if (typeof sent === "number") return sent === 404 ? { done: null } : null;
      return { done: sent };
    });
  const removed = async (
    abortSignal: AbortSignal,
    send: () => Submitted,
    get: () => Promise<unknown>,
  ): Promise<void> => {
    try {
      if ((await submitted(abortSignal, send)) === null) return;
    } catch (error) {
      // Whoever may not delete it may be allowed to see that it never came about.
      if (failureOf(error).status === 403 && (await unless([404], readable(get()))) === 404) return;
      throw error;
    }
    // Accepted is not done, and an empty answer may be anybody's.
    await until(abortSignal, async () => ((await unless([404], readable(get()))) === 404 ? { done: undefined } : null));
  };

  return {
    usage: () =>
      call("read the usage", async (arm, abortSignal) => {
        const { value = [] } = await readable(arm.registries.listUsages(...where, { abortSignal }));
        const usageOf = (name: string): Usage => {
          const found = value.find((usage) => usage.name?.toLowerCase() === name);
          const { currentValue, limit } = found ?? {};
          // Nobody may make more where it is not known how many there are.
          if (typeof currentValue !== "number") throw broken();
          return { used: currentValue, limit: typeof limit === "number" && limit > 0 ? limit : null };
        };
        return { tokens: usageOf("tokens"), scopeMaps: usageOf("scopemaps") };
      }),

    ensureScopeMap: ({ name, description, actions }, isNew) =>
      call("make a scope map", async (arm, abortSignal) => {
        const get = () => arm.scopeMaps.get(...where, name, { abortSignal });
        const known = isNew ? 404 : await unless([404], readable(get()));
        const isRight = known !== 404 && isSame(known.actions ?? [], actions);
        if (isRight && known.provisioningState === "Succeeded") return;
        if (!isRight) {
          const send = () =>
            arm.scopeMaps.create(...where, name, { description, actions: [...actions] }, { abortSignal });
          // In the way is another process that makes the same one.
          if ((await unless([409], submit(send()))) === "done") return;
        }
        // Whatever was in the way: nothing is lent that gives other rights.
        if (!isSame((await finished(abortSignal, get)).actions ?? [], actions)) throw broken();
      }),

    isIntact: (token, { name, actions }) =>
      call("read a token", async (arm, abortSignal) => {
        const [known, map] = await Promise.all([
          unless([404], readable(arm.tokens.get(...where, token, { abortSignal }))),
          unless([404], readable(arm.scopeMaps.get(...where, name, { abortSignal }))),
        ]);
        if (known === 404 || map === 404) return false;
        return isFor(known, scopeMapId(name)) && isSame(map.actions ?? [], actions);
      }),

    createToken: (token, scopeMap) =>
      call("make a token", async (arm, abortSignal) => {
        const wanted = { scopeMapId: scopeMapId(scopeMap), status: "enabled" };
        const send = () => arm.tokens.create(...where, token, wanted, { abortSignal });
        // In the way is only our own request, whose answer was lost.
        if ((await unless([409], submit(send()))) === "done") return;
        const made = await finished(abortSignal, () => arm.tokens.get(...where, token, { abortSignal }));
        if (!isFor(made, wanted.scopeMapId)) throw broken();
      }),

    generatePassword: (token, password, expiresAt) =>
      call("make a password", async (arm, abortSignal) => {
        const wanted = { tokenId: `${registryId}/tokens/${token}`, expiry: expiresAt, name: password };
        return until(abortSignal, async () => {
          const work = async () => arm.registries.generateCredentials(...where, wanted, { abortSignal });
          const made = await unless([404, 409], answered(work()));
          if (made === 404) return { done: null };
          // The token is not ready for it yet.
          if (made === 409) return null;
          // Both are listed, and only the new one has its value.
          const value = made.passwords?.find(({ name, value: text }) => name === password && text !== undefined)?.value;
          if (value === undefined || value === "") throw broken();
          return { done: value };
        });
      }),

    removePassword: (token, password) =>
      call("remove a password", async (arm, abortSignal) => {
        const get = () => arm.tokens.get(...where, token, { abortSignal });
        const known = await unless([404], readable(get()));
        if (known === 404) return;
        const passwords = known.credentials?.passwords ?? [];
        if (passwords.every(({ name }) => name !== password)) return;
        // Those that stay are named.
        const kept = passwords.filter(({ name }) => name !== password).map(({ name }) => ({ name: name ?? "" }));
        const update = { credentials: { passwords: kept } };
        const sent = await submitted(abortSignal, () => arm.tokens.update(...where, token, update, { abortSignal }));
        if (sent === "accepted") await finished(abortSignal, get);
      }),

    removeToken: (token) =>
      call("remove a token", (arm, abortSignal) =>
        removed(
          abortSignal,
          () => arm.tokens.delete(...where, token, { abortSignal }),
          () => arm.tokens.get(...where, token, { abortSignal }),
        ),
      ),

    removeScopeMap: (scopeMap) =>
      call("remove a scope map", (arm, abortSignal) =>
        removed(
          abortSignal,
          () => arm.scopeMaps.delete(...where, scopeMap, { abortSignal }),
          () => arm.scopeMaps.get(...where, scopeMap, { abortSignal }),
        ),
      ),
  };
}

/** What the SDK gives for a request that Azure may only accept: waiting for it would ask where nobody need have a right. */
type Submitted = { submitted(): Promise<void>; readonly isDone: boolean };

/** Sends it, and no more. */
async function submit(poller: Submitted): Promise<"done" | "accepted"> {
  await answered(poller.submitted());
  return poller.isDone ? "done" : "accepted";
}

/** For what Azure says it has given up the SDK has an error of no kind. @throws BrokenAnswerError */
async function answered<T>(work: Promise<T>): Promise<T> {
  try {
    return await readable(work);
  } catch (error) {
    if (error instanceof Error && error.name === "Error") throw broken();
    throw error;
  }
}

/** The expected refusals as their status. */
async function unless<T, S extends number>(statuses: readonly S[], work: Promise<T>): Promise<T | S> {
  try {
    return await work;
  } catch (error) {
    const { status } = failureOf(error);
    const expected = statuses.find((one) => one === status);
    if (expected === undefined) throw error;
    return expected;
  }
}

/** Compared without case, as Azure's own tools do. */
function isSame(left: readonly string[], right: readonly string[]): boolean {
  const key = (actions: readonly string[]) => JSON.stringify(actions.map((action) => action.toLowerCase()).toSorted());
  return key(left) === key(right);
}

/** Whether a token signs in, and gets the rights of this scope map. Ids of ARM differ in case. */
function isFor(token: { readonly status?: string; readonly scopeMapId?: string }, scopeMapId: string): boolean {
  const isEnabled = token.status?.toLowerCase() === "enabled";
  return isEnabled && token.scopeMapId?.toLowerCase() === scopeMapId.toLowerCase();
}

function broken(): BrokenAnswerError {
  return new BrokenAnswerError({ status: 502, headers: new Map() });
}
