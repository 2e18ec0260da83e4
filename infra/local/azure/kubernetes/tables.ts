/** Objects as tables, which kubectl asks for to print them. Called by kubernetes.ts. */
import type { KubeObject } from "./kube-object.ts";

type Column = {
  readonly name: string;
  readonly type?: string;
  readonly cell: (object: KubeObject, now: Date) => unknown;
};

const NAME: Column = { name: "Name", cell: ({ metadata }) => metadata.name };
const AGE: Column = { name: "Age", cell: ({ metadata }, now) => age(metadata.creationTimestamp, now) };
const ROLE: Column = {
  name: "Role",
  cell: ({ roleRef }) => `${String(member(roleRef, "kind"))}/${String(member(roleRef, "name"))}`,
};
const NONE = "<none>";
const CREATED: Column = { name: "Created At", cell: ({ metadata }) => metadata.creationTimestamp };

/** `of` is the object's `spec` or `status`; a member that is left out is zero. */
const count = (name: string, of: "spec" | "status", wanted: string): Column => ({
  name,
  type: "integer",
  cell: (object) => Number(member(object[of], wanted) ?? 0),
});
const READY: Column = {
  name: "Ready",
  cell: ({ spec, status }) =>
    `${Number(member(status, "readyReplicas") ?? 0)}/${Number(member(spec, "replicas") ?? 0)}`,
};
const REPLICAS = [
  NAME,
  count("Desired", "spec", "replicas"),
  count("Current", "status", "replicas"),
  count("Ready", "status", "readyReplicas"),
  AGE,
];

/** Columns of each kind between its name and its age. */
const COLUMNS: Readonly<Record<string, readonly Column[]>> = {
  Namespace: [NAME, { name: "Status", cell: ({ status }) => member(status, "phase") }, AGE],
  Pod: [
    NAME,
    { name: "Ready", cell: (pod) => `${readyCount(pod)}/${containersOf(pod).length}` },
    { name: "Status", cell: ({ status }) => member(status, "phase") },
    { name: "Restarts", cell: () => "0" },
    AGE,
  ],
  Secret: [
    NAME,
    { name: "Type", cell: ({ type }) => type },
    { name: "Data", type: "integer", cell: ({ data }) => Object.keys(asObject(data)).length },
    AGE,
  ],
  ServiceAccount: [
    NAME,
    { name: "Secrets", type: "integer", cell: ({ secrets }) => (Array.isArray(secrets) ? secrets.length : 0) },
    AGE,
  ],
  Job: [
    NAME,
    { name: "Status", cell: ({ status }) => (member(status, "succeeded") === 1 ? "Complete" : "Running") },
    { name: "Completions", cell: ({ status }) => `${Number(member(status, "succeeded") ?? 0)}/1` },
    { name: "Duration", cell: () => "" },
    AGE,
  ],
  CronJob: [
    NAME,
    { name: "Schedule", cell: ({ spec }) => member(spec, "schedule") },
    { name: "Timezone", cell: ({ spec }) => member(spec, "timeZone") ?? NONE },
    { name: "Suspend", cell: ({ spec }) => (member(spec, "suspend") === true ? "True" : "False") },
    { name: "Active", type: "integer", cell: ({ status }) => [member(status, "active") ?? []].flat().length },
    { name: "Last Schedule", cell: () => NONE },
    AGE,
  ],
  DaemonSet: [
    NAME,
    count("Desired", "status", "desiredNumberScheduled"),
    count("Current", "status", "currentNumberScheduled"),
    count("Ready", "status", "numberReady"),
    count("Up-to-date", "status", "updatedNumberScheduled"),
    count("Available", "status", "numberAvailable"),
    { name: "Node Selector", cell: () => NONE },
    AGE,
  ],
  Deployment: [
    NAME,
    READY,
    count("Up-to-date", "status", "updatedReplicas"),
    count("Available", "status", "availableReplicas"),
    AGE,
  ],
  ReplicaSet: REPLICAS,
  ReplicationController: REPLICAS,
  StatefulSet: [NAME, READY, AGE],
  Role: [NAME, CREATED],
  ClusterRole: [NAME, CREATED],
  RoleBinding: [NAME, ROLE, AGE],
  ClusterRoleBinding: [NAME, ROLE, AGE],
};

/** Units of an age and the seconds from which on each is used. Source: k8s.io/apimachinery, pkg/util/duration. */
const MINUTE = 60;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

/** Whether a client prefers a table: kubectl does, typed clients do not. */
export function asksForTable(accept: string | undefined): boolean {
  const [first = ""] = (accept ?? "").split(",");
  return /;\s*as=Table\b/.test(first);
}

/**
 * @param metadata of the list, or of the one object
 * @param accept tells the version of tables that the client knows
 */
export function tableOf(objects: readonly KubeObject[], kind: string, metadata: unknown, now: Date) {
  const columns = COLUMNS[kind] ?? [NAME, AGE];
  return {
    kind: "Table",
    apiVersion: "meta.k8s.io/v1",
    metadata,
    columnDefinitions: columns.map(({ name, type = "string" }) => ({
      name,
      type,
      format: name === "Name" ? "name" : "",
      description: "",
      priority: 0,
    })),
    rows: objects.map((object) => ({
      cells: columns.map(({ cell }) => cell(object, now) ?? ""),
      object: { kind: "PartialObjectMetadata", apiVersion: "meta.k8s.io/v1", metadata: object.metadata },
    })),
  };
}

/** As kubectl shows it: `5s`, `12m`, `3h`, `2d`. */
export function age(since: string, now: Date): string {
  const seconds = Math.max(0, Math.floor((now.getTime() - Date.parse(since)) / 1000));
  if (seconds < 2 * MINUTE) return `${seconds}s`;
  if (seconds < 3 * HOUR) return `${Math.floor(seconds / MINUTE)}m`;
  if (seconds < 2 * DAY) return `${Math.floor(seconds / HOUR)}h`;
  return `${Math.floor(seconds / DAY)}d`;
}

const asObject = (value: unknown): object => (typeof value === "object" && value !== null ? value : {});
const member = (value: unknown, name: string): unknown => Reflect.get(asObject(value), name);
function containersOf({ spec }: KubeObject): readonly unknown[] {
  const containers = member(spec, "containers");
  return Array.isArray(containers) ? containers : [];
}
function readyCount(pod: KubeObject): number {
  return member(pod.status, "phase") === "Running" ? containersOf(pod).length : 0;
}
