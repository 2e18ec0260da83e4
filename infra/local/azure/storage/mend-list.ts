/** Lists of containers and blobs as Azure writes them, made of those that Azurite writes (called by mend.ts). */
import { xmlStart } from "./storage-error.ts";

/** The properties of a blob in Azure's order; those in `EMPTY` are there also without a value. */
const PROPERTIES = [
  ...["Creation-Time", "Last-Modified", "Etag", "Content-Length", "Content-Type", "Content-Encoding"],
  ...["Content-Language", "Content-CRC64", "Content-MD5", "Cache-Control", "Content-Disposition", "BlobType"],
  ...["AccessTier", "AccessTierInferred", "LeaseStatus", "LeaseState", "ServerEncrypted"],
];
const EMPTY = ["Content-Encoding", "Content-Language", "Content-CRC64", "Cache-Control", "Content-Disposition"];

/** @param query of the request: Azure repeats only what was asked */
export function mendList(text: string, query: URLSearchParams): string {
  const asked = (name: string, parameter: string) => (whole: string) =>
    query.get(parameter) ? whole : whole.replace(new RegExp(`<${name}>[^<]*</${name}>|<${name}/>`), "");
  const [head = "", ...rest] = text.replace(/^<\?xml.*?\?>/, "").split(/(?=<(?:Blobs|Containers)\b)/);
  const mended = [asked("Prefix", "prefix"), asked("Marker", "marker"), asked("MaxResults", "maxresults")].reduce(
    (whole, mend) => mend(whole),
    // Azurite adds the account to the path although it is in the host name already.
    head.replace(/(ServiceEndpoint="https:\/\/[^/"]+\/)[^"]*"/, '$1"'),
  );
  const items = rest
    .join("")
    .replaceAll(/<Blob>(.*?)<Properties>(.*?)<\/Properties>(.*?)<\/Blob>/gs, (_all, before, properties, after) => {
      return `<Blob>${before}<Properties>${mendProperties(properties)}</Properties>${after}<OrMetadata /></Blob>`;
    });
  return `${xmlStart()}${mended}${items}`.replaceAll(/<([\w-]+)\/>/g, "<$1 />");
}

function mendProperties(xml: string): string {
  const values = new Map([...xml.matchAll(/<([\w-]+)>([^<]*)<\/\1>/g)].map(([, name = "", text = ""]) => [name, text]));
  return PROPERTIES.map((name) => {
    const text = values.get(name);
    if (text) return `<${name}>${text}</${name}>`;
    return EMPTY.includes(name) ? `<${name} />` : "";
  }).join("");
}
