/** Misbehaviour on demand: latency, error answers, lost requests and lost replies. Rules come in through control.ts. */
import { once } from "node:events";
import type { IncomingMessage, ServerResponse } from "node:http";
import { performance } from "node:perf_hooks";
import { z } from "zod";
import type { Interceptor } from "./front.ts";
import { describeRequest, type RequestLog } from "./request-log.ts";
import type { Service } from "./service.ts";

/** Longer than any client of ours waits, short enough that a forgotten rule does not hang a machine. */
const MAX_LATENCY_MS = 600_000;
const MAX_RETRY_AFTER_SECONDS = 3_600;
/** A pattern is run on every request. */
const MAX_PATTERN_LENGTH = 500;
/** Characters of a made-up answer: more than any page of errors has. */
const MAX_REPLY_LENGTH = 10_000;

const pattern = z
  .string()
  .max(MAX_PATTERN_LENGTH)
  .refine(
    (source) => {
      try {
        new RegExp(source);
        return true;
      } catch {
        return false;
      }
    },
    { error: "not a regular expression" },
  );

/** A rule as it is posted. All conditions that are given must hold; a rule without conditions hits every request. */
export const faultRuleSchema = z
  .strictObject({
    service: z.string().optional(),
    host: z.string().toLowerCase().optional(),
    method: z.string().toUpperCase().optional(),
    /** Searched, not anchored, without regard to case, in the path with its query. */
    path: pattern.optional(),
    /** Searched likewise in the first bytes of the body, e.g. for the table of a transaction, whose path is `/$batch`. */
    body: pattern.optional(),
    /** Answered by the frame in the service's own error form; the service never sees the request. */
    status: z.union([z.literal(408), z.literal(429), z.int().min(500).max(599)]).optional(),
    /** Error code of that answer; without it the service's usual one. */
    code: z
      .string()
      .regex(/^\w{1,100}$/)
      .optional(),
    /** Answered as it stands, as something between us and the service does; the service never sees the request. */
    reply: z
      .strictObject({
        status: z.int().min(200).max(599),
        contentType: z.string().regex(/^[\x20-\x7e]{1,100}$/),
        text: z.string().max(MAX_REPLY_LENGTH),
        /** One byte more is announced than comes before the connection is closed. */
        cut: z.boolean().optional(),
      })
      .optional(),
    retryAfterSeconds: z.int().min(0).max(MAX_RETRY_AFTER_SECONDS).optional(),
    latencyMs: z.int().min(0).max(MAX_LATENCY_MS).optional(),
    /** The connection is closed before the service sees the request. */
    drop: z.boolean().optional(),
    /** The service does what was asked; the connection is closed instead of its answer. */
    dropReply: z.boolean().optional(),
    /** How many requests the rule hits; without it, all until it is deleted. */
    times: z.int().min(1).optional(),
  })
  .refine((rule) => rule.latencyMs !== undefined || endings(rule) > 0, {
    error: "a rule needs at least one of status, reply, latencyMs, drop, dropReply",
  })
  .refine((rule) => endings(rule) <= 1, { error: "status, reply, drop and dropReply exclude each other" })
  .refine((rule) => rule.status !== undefined || (rule.retryAfterSeconds === undefined && rule.code === undefined), {
    error: "retryAfterSeconds and code need a status",
  });

type Endings = { status?: unknown; reply?: unknown; drop?: boolean | undefined; dropReply?: boolean | undefined };
/** How many ends a rule gives a request: it can have one. */
function endings({ status, reply, drop, dropReply }: Endings): number {
  return [status !== undefined, reply !== undefined, drop, dropReply].filter(Boolean).length;
}

/** A rule as posted. */
export type FaultRule = z.infer<typeof faultRuleSchema>;
/** A rule at work: `hits` counts the requests it was applied to. */
export type ActiveFault = FaultRule & { readonly id: string; hits: number };

/** The rules at work, in the order in which they were added; the first that matches a request is applied. */
export type Faults = {
  add(rule: FaultRule): ActiveFault;
  list(): readonly ActiveFault[];
  /** False when there is no such rule. */
  remove(id: string): boolean;
  clear(): void;
  readonly intercept: Interceptor;
};

export function createFaults(deps: { readonly log: RequestLog; readonly now: () => Date }): Faults {
  const rules: ActiveFault[] = [];
  let added = 0;
  return {
    add(rule) {
      added += 1;
      const active = { ...rule, id: `f${added}`, hits: 0 };
      rules.push(active);
      return active;
    },
    list: () => rules,
    remove(id) {
      const index = rules.findIndex((rule) => rule.id === id);
      if (index !== -1) rules.splice(index, 1);
      return index !== -1;
    },
    clear() {
      rules.length = 0;
    },
    intercept(service, host, request, response, pass) {
      const fitting = () => rules.filter((rule) => matches(rule, service, host, request.method, request.url));
      if (fitting().every(({ body }) => body === undefined)) {
        applyFirst(fitting(), service, host, request, response, pass);
        return;
      }
      void firstBytes(request).then((text) => {
        const hit = fitting().filter(({ body }) => body === undefined || new RegExp(body, "i").test(text));
        applyFirst(hit, service, host, request, response, pass);
      });
    },
  };

  /** @param rules those that match */
  function applyFirst(
    [rule]: readonly ActiveFault[],
    service: Service,
    host: string,
    request: IncomingMessage,
    response: ServerResponse,
    pass: () => void,
  ): void {
    const started = performance.now();
    const described = describeRequest(request);
    const at = deps.now().toISOString();
    if (rule) rule.hits += 1;
    response.once("close", () => {
      const status = response.writableFinished ? response.statusCode : null;
      const faults = rule ? [rule.id] : [];
      const ms = Math.round(performance.now() - started);
      deps.log.add({ at, service: service.name, host, ...described, status, ms, faults });
    });
    if (!rule) {
      pass();
      return;
    }
    const act = () => {
      if (response.destroyed) return;
      if (rule.drop) request.socket.destroy();
      else if (rule.reply !== undefined) sendReply(rule.reply, response);
      else if (rule.status !== undefined) sendError(service, rule, rule.status, response);
      else {
        if (rule.dropReply) loseReply(response);
        pass();
      }
    };
    if (!rule.latencyMs) {
      act();
      return;
    }
    const timer = setTimeout(act, rule.latencyMs);
    response.once("close", () => clearTimeout(timer));
  }
}

/** The service reads them afterwards as if nobody had looked. */
async function firstBytes(request: IncomingMessage): Promise<string> {
  const hasCome = () => Promise.race([once(request, "readable"), once(request, "close")]);
  // An error is for the service to see.
  if (request.readableLength === 0) await hasCome().catch(() => undefined);
  const chunk: unknown = request.read();
  if (!(chunk instanceof Buffer)) return "";
  request.unshift(chunk);
  return chunk.toString("latin1");
}

function matches(rule: ActiveFault, service: Service, host: string, method = "", target = ""): boolean {
  return (
    (rule.times === undefined || rule.hits < rule.times) &&
    (rule.service === undefined || rule.service === service.name) &&
    (rule.host === undefined || rule.host === host) &&
    (rule.method === undefined || rule.method === method) &&
    (rule.path === undefined || new RegExp(rule.path, "i").test(target))
  );
}

/** The codes that the services send with these statuses; all others are named as ARM names them. */
const USUAL_CODES: Readonly<Record<string, string>> = {
  "arm 429": "TooManyRequests",
  "arm 503": "ServerTimeout",
  "entra 429": "temporarily_unavailable",
  "entra 500": "server_error",
  "entra 503": "temporarily_unavailable",
  "entra 504": "temporarily_unavailable",
  "key-vault 429": "Throttled",
  "registry 429": "TOOMANYREQUESTS",
  "registry 500": "UNKNOWN",
  "registry 503": "UNAVAILABLE",
  "storage 500": "InternalError",
  "storage 503": "ServerBusy",
};
const CODES_BY_STATUS: Readonly<Record<number, string>> = {
  408: "RequestTimeout",
  429: "TooManyRequests",
  500: "InternalServerError",
  502: "BadGateway",
  503: "ServiceUnavailable",
  504: "GatewayTimeout",
};

function sendError(service: Service, rule: ActiveFault, status: number, response: ServerResponse): void {
  const usual = USUAL_CODES[`${service.name} ${status}`] ?? CODES_BY_STATUS[status] ?? "InternalServerError";
  const code = rule.code ?? usual;
  const message = `Planned fault ${rule.id} of the local Azure.`;
  const { headers, body } = service.errorBody(response.req, { status, code, message });
  response.writeHead(status, {
    ...headers,
    "content-length": Buffer.byteLength(body),
    ...(rule.retryAfterSeconds === undefined ? {} : { "retry-after": String(rule.retryAfterSeconds) }),
  });
  response.end(body);
}

function sendReply(
  { status, contentType, text, cut }: NonNullable<FaultRule["reply"]>,
  response: ServerResponse,
): void {
  const length = Buffer.byteLength(text) + (cut === true ? 1 : 0);
  response.writeHead(status, { "content-type": contentType, "content-length": length });
  if (cut === true) response.write(text, () => response.req.socket.end());
  else response.end(text);
}

/** From here on nothing that the service answers reaches the wire; when it has answered, the connection is closed. */
function loseReply(response: ServerResponse): void {
  const socket = response.req.socket;
  response.write = () => true;
  response.flushHeaders = () => {};
  response.end = () => {
    socket.destroy();
    return response;
  };
}
