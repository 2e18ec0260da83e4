/** How large an Azure of bench:inventory is, and the names in it. Used by both of its processes. */
import { z } from "zod";

const sizeSchema = z.object({
  /** Sets the subscriptions of one run apart from those of others. */
  run: z.int().min(1).max(999),
  subscriptions: z.int().min(1),
  /** In each subscription, all in one region. */
  accounts: z.int().min(1),
  /** In each account. */
  containers: z.int().min(1),
});
/** See sizeSchema. */
export type ArmSize = z.output<typeof sizeSchema>;

/** A token that says what its bearer sees. */
export function tokenOf(size: ArmSize): string {
  return Buffer.from(JSON.stringify(size)).toString("base64url");
}

/** The other way round. */
export function readSize(token: string): ArmSize {
  return sizeSchema.parse(JSON.parse(Buffer.from(token, "base64url").toString()));
}

/** A GUID for each. */
export function subscriptionIdOf({ run }: Pick<ArmSize, "run">, at: number): string {
  return `${String(run).padStart(8, "0")}-0000-4000-8000-${String(at).padStart(12, "0")}`;
}

/** Of an account; every subscription has the same. */
export function accountName(at: number): string {
  return `account${String(at).padStart(5, "0")}`;
}

/** Of a container; every account has the same. */
export function containerName(at: number): string {
  return `container-with-a-name-of-usual-length-${String(at).padStart(6, "0")}`;
}
