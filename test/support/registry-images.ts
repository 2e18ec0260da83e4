/** Blobs and images pushed to a local container registry by plain requests. For contract tests. */
import { createHash, randomBytes } from "node:crypto";
import { expect } from "vitest";
import { type JsonAnswer, jsonRequest } from "./json-request.ts";
import type { LocalAzure } from "./local-azure.ts";
import { REGISTRY } from "./registry-requests.ts";

/** Media types. */
export const IMAGE = "application/vnd.oci.image.manifest.v1+json";
export const INDEX = "application/vnd.oci.image.index.v1+json";
const EMPTY = "application/vnd.oci.empty.v1+json";
/** Of no content that a test pushes. */
export const NOBODY_HAS = `sha256:${"0".repeat(64)}`;

/** Sends a request to a registry, with the token that the client was made with if it is given no other. */
export type RegistryClient = (
  method: string,
  path: string,
  options?: { token?: string; headers?: Record<string, string>; body?: string; host?: string },
) => Promise<JsonAnswer>;

export function createRegistryClient(azure: LocalAzure, token: string): RegistryClient {
  return (method, path, options = {}) =>
    jsonRequest(azure, method, `https://${options.host ?? REGISTRY}${path}`, { token, ...options });
}

export function digestOf(content: string): string {
  return `sha256:${createHash("sha256").update(content).digest("hex")}`;
}

/** The body of a refusal with that code. */
export function errorOf(code: string) {
  return { errors: [expect.objectContaining({ code })] };
}

/** @returns its digest */
export async function pushBlob(send: RegistryClient, name: string, content: string): Promise<string> {
  const digest = digestOf(content);
  const answer = await send("POST", `/v2/${name}/blobs/uploads/?digest=${digest}`, { body: content });
  expect(answer.status).toBe(201);
  return digest;
}

/**
 * An image with one layer of random content.
 * @param reference a tag, or `digest` for none
 * @param more members of its manifest
 */
export async function pushImage(send: RegistryClient, name: string, reference: string, more: object = {}) {
  const content = randomBytes(20).toString("hex");
  const [config, layer] = [await pushBlob(send, name, "{}"), await pushBlob(send, name, content)];
  const body = JSON.stringify({
    schemaVersion: 2,
    mediaType: IMAGE,
    config: { mediaType: EMPTY, digest: config, size: 2 },
    layers: [{ mediaType: "application/x", digest: layer, size: content.length }],
    ...more,
  });
  const target = reference === "digest" ? digestOf(body) : reference;
  const answer = await send("PUT", `/v2/${name}/manifests/${target}`, { headers: { "content-type": IMAGE }, body });
  return { answer, body, digest: digestOf(body), size: body.length };
}
