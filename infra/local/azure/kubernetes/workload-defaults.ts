/** What the server fills in of objects that make pods. Called by object-operations.ts and object-changes.ts. */

/** Members of `spec` that are left out by clients. Source: kubernetes, pkg/apis/apps/v1/defaults.go, batch/v1/defaults.go. */
const SPEC: Readonly<Record<string, Readonly<Record<string, unknown>>>> = {
  CronJob: { concurrencyPolicy: "Allow", failedJobsHistoryLimit: 1, successfulJobsHistoryLimit: 3, suspend: false },
  Deployment: { replicas: 1 },
  ReplicaSet: { replicas: 1 },
  ReplicationController: { replicas: 1 },
  StatefulSet: { replicas: 1 },
};
/** No controller runs here, so this is what stays unless somebody writes another. */
const STATUS: Readonly<Record<string, Readonly<Record<string, unknown>>>> = {
  CronJob: {},
  DaemonSet: { currentNumberScheduled: 0, desiredNumberScheduled: 0, numberMisscheduled: 0, numberReady: 0 },
  Deployment: {},
  Job: {},
  Pod: { phase: "Pending", qosClass: "BestEffort" },
  ReplicaSet: { replicas: 0 },
  ReplicationController: { replicas: 0 },
  StatefulSet: { availableReplicas: 0, replicas: 0 },
};

/** Whether the object counts how often its `spec` was changed. */
export function isGenerational(kind: string): boolean {
  return kind !== "Pod" && Object.hasOwn(STATUS, kind);
}

/** The content with the defaults of its kind in it; as it is, for a kind without any. */
export function withDefaults(kind: string, content: Readonly<Record<string, unknown>>): Record<string, unknown> {
  const spec = SPEC[kind];
  const status = STATUS[kind];
  return {
    ...content,
    ...(spec === undefined ? {} : { spec: { ...spec, ...given(content.spec) } }),
    ...(status === undefined ? {} : { status: { ...status, ...given(content.status) } }),
  };
}

/** The members that say anything: a null is as good as none. */
function given(value: unknown): object {
  return Object.fromEntries(Object.entries(Object(value)).filter(([, member]) => member !== null));
}
