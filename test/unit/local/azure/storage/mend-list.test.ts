/** Mirrors infra/local/azure/storage/mend-list.ts; the expected list has the form of recorded answers of Azure. */
import { expect, test } from "vitest";
import { mendList } from "../../../../../infra/local/azure/storage/mend-list.ts";

const AZURITE =
  '<?xml version="1.0" encoding="UTF-8" standalone="yes"?><EnumerationResults ServiceEndpoint="https://a.blob.core.windows.net/a" ContainerName="c"><Prefix>x</Prefix><Marker/><MaxResults>5000</MaxResults><Blobs><Blob><Name>&lt;Prefix/&gt;</Name><Properties><Etag>0x1</Etag><Content-Length>11</Content-Length><BlobType>BlockBlob</BlobType><LeaseState>available</LeaseState><AccessTier>Hot</AccessTier><AccessTierInferred>true</AccessTierInferred><AccessTierChangeTime>Sun, 22 Nov 2026 02:59:39 GMT</AccessTierChangeTime></Properties><Metadata><k>v</k></Metadata></Blob></Blobs><NextMarker/></EnumerationResults>';

test("mendList: repeats what was asked alone, and gives each blob the members that Azure gives", () => {
  expect(mendList(AZURITE, new URLSearchParams("prefix=x"))).toBe(
    '\uFEFF<?xml version="1.0" encoding="utf-8"?><EnumerationResults ServiceEndpoint="https://a.blob.core.windows.net/" ContainerName="c"><Prefix>x</Prefix><Blobs><Blob><Name>&lt;Prefix/&gt;</Name><Properties><Etag>0x1</Etag><Content-Length>11</Content-Length><Content-Encoding /><Content-Language /><Content-CRC64 /><Cache-Control /><Content-Disposition /><BlobType>BlockBlob</BlobType><AccessTier>Hot</AccessTier><AccessTierInferred>true</AccessTierInferred><LeaseState>available</LeaseState></Properties><Metadata><k>v</k></Metadata><OrMetadata /></Blob></Blobs><NextMarker /></EnumerationResults>',
  );
});

test("mendList: maxresults that was asked is repeated", () => {
  expect(mendList(AZURITE, new URLSearchParams("maxresults=5000"))).toContain("<MaxResults>5000</MaxResults>");
});
