/** Times as tables and the API write them. */

/** UTC with whole seconds, e.g. `2026-11-21T10:00:00Z`; fractions are cut off. */
export function utc(time: Date): string {
  return `${time.toISOString().slice(0, 19)}Z`;
}
