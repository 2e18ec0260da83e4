/** The images that pods and pod templates name, read out of a page of a list. Used by cluster-workloads.ts. */
import { z } from "zod";

/** Items of one kind as an API server lists them. Source of all members here: the Kubernetes API reference. */
export type WorkloadKind = {
  /** Empty for the core group. */
  readonly group: "" | "apps" | "batch";
  readonly plural: string;
  /** Reads a page of it. It refuses what has any item that it cannot read: what is passed over may be in use. */
  readonly page: z.ZodType<WorkloadPage>;
};
/** The images of a page as its items write them, and where the next one begins; null on the last. */
export type WorkloadPage = { readonly images: readonly string[]; readonly next: string | null };

/** The API server takes no container without an image. */
const container = z.object({ image: z.string().min(1) }).transform(({ image }) => image);
const others = z
  .array(container)
  .nullish()
  .transform((images) => images ?? []);
/** A template may leave the reference to what makes the pod; the pod then has it. */
const volumes = z
  .array(z.object({ image: z.object({ reference: z.string().nullish() }).nullish() }))
  .nullish()
  .transform((all) => (all ?? []).flatMap(({ image }) => image?.reference || []));
const podSpec = z
  .object({
    containers: z.array(container).min(1),
    initContainers: others,
    ephemeralContainers: others,
    volumes,
  })
  .transform((spec) => [...spec.containers, ...spec.initContainers, ...spec.ephemeralContainers, ...spec.volumes]);
/** Empty until the container is started. */
const statuses = z
  .array(z.object({ imageID: z.string().nullish() }))
  .nullish()
  .transform((all) => (all ?? []).flatMap(({ imageID }) => imageID || []));
const podStatus = z
  .object({
    containerStatuses: statuses,
    initContainerStatuses: statuses,
    ephemeralContainerStatuses: statuses,
  })
  .nullish()
  .transform((status) =>
    status == null
      ? []
      : [...status.containerStatuses, ...status.initContainerStatuses, ...status.ephemeralContainerStatuses],
  );

const pod = z.object({ spec: podSpec, status: podStatus }).transform(({ spec, status }) => [...spec, ...status]);
const template = z.object({ spec: podSpec }).transform(({ spec }) => spec);
/** Deployment, StatefulSet, DaemonSet, ReplicaSet, ReplicationController, Job: whatever number of pods they want. */
const templated = z.object({ spec: z.object({ template }) }).transform(({ spec }) => spec.template);
const cronJob = z.object({ spec: z.object({ jobTemplate: templated }) }).transform(({ spec }) => spec.jobTemplate);

/** What an API server gives to go on with; it says nothing of its length. */
const MAX_CONTINUE_LENGTH = 16_384;

function kind(group: WorkloadKind["group"], plural: string, name: string, item: z.ZodType<string[]>): WorkloadKind {
  const page = z
    .object({
      kind: z.literal(`${name}List`),
      apiVersion: z.literal(group === "" ? "v1" : `${group}/v1`),
      metadata: z.object({ continue: z.string().max(MAX_CONTINUE_LENGTH).nullish() }),
      // Null is how an empty list may be written.
      items: z.array(item).nullable(),
    })
    .transform(({ metadata, items }) => ({ images: (items ?? []).flat(), next: metadata.continue || null }));
  return { group, plural, page };
}

/** Whoever makes pods stands before what it makes: so nothing that outlives its maker slips through between two lists. */
export const WORKLOAD_KINDS: readonly WorkloadKind[] = [
  kind("batch", "cronjobs", "CronJob", cronJob),
  kind("batch", "jobs", "Job", templated),
  kind("apps", "deployments", "Deployment", templated),
  kind("apps", "statefulsets", "StatefulSet", templated),
  kind("apps", "daemonsets", "DaemonSet", templated),
  kind("apps", "replicasets", "ReplicaSet", templated),
  kind("", "replicationcontrollers", "ReplicationController", templated),
  kind("", "pods", "Pod", pod),
];
