/** Setting LATCHKEY_OIDC_ISSUERS: who, beside Microsoft Entra, vouches for callers. Read by config.ts. */
import { z } from "zod";
import { CLOUD_NAMES, cloudOf } from "./cloud.ts";
import { nameSchema } from "./names.ts";

/** Longest issuer, as octo-sts has it; longest audience alike. */
const MAX_LENGTH = 255;
/** https, a domain name in lower case, plain path segments. No user, port, query, fragment, escape or empty segment. */
const ISSUER =
  /^https:\/\/(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z](?:[a-z0-9-]{0,61}[a-z0-9])?(?:\/[A-Za-z0-9._~-]+)*\/?$/;
/** Audiences of tokens that are meant for Azure itself: whoever takes them is a confused deputy. */
const AZURE_AUDIENCES = CLOUD_NAMES.map((name) => cloudOf(name).exchangeAudience.toLowerCase());
/** Under the rules of any issuer a token of Entra would pass that was made for another service. */
const ENTRA_HOSTS = CLOUD_NAMES.map(cloudOf).flatMap(({ authorityHost, v1Issuer }) =>
  [authorityHost, v1Issuer].map((url) => new URL(url).host),
);

const issuerSchema = z.strictObject({
  name: nameSchema.describe("how principals and records name it"),
  kind: z.enum(["github-actions", "oidc"]),
  issuer: z
    .string()
    .max(MAX_LENGTH)
    .refine((text) => ISSUER.test(text) && isCanonical(text), "expected an https URL without port, query or tricks")
    .refine((text) => !URL.canParse(text) || !ENTRA_HOSTS.includes(new URL(text).host), {
      message: "tenants of Entra belong into LATCHKEY_TENANT_IDS",
    })
    .describe("`iss` of its tokens, letter by letter"),
  audience: z
    .string()
    .min(1)
    .max(MAX_LENGTH)
    .refine((text) => !AZURE_AUDIENCES.includes(text.toLowerCase()), "expected an audience of this service's own"),
});
/** One issuer of the setting. */
export type OidcIssuer = z.output<typeof issuerSchema>;

/** JSON text of a list; none by default. */
export const oidcIssuersSchema = z
  .string()
  .default("[]")
  .transform((text, context): unknown => {
    try {
      return JSON.parse(text);
    } catch {
      context.addIssue({ code: "custom", message: "expected a JSON array" });
      return z.NEVER;
    }
  })
  .pipe(
    z
      .array(issuerSchema)
      .max(20)
      .refine((issuers) => areUnique(issuers.map(({ name }) => name)), "expected every name once")
      .refine((issuers) => areUnique(issuers.map(({ issuer }) => issuer)), "expected every issuer once")
      // Two GitHubs number their repositories independently, and `github:<id>` says only the number.
      .refine((issuers) => issuers.filter(({ kind }) => kind === "github-actions").length <= 1, {
        message: "expected at most one issuer of kind github-actions",
      }),
  );

/** Whether a URL parser reads the text as it stands, e.g. without a dot segment. */
function isCanonical(text: string): boolean {
  return URL.canParse(text) && [text, `${text}/`].includes(new URL(text).href);
}

function areUnique(texts: readonly string[]): boolean {
  return new Set(texts).size === texts.length;
}
