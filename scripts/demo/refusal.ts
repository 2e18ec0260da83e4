/** What the demo shows of an attempt that Azure Storage must refuse. */
import { RestError } from "@azure/storage-blob";
import { Surprise } from "./stage.ts";

/** Status and code of the refusal. @throws Surprise when the attempt is not refused with 403 */
export async function refusalOf(attempt: Promise<unknown>): Promise<string> {
  try {
    await attempt;
  } catch (error) {
    if (error instanceof RestError && error.statusCode === 403) return `403 ${error.code ?? ""}`;
    throw error;
  }
  throw new Surprise("this should have been refused");
}
