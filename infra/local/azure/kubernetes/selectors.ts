/** Label and field selectors of lists. Called by object-lists.ts. */
import { badRequest } from "./api-status.ts";
import type { KubeObject } from "./kube-object.ts";

type Requirement = (labels: Readonly<Record<string, string>>) => boolean;

const KEY = "[A-Za-z0-9](?:[-A-Za-z0-9_./]*[A-Za-z0-9])?";
/** Commas within brackets belong to a set. */
const BETWEEN = /,(?![^(]*\))/;

/** @throws ApiError 400 when it cannot be read */
export function labelSelector(text: string): (object: KubeObject) => boolean {
  const requirements = text.trim() === "" ? [] : text.split(BETWEEN).map((part) => requirement(part.trim()));
  return ({ metadata }) => requirements.every((holds) => holds(metadata.labels ?? {}));
}

function requirement(text: string): Requirement {
  const [, key = "", operator = "", set = ""] =
    new RegExp(`^(${KEY})\\s+(in|notin)\\s*\\(([^()]*)\\)$`).exec(text) ?? [];
  if (key !== "") {
    const values = set.split(",").map((value) => value.trim());
    const isIn = (labels: Readonly<Record<string, string>>) =>
      Object.hasOwn(labels, key) && values.includes(labels[key] ?? "");
    return operator === "in" ? isIn : (labels) => !isIn(labels);
  }
  const [, left = "", sign = "", right = ""] =
    new RegExp(`^(${KEY})\\s*(==|=|!=)\\s*([-A-Za-z0-9_.]*)$`).exec(text) ?? [];
  if (left !== "") {
    const isEqual = (labels: Readonly<Record<string, string>>) => Object.hasOwn(labels, left) && labels[left] === right;
    return sign === "!=" ? (labels) => !isEqual(labels) : isEqual;
  }
  const [, not = "", alone = ""] = new RegExp(`^(!?)\\s*(${KEY})$`).exec(text) ?? [];
  if (alone === "") throw badRequest(`unable to parse requirement: found '${text}'`);
  return (labels) => Object.hasOwn(labels, alone) === (not === "");
}

/** Fields that the selector knows beside an object's name and namespace. */
const FIELDS: Readonly<Record<string, (object: KubeObject) => unknown>> = {
  "metadata.name": ({ metadata }) => metadata.name,
  "metadata.namespace": ({ metadata }) => metadata.namespace ?? "",
  type: ({ kind, type }) => (kind === "Secret" ? type : undefined),
  "status.phase": ({ status }) =>
    typeof status === "object" && status !== null ? Reflect.get(status, "phase") : undefined,
};

/** @throws ApiError 400 when it cannot be read or names a field that it cannot select by */
export function fieldSelector(text: string): (object: KubeObject) => boolean {
  const terms = text.trim() === "" ? [] : text.split(",");
  const checks = terms.map((term) => {
    const [, field = "", sign = "", wanted = ""] = /^([^=!]+)(==|=|!=)(.*)$/.exec(term.trim()) ?? [];
    const read = Object.hasOwn(FIELDS, field) ? FIELDS[field] : undefined;
    if (field === "") throw badRequest(`invalid selector: '${text}'; can't understand '${term}'`);
    if (read === undefined) throw badRequest(`field label not supported: ${field}`);
    return (object: KubeObject) => (read(object) === wanted) === (sign !== "!=");
  });
  return (object) => checks.every((check) => check(object));
}
