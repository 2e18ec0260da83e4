/** The few members without which an object of its kind means nothing; the real server knows many more faults. Called by object-bodies.ts. */
import { type Fault, invalidValue, requiredValue } from "./object-names.ts";

const TEMPLATE = ["spec", "template", "spec", "containers"];
/** Where the containers stand of what runs some. */
const CONTAINERS: Readonly<Record<string, readonly string[]>> = {
  CronJob: ["spec", "jobTemplate", ...TEMPLATE],
  DaemonSet: TEMPLATE,
  Deployment: TEMPLATE,
  Job: TEMPLATE,
  Pod: ["spec", "containers"],
  ReplicaSet: TEMPLATE,
  ReplicationController: TEMPLATE,
  StatefulSet: TEMPLATE,
};
/** They know their pods by labels, and their templates must have them. */
const SELECTING = new Set(["DaemonSet", "Deployment", "ReplicaSet", "StatefulSet"]);

/** Texts as of the real server. Source: kubernetes, pkg/apis/apps/validation, pkg/apis/core/validation. */
export function contentFaults(kind: string, content: unknown): Fault[] {
  const path = CONTAINERS[kind];
  if (path !== undefined) {
    return [
      ...(SELECTING.has(kind) ? selectorFaults(content) : []),
      ...(kind === "CronJob" && !at(content, ["spec", "schedule"]) ? [requiredValue("spec.schedule", "")] : []),
      ...containerFaults(path, at(content, path)),
    ];
  }
  const isBinding = kind === "RoleBinding" || kind === "ClusterRoleBinding";
  return isBinding && !at(content, ["roleRef", "name"]) ? [requiredValue("roleRef.name", "")] : [];
}

function containerFaults(path: readonly string[], containers: unknown): Fault[] {
  if (!Array.isArray(containers) || containers.length === 0) return [requiredValue(path.join("."), "")];
  return containers.flatMap((container, index) =>
    ["name", "image"]
      .filter((member) => !at(container, [member]))
      .map((member) => requiredValue(`${path.join(".")}[${index}].${member}`, "")),
  );
}

function selectorFaults(content: unknown): Fault[] {
  const selector = at(content, ["spec", "selector"]);
  if (selector === undefined || selector === null) return [requiredValue("spec.selector", "")];
  const wanted = Object.entries(Object(at(selector, ["matchLabels"])));
  const labels = at(content, ["spec", "template", "metadata", "labels"]);
  return wanted.every(([key, value]) => at(labels, [key]) === value)
    ? []
    : [invalidValue("spec.template.metadata.labels", labels ?? {}, "`selector` does not match template `labels`")];
}

function at(content: unknown, path: readonly string[]): unknown {
  return path.reduce<unknown>((value, name) => Reflect.get(Object(value), name), content);
}
