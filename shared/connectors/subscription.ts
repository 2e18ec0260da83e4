/** Subscriptions: their names, and which of them a connector reaches. Used by verify, register and use. */
import { ConflictError, DeniedError, InputError, NotFoundError } from "../errors.ts";
import type { Limits } from "./inventory.ts";
import type { AzureView, SignIn, Subscription } from "./ports.ts";
import { sameText } from "./resource-name.ts";

/** What a name says: one subscription for certain, or the one of that display name. */
export type SubscriptionName =
  | { readonly kind: "id"; readonly subscriptionId: string }
  | { readonly kind: "display-name"; readonly displayName: string };

const GUID = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;
const ARM_ID = /^\/subscriptions\/([^/]+)$/i;
/** Azure takes 1 to 64 characters; a slash would look like an id. */
const DISPLAY_NAME = /^[^\p{Cc}\p{Cs}/]{1,64}$/u;

/**
 * Reads `/subscriptions/ID`, `ID` or a display name.
 * @throws InputError INVALID_REQUEST
 */
export function parseSubscriptionName(text: string): SubscriptionName {
  const name = readSubscriptionName(text);
  if (name !== null) return name;
  throw new InputError(
    "INVALID_REQUEST",
    "The resourceId is not the name of a subscription. Give /subscriptions/ID, the id, or the subscription's name.",
    { problems: [{ path: "/resourceId", expected: "/subscriptions/ID, an id or a name" }] },
  );
}

/** As parseSubscriptionName; null for text that names none. */
export function readSubscriptionName(text: string): SubscriptionName | null {
  const id = ARM_ID.exec(text)?.[1] ?? text;
  if (GUID.test(id)) return { kind: "id", subscriptionId: id.toLowerCase() };
  return DISPLAY_NAME.test(text) ? { kind: "display-name", displayName: text } : null;
}

/** The canonical id. */
export function subscriptionArmId({ subscriptionId }: Pick<Subscription, "subscriptionId">): string {
  return `/subscriptions/${subscriptionId}`;
}

/**
 * Whether what a caller wrote can mean the subscription with this canonical id. Policy does not ask Azure: a display
 * name can mean any, and `resolveSubscription` compares it before anything is lent.
 */
export function meansSubscription(text: string, canonicalId: string): boolean {
  const [meant, canonical] = [
    readSubscriptionName(text),
    ARM_ID.test(canonicalId) && readSubscriptionName(canonicalId),
  ];
  if (meant === null || canonical === false || canonical?.kind !== "id") return false;
  return meant.kind === "display-name" || meant.subscriptionId === canonical.subscriptionId;
}

/** Subscriptions within the limits. @throws what AzureView throws */
export async function listSubscriptions(view: AzureView, limits: Limits): Promise<readonly Subscription[]> {
  return (await view.subscriptions()).filter((subscription) => isWithin(subscription, limits));
}

/**
 * Finds the one subscription that a name means inside a connector.
 * @throws InputError INVALID_REQUEST, DeniedError DENIED (outside the limits), NotFoundError RESOURCE_NOT_FOUND,
 * ConflictError AMBIGUOUS_RESOURCE, and what AzureView throws
 */
export async function resolveSubscription(view: AzureView, limits: Limits, text: string): Promise<Subscription> {
  const name = parseSubscriptionName(text);
  if (isNarrow(limits) || (name.kind === "id" && !isWithin(name, limits))) {
    throw new DeniedError(
      "DENIED",
      "This subscription is outside the limits of the connector, and a token cannot be limited to less than all that its identity may do. Use a connector that covers the subscription.",
    );
  }
  const found = (await listSubscriptions(view, limits)).filter((subscription) => isNamed(subscription, name));
  const [first] = found;
  if (found.length > 1) {
    throw new ConflictError(
      "AMBIGUOUS_RESOURCE",
      "Several subscriptions within the connector have this name. Give the id of the one that you mean.",
      { candidates: found.map(subscriptionArmId) },
    );
  }
  if (first !== undefined) return first;
  throw new NotFoundError(
    "RESOURCE_NOT_FOUND",
    "No such subscription within the connector. Check the name; the connector's identity needs a role in the subscription to see it.",
  );
}

/** As resolveSubscription, as a sign-in sees it. */
export type ResolveSubscription = (signIn: SignIn, limits: Limits, text: string) => Promise<Subscription>;

/** Whether a name, if it is one, is that of the subscription. */
export function isNamed(subscription: Subscription, name: SubscriptionName): boolean {
  return name.kind === "id"
    ? sameText(name.subscriptionId, subscription.subscriptionId)
    : sameText(name.displayName, subscription.displayName);
}

/** Limits inside a subscription are none that a token could keep. */
function isNarrow({ configuration }: Limits): boolean {
  return configuration.resourceGroup !== null || configuration.storageAccount !== null;
}

function isWithin(subscription: Pick<Subscription, "subscriptionId">, limits: Limits): boolean {
  const { configuration, resourceId } = limits;
  if (isNarrow(limits)) return false;
  if (resourceId !== null && !sameText(resourceId, subscriptionArmId(subscription))) return false;
  return configuration.subscriptionId === null || sameText(configuration.subscriptionId, subscription.subscriptionId);
}
