/** Bodies that kubectl sends in Kubernetes' binary form, read into what their JSON would be. Called by object-bodies.ts. */
import { badRequest, notEmulated } from "./api-status.ts";

/** Media type of such a body. */
export const PROTOBUF = "application/vnd.kubernetes.protobuf";
/** What such a body begins with. Source: k8s.io/apimachinery, pkg/runtime/serializer/protobuf. */
const MAGIC = Buffer.from("k8s\0");
/** Wire types of the format (protobuf.dev, "Encoding"). */
const VARINT = 0;
const FIXED_64 = 1;
const LENGTH_DELIMITED = 2;
const FIXED_32 = 5;

type Kind = "string" | "bytes" | "number" | "boolean" | Schema | { readonly mapOf: "string" | "bytes" };
type Field = readonly [name: string, kind: Kind, many?: "many"];
/** Members of a message by their field number; all others are left out. */
type Schema = { readonly fields: Readonly<Record<number, Field>> };
const schema = (fields: Readonly<Record<number, Field>>): Schema => ({ fields });

/** Source of all numbers: `generated.proto` of k8s.io/apimachinery and k8s.io/api. */
const METADATA = schema({
  1: ["name", "string"],
  2: ["generateName", "string"],
  3: ["namespace", "string"],
  11: ["labels", { mapOf: "string" }],
  12: ["annotations", { mapOf: "string" }],
  14: ["finalizers", "string", "many"],
});
const RULE = schema({
  1: ["verbs", "string", "many"],
  2: ["apiGroups", "string", "many"],
  3: ["resources", "string", "many"],
  4: ["resourceNames", "string", "many"],
  5: ["nonResourceURLs", "string", "many"],
});
const SUBJECT = schema({
  1: ["kind", "string"],
  2: ["apiGroup", "string"],
  3: ["name", "string"],
  4: ["namespace", "string"],
});
const ROLE_REF = schema({ 1: ["apiGroup", "string"], 2: ["kind", "string"], 3: ["name", "string"] });
const ROLE = schema({ 1: ["metadata", METADATA], 2: ["rules", RULE, "many"] });
const BINDING = schema({ 1: ["metadata", METADATA], 2: ["subjects", SUBJECT, "many"], 3: ["roleRef", ROLE_REF] });
const BOUND_OBJECT = schema({
  1: ["kind", "string"],
  2: ["apiVersion", "string"],
  3: ["name", "string"],
  4: ["uid", "string"],
});
const RESOURCE_ATTRIBUTES = schema({
  1: ["namespace", "string"],
  2: ["verb", "string"],
  3: ["group", "string"],
  4: ["version", "string"],
  5: ["resource", "string"],
  6: ["subresource", "string"],
  7: ["name", "string"],
});
const PATH_ATTRIBUTES = schema({ 1: ["path", "string"], 2: ["verb", "string"] });
const METADATA_ONLY = schema({ 1: ["metadata", METADATA] });
const CONTAINER = schema({
  1: ["name", "string"],
  2: ["image", "string"],
  3: ["command", "string", "many"],
  4: ["args", "string", "many"],
});
const POD_SPEC = schema({ 2: ["containers", CONTAINER, "many"], 3: ["restartPolicy", "string"] });
const POD_TEMPLATE = schema({ 1: ["metadata", METADATA], 2: ["spec", POD_SPEC] });
const JOB_SPEC = schema({ 6: ["template", POD_TEMPLATE] });
const SELECTOR = schema({ 1: ["matchLabels", { mapOf: "string" }] });
const SCHEMAS: Readonly<Record<string, Schema>> = {
  ClusterRole: ROLE,
  ClusterRoleBinding: BINDING,
  DeleteOptions: schema({
    1: ["gracePeriodSeconds", "number"],
    2: ["preconditions", schema({ 1: ["uid", "string"], 2: ["resourceVersion", "string"] })],
    4: ["propagationPolicy", "string"],
    5: ["dryRun", "string", "many"],
  }),
  CronJob: schema({
    1: ["metadata", METADATA],
    2: [
      "spec",
      schema({
        1: ["schedule", "string"],
        5: ["jobTemplate", schema({ 1: ["metadata", METADATA], 2: ["spec", JOB_SPEC] })],
      }),
    ],
  }),
  Deployment: schema({
    1: ["metadata", METADATA],
    2: ["spec", schema({ 1: ["replicas", "number"], 2: ["selector", SELECTOR], 3: ["template", POD_TEMPLATE] })],
  }),
  Job: schema({ 1: ["metadata", METADATA], 2: ["spec", JOB_SPEC] }),
  Namespace: METADATA_ONLY,
  Role: ROLE,
  RoleBinding: BINDING,
  Secret: schema({
    1: ["metadata", METADATA],
    2: ["data", { mapOf: "bytes" }],
    3: ["type", "string"],
    4: ["stringData", { mapOf: "string" }],
    5: ["immutable", "boolean"],
  }),
  SelfSubjectAccessReview: schema({
    2: [
      "spec",
      schema({ 1: ["resourceAttributes", RESOURCE_ATTRIBUTES], 2: ["nonResourceAttributes", PATH_ATTRIBUTES] }),
    ],
  }),
  SelfSubjectReview: METADATA_ONLY,
  SelfSubjectRulesReview: schema({ 2: ["spec", schema({ 1: ["namespace", "string"] })] }),
  ServiceAccount: schema({ 1: ["metadata", METADATA], 4: ["automountServiceAccountToken", "boolean"] }),
  TokenRequest: schema({
    1: ["metadata", METADATA],
    2: [
      "spec",
      schema({
        1: ["audiences", "string", "many"],
        3: ["boundObjectRef", BOUND_OBJECT],
        4: ["expirationSeconds", "number"],
      }),
    ],
  }),
};
const TYPE_META = schema({ 1: ["apiVersion", "string"], 2: ["kind", "string"] });
const ENVELOPE = schema({ 1: ["typeMeta", TYPE_META], 2: ["raw", "bytes"] });

/**
 * The object as its JSON would be; Secrets' values in Base64, as there.
 * @throws ApiError 400 when it cannot be read, 501 for a kind that is not read here
 */
export function readProtobuf(body: Buffer): unknown {
  if (!body.subarray(0, MAGIC.length).equals(MAGIC)) {
    throw badRequest("provided data does not appear to be a protobuf message, expected prefix [107 56 115 0]");
  }
  const envelope = readMessage(body.subarray(MAGIC.length), ENVELOPE);
  const type = Object(envelope.typeMeta);
  const kind = String(Reflect.get(type, "kind") ?? "");
  const known = Object.hasOwn(SCHEMAS, kind) ? SCHEMAS[kind] : undefined;
  if (known === undefined) throw notEmulated(`with a ${kind} in protobuf`);
  const raw = Buffer.from(typeof envelope.raw === "string" ? envelope.raw : "", "base64");
  return { ...type, ...readMessage(raw, known) };
}

function readMessage(bytes: Buffer, { fields }: Schema): Record<string, unknown> {
  const members: Record<string, unknown> = {};
  let at = 0;
  const varint = () => {
    let value = 0n;
    for (let shift = 0n; shift < 70n; shift += 7n) {
      const byte = bytes[at];
      if (byte === undefined) break;
      at += 1;
      value |= BigInt(byte & 0x7f) << shift;
      if (byte < 0x80) return BigInt.asIntN(64, value);
    }
    throw badRequest("proto: unexpected EOF");
  };
  const take = (length: number) => {
    if (length < 0 || at + length > bytes.length) throw badRequest("proto: unexpected EOF");
    at += length;
    return bytes.subarray(at - length, at);
  };
  while (at < bytes.length) {
    const tag = Number(varint());
    const field = fields[tag >>> 3];
    let value: unknown;
    switch (tag & 7) {
      case VARINT:
        value = field?.[1] === "boolean" ? varint() !== 0n : Number(varint());
        break;
      case LENGTH_DELIMITED: {
        const content = take(Number(varint()));
        if (field !== undefined) value = readField(content, field[1], members[field[0]]);
        break;
      }
      case FIXED_64:
        take(8);
        continue;
      case FIXED_32:
        take(4);
        continue;
      default:
        throw badRequest(`proto: illegal wireType ${tag & 7}`);
    }
    if (field === undefined) continue;
    const [name, , many] = field;
    const before = members[name];
    members[name] = many === undefined ? value : [...(Array.isArray(before) ? before : []), value];
  }
  return members;
}

/** @param before what the field holds already: a map comes entry by entry */
function readField(content: Buffer, kind: Kind, before: unknown): unknown {
  if (kind === "bytes") return content.toString("base64");
  if (typeof kind === "string") return content.toString("utf8");
  if (!("mapOf" in kind)) return readMessage(content, kind);
  const { key, value } = readMessage(content, schema({ 1: ["key", "string"], 2: ["value", kind.mapOf] }));
  return { ...Object(before), [String(key ?? "")]: String(value ?? "") };
}
