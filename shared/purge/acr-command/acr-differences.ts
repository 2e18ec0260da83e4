/** What a policy does otherwise than the `acr purge` that it was made from: codes with a text for people. Used by acr-command.ts. */

/** Every difference. The first ones are there always; the rest where the command has what they speak of. */
export const ACR_DIFFERENCES = {
  DELETES_BY_DIGEST:
    "An image of which every tag goes is deleted by its digest, with its tags, in one request; acr purge removes the tags one by one and leaves an untagged manifest unless --untagged is given.",
  IMAGE_AGE:
    "Such an image must be old enough itself: the age of its manifest counts beside that of its tags. Otherwise its tags stay too.",
  PROTECTS_PARTS:
    "What a kept, locked or young manifest needs is kept: children of indexes at any depth, subjects, referrers, signature tags. acr purge deletes unlocked children of a locked index.",
  REFERRERS_FOLLOW: "Referrers and signatures of a deleted image are deleted after it, in the plan and the report.",
  KEEPS_USED: "Images that the clusters of the server's settings use are kept. acr purge does not know what is in use.",
  CHECKS_AGAIN: "Before it is deleted each item is looked at again; one that has changed since the plan is kept.",
  LIMITED: "A run that would take more than `limits` allow deletes nothing. acr purge has no limit.",
  GOES_ON: "An item that fails is reported and the run goes on. acr purge stops at the first error.",
  KEEP_COUNTS_IMAGES: "`keepNewest` counts images, however many of their tags match; --keep counts tags.",
  KEEP_COUNTS_UNTAGGED_ONCE:
    "`keepNewest` counts tagged and untagged images apart, and an image whose tags were just removed is not counted again as untagged.",
  KEEP_PER_FILTER:
    "Each filter became a rule of its own with its own `keepNewest`; in acr purge filters that select the same repository share one --keep.",
  FLAGS_DO_NOT_LEAK:
    "Flags such as (?i) end with the filter they stand in; acr purge carries them on into the following filters of the same repository.",
  NO_AGE: "--untagged-only without --ago takes manifests of any age; a rule needs an age and got one second.",
  DRY_RUN: "--dry-run: the policy is made with `enabled` false. Ask for a plan to see what it would delete.",
  TAG_HALF_IGNORED: "With --untagged-only the tag's half of a filter says nothing; it was left out.",
  REGISTRY_IGNORED: "The registry is the one of the address that the policy is put to, not that of --registry.",
  CREDENTIALS_IGNORED:
    "The policy signs in by its connector. User name, password and configuration files were left out.",
  TIMEOUT_IGNORED: "Every pattern is matched in bounded time; there is no --filter-timeout-seconds.",
  CONCURRENCY_IGNORED: "The number of workers follows the registry's request limits; there is no --concurrency.",
  PAGE_SIZE_IGNORED: "Pages are as large as the registry makes them; there is no --repository-page-size.",
  VERBOSE_IGNORED: "Every decision stands in the plan and the report; there is no --verbose.",
  SCHEDULE_UNSUPPORTED:
    "The task's --schedule is no NCRONTAB expression in steps of 5 minutes; the policy has no schedule.",
} as const;

/** See ACR_DIFFERENCES. */
export type AcrDifferenceCode = keyof typeof ACR_DIFFERENCES;
/** One of them, as the answer shows it. */
export type AcrDifference = { readonly code: AcrDifferenceCode; readonly detail: string };

/** Those that every policy has. */
export const ALWAYS: readonly AcrDifferenceCode[] = [
  "DELETES_BY_DIGEST",
  "IMAGE_AGE",
  "PROTECTS_PARTS",
  "REFERRERS_FOLLOW",
  "KEEPS_USED",
  "CHECKS_AGAIN",
  "LIMITED",
  "GOES_ON",
];
