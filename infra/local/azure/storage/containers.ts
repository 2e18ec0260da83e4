/** The blob containers in Azurite: listed for ARM, made at the first start from the seed (called by storage.ts). */
import { type Seed, storageAccountsOf } from "../../seed.ts";
import type { ContainerDirectory, StoredContainer } from "../ports.ts";
import type { AzuriteConnection } from "./azurite-connection.ts";

/** Reads containers as they are now. @throws Error when Azurite does not answer with a list */
export function createContainerDirectory(azurite: AzuriteConnection): ContainerDirectory {
  return {
    async list(account) {
      const containers: StoredContainer[] = [];
      let marker = "";
      do {
        const path = `/?comp=list${marker === "" ? "" : `&marker=${encodeURIComponent(marker)}`}`;
        const { status, body } = await azurite.call("blob", account, "GET", path);
        if (status !== 200) throw new Error(`Azurite lists no containers of ${account}: ${status}`);
        for (const [, xml = ""] of body.matchAll(/<Container>(.*?)<\/Container>/gs)) {
          containers.push({
            name: element(xml, "Name"),
            etag: element(xml, "Etag"),
            lastModified: new Date(element(xml, "Last-Modified")),
          });
        }
        marker = element(body, "NextMarker");
      } while (marker !== "");
      return containers;
    },
  };
}

/** Makes the containers of the seed that are not there yet. @throws Error when Azurite refuses one */
export async function seedContainers(seed: Seed, azurite: AzuriteConnection): Promise<void> {
  for (const { account } of storageAccountsOf(seed)) {
    for (const container of account.containers) {
      const { status } = await azurite.call("blob", account.name, "PUT", `/${container}?restype=container`);
      // 409: there since an earlier start.
      if (status !== 201 && status !== 409) {
        throw new Error(`Azurite does not make container ${account.name}/${container}: ${status}`);
      }
    }
  }
}

function element(xml: string, name: string): string {
  const text = new RegExp(`<${name}>([^<]*)</${name}>`).exec(xml)?.[1] ?? "";
  return text.replaceAll("&quot;", '"').replaceAll("&amp;", "&");
}
