/** Percent-encoding as .NET handles it: what cannot be decoded stays as it is written. Called by routes.ts and http-messages.ts. */

const ANY = /(?:%[0-9a-f]{2})+/gi;
const ANY_BUT_SLASH = /(?:%(?!2f)[0-9a-f]{2})+/gi;

/** @param options.keepSlash `%2F` stays, so that it cannot become a separator */
export function decodePercent(text: string, options: { keepSlash: boolean }): string {
  return text.replace(options.keepSlash ? ANY_BUT_SLASH : ANY, (run) => {
    try {
      return decodeURIComponent(run);
    } catch {
      return run;
    }
  });
}

/** A decoded path as a URL shows it: `%XX` that stayed stays, all else is escaped where it must be. */
export function escapePath(path: string): string {
  return path.replace(/%(?![0-9a-f]{2})|[^A-Za-z0-9\-._~!$&'()*+,;=:@/%]/giu, (char) => encodeURIComponent(char));
}
