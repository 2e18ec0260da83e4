/** What a token can be asked for: Azure's own services and the tenant's applications. Used by the token endpoint. */
import { type Seed, storageAccountsOf } from "../../seed.ts";
import type { Application } from "./directory.ts";

/** A resource as a request named it. */
export type Resource = {
  /** Client id of the application that stands for the resource; makes the `sub` of users pairwise. */
  readonly clientId: string;
  /** `aud` of its tokens: v1 repeats the name that was asked for, v2 always is the client id. */
  readonly audience: string;
  readonly tokenVersion: 1 | 2;
  /** Whether tokens carry the optional claim `idtyp`. */
  readonly saysKindOfPrincipal: boolean;
  /** Whether users' tokens carry `groups`. */
  readonly saysGroups: boolean;
  /** The app registration, where the tenant has one: it alone has app roles. */
  readonly application: Application | undefined;
};

/** What takes tokens in exchange for others (Entra's "AAD Token Exchange Endpoint: Public"). Names as in AZURE_RESOURCES. */
export const TOKEN_EXCHANGE = {
  clientId: "fb60f99c-7a34-4190-8149-302f77469936",
  names: ["api://AzureADTokenExchange"],
} as const;

/** Azure's own services by client id; each takes v1 tokens. Names without a trailing slash. */
const AZURE_RESOURCES = [
  {
    clientId: "797f4846-ba00-4fd7-ba43-dac1f8f63013",
    names: ["https://management.azure.com", "https://management.core.windows.net"],
    saysKindOfPrincipal: true,
  },
  {
    clientId: "e406a681-f3d4-42a8-90b6-c2b029497af1",
    names: ["https://storage.azure.com"],
    saysKindOfPrincipal: false,
  },
  {
    clientId: "cfa8b339-82a2-471a-a3c9-0fc0be7a4093",
    names: ["https://vault.azure.net"],
    saysKindOfPrincipal: false,
  },
  // API servers of AKS are asked for by this id, and by no name.
  {
    clientId: "6dae42f8-4368-4678-94ff-3960e28e3630",
    names: [],
    saysKindOfPrincipal: false,
  },
  {
    clientId: "76c92352-c057-4cc2-9b1e-f34c32bc58bd",
    names: ["https://containerregistry.azure.net"],
    saysKindOfPrincipal: false,
  },
] as const;
const STORAGE_CLIENT_ID = AZURE_RESOURCES[1].clientId;
const STORAGE_ACCOUNT_NAME = /^https:\/\/([a-z0-9]{3,24})\.(?:blob|queue|table)\.core\.windows\.net$/;

/** The resource with that name (application ID URI or client id, one trailing slash more or less), or undefined. */
export function findResource(seed: Seed, asked: string): Resource | undefined {
  const name = asked.toLowerCase().replace(/\/$/, "");
  if ([TOKEN_EXCHANGE.clientId, ...TOKEN_EXCHANGE.names].some((known) => known.toLowerCase() === name)) {
    return {
      clientId: TOKEN_EXCHANGE.clientId,
      audience: TOKEN_EXCHANGE.clientId,
      tokenVersion: 2,
      saysKindOfPrincipal: true,
      saysGroups: false,
      application: undefined,
    };
  }
  const azure =
    AZURE_RESOURCES.find((one) => one.clientId === name || one.names.some((known) => known === name)) ??
    storageAccountNamed(seed, name);
  if (azure !== undefined) {
    const { clientId, saysKindOfPrincipal } = azure;
    // The services behind these tokens look up groups themselves; here the token carries them, so that they need not.
    return {
      clientId,
      audience: asked,
      tokenVersion: 1,
      saysKindOfPrincipal,
      saysGroups: true,
      application: undefined,
    };
  }
  const application = seed.applications.find((one) =>
    [one.clientId, ...one.identifierUris].some((known) => known.toLowerCase().replace(/\/$/, "") === name),
  );
  if (application === undefined) return undefined;
  return {
    clientId: application.clientId,
    audience: application.accessTokenVersion === 2 ? application.clientId : asked,
    tokenVersion: application.accessTokenVersion,
    saysKindOfPrincipal: application.accessTokenVersion === 2,
    saysGroups: application.groupClaims,
    application,
  };
}

function storageAccountNamed(seed: Seed, name: string) {
  const account = STORAGE_ACCOUNT_NAME.exec(name)?.[1];
  const known = storageAccountsOf(seed).some((one) => one.account.name === account);
  return known ? { clientId: STORAGE_CLIENT_ID, saysKindOfPrincipal: false } : undefined;
}
