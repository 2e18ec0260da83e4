/**
 * The form docker-login of registries: a user name and a password that only these repositories take. The user is a token
 * of the registry, which has two passwords and so serves two leases. Joined to the others by functions/main.ts.
 */
import { ConflictError } from "../errors.ts";
import { utc } from "../time.ts";
import { chosenLifeSeconds } from "./chosen-life.ts";
import { dockerAuthEnv } from "./docker-auth.ts";
import { contentName } from "./docker-login-names.ts";
import { givePassword, type PasswordDeps, takePassword } from "./docker-login-password.ts";
import { type OpenRegistryTokens, PASSWORDS, type Slot, type SlotOwner } from "./docker-login-ports.ts";
import { refuseRegistryForm } from "./docker-registry.ts";
import { type Lease, leaseTimes } from "./lease.ts";
import type { Minted, MintRequest } from "./minted.ts";
import type { OpenRegistry, ReopenRegistry, UpstreamForm } from "./ports.ts";
import { type ResolveRepositoriesDeps, resolveRepositories } from "./resolve-repositories.ts";

/**
 * A client exchanges its login for a token of the registry that nobody can take back, in the last second too: 75 minutes.
 * Measured; the registry's documentation names no life.
 */
export const REGISTRY_TOKEN_LIFE_SECONDS = 4500;
/** A change of a password may take this long to be known. Source: the ACR documentation, repository-scoped permissions. */
export const PASSWORD_PROPAGATION_SECONDS = 60;

const REUSED = `The registry may need up to ${PASSWORD_PROPAGATION_SECONDS} seconds to know this password. Try again if it is refused at first.`;

/** What logins need. */
export type DockerLoginDeps = PasswordDeps &
  ResolveRepositoriesDeps & {
    readonly openRegistry: OpenRegistry;
    readonly reopenRegistry: ReopenRegistry;
    readonly openTokens: OpenRegistryTokens;
    readonly now: () => Date;
  };

/** See UpstreamForm. */
export function createDockerLogin(deps: DockerLoginDeps): UpstreamForm {
  return {
    revocation: "delayed",

    async plan(request, _leaseId, now) {
      const opened = await openFor(deps, request);
      const { connector, resourceId, displayName } = opened;
      const repositories = await resolveRepositories(deps, opened, request.scope);
      const { expiresAt } = leaseTimes(now, chosenLifeSeconds(request, connector, now));
      const { stateAccount } = deps;
      const { access } = request;
      // Which token it will be the table decides; this is how the names of all that it can be begin.
      const token = contentName({
        stateAccount,
        connectorId: connector.id,
        registryId: resourceId,
        repositories,
        access,
      });
      return { connector, resourceId, displayName, upstream: { token }, scope: { repositories }, expiresAt };
    },

    async make(request, planned, now, leaseId) {
      const repositories = planned.scope.repositories ?? [];
      const life = (Date.parse(planned.expiresAt) - Date.parse(utc(now))) / 1000;
      return lend(deps, request, { leaseId, repositories, life, isRenewal: false }, now);
    },

    async renew(request, lease, now) {
      const { connector, resourceId, signIn, registry } = await openFor(deps, request);
      const life = chosenLifeSeconds(request, connector, now);
      if (now.getTime() + life * 1000 > Date.parse(lease.maxUntil)) throw closedLease();
      const owner = ownerOf(lease);
      const out = outOf(lease);
      // Two at once, or a repetition, would each take away what the other has just made.
      const renewal = await deps.slots.beginRenewal(owner, out);
      try {
        // The one that is out stays; what is older, or was never answered, makes room.
        const tokens = deps.openTokens({ signIn, resourceId, registry });
        for (const slot of renewal.held) {
          const isOut = slot.token === out.token && slot.password === out.password;
          if (!isOut) await takePassword(deps, tokens, owner, slot, true);
        }
        const repositories = lease.scope.repositories ?? [];
        const minted = await lend(deps, request, { leaseId: lease.id, repositories, life, isRenewal: true }, now);
        // Not later than this: another renewal may start then, and would take this login for one that nobody got.
        await deps.slots.endRenewal(owner, renewal, true);
        return minted;
      } catch (error) {
        // What is not given back now is left alone for a while.
        await deps.slots.endRenewal(owner, renewal, false).catch(() => undefined);
        throw error;
      }
    },

    async remove(lease) {
      const owner = ownerOf(lease);
      const held = await deps.slots.close(owner);
      if (held.length > 0) {
        const tokens = deps.openTokens(await deps.reopenRegistry(lease.connectorId, lease.resourceId));
        // Who waits for a refusal is not kept waiting for what the sweep does as well, which waits the second time.
        const isPatient = lease.state !== "pending" || lease.revokeAttempts > 0;
        for (const slot of held) await takePassword(deps, tokens, owner, slot, isPatient);
      }
      await deps.slots.forget(owner);
      const seconds = PASSWORD_PROPAGATION_SECONDS + REGISTRY_TOKEN_LIFE_SECONDS;
      return { exposedUntil: new Date(deps.now().getTime() + seconds * 1000) };
    },
  };
}

/** The registry, if it can give this form. */
async function openFor(deps: DockerLoginDeps, request: MintRequest) {
  const opened = await deps.openRegistry(request.connector, request.resourceId, request.asked);
  refuseRegistryForm(opened, request.form);
  return opened;
}

type Lending = {
  readonly leaseId: string;
  readonly repositories: readonly string[];
  /** Seconds. */
  readonly life: number;
  readonly isRenewal: boolean;
};

async function lend(deps: DockerLoginDeps, request: MintRequest, lending: Lending, now: Date): Promise<Minted> {
  const opened = await openFor(deps, request);
  const { connector, resourceId, displayName, signIn, registry } = opened;
  const { leaseId, repositories, life, isRenewal } = lending;
  const times = leaseTimes(now, life);
  const tokens = deps.openTokens({ signIn, resourceId, registry });
  const { token, password, value, isReused } = await givePassword(deps, tokens, {
    owner: { registryId: resourceId, leaseId },
    opened,
    repositories,
    access: request.access,
    expiresAt: new Date(times.expiresAt),
    isRenewal,
  });
  const login = { loginServer: registry.loginServer, username: token, password: value };
  return {
    connector,
    resourceId,
    displayName,
    scope: { repositories },
    times,
    exposedUntil: utc(new Date(Date.parse(times.expiresAt) + REGISTRY_TOKEN_LIFE_SECONDS * 1000)),
    credential: { kind: "docker-login", ...login },
    marked: value,
    upstream: { token, password },
    warnings: isReused ? [REUSED] : [],
    env: dockerAuthEnv(login),
  };
}

function ownerOf({ id, resourceId }: Pick<Lease, "id" | "resourceId">): SlotOwner {
  return { registryId: resourceId, leaseId: id };
}

/** The login that was answered last. @throws ConflictError LEASE_CLOSED where none was */
function outOf({ upstream: { token, password } }: Lease): Slot {
  const name = PASSWORDS.find((one) => one === password);
  if (token === undefined || name === undefined) throw closedLease();
  return { token, password: name };
}

function closedLease(): ConflictError {
  return new ConflictError(
    "LEASE_CLOSED",
    "The lease has ended, or may not be renewed that long. Ask for a new credential.",
  );
}
