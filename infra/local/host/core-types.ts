/** What host and Functions library hand each other: the shapes of `@azure/functions-core` that this host uses. */

/** A value between host and library; exactly one member is set, none = undefined. */
export type TypedData = {
  string?: string;
  json?: string;
  bytes?: Uint8Array;
  int?: number;
  double?: number;
  http?: RpcHttpRequest | RpcHttpResponse;
};
type Nullable<T> = { value: T };
export type RpcHttpRequest = {
  url: string;
  method: string;
  nullableHeaders: Record<string, Nullable<string>>;
  nullableQuery: Record<string, Nullable<string>>;
  nullableParams: Record<string, Nullable<string>>;
  body?: { bytes: Uint8Array };
};
export type RpcCookie = {
  name?: string;
  value?: string;
  domain?: Nullable<string>;
  path?: Nullable<string>;
  expires?: Nullable<{ seconds?: number }>;
  secure?: Nullable<boolean>;
  httpOnly?: Nullable<boolean>;
  sameSite?: string;
  maxAge?: Nullable<number>;
};
export type RpcHttpResponse = {
  statusCode?: string;
  headers?: Record<string, string>;
  cookies?: RpcCookie[];
  body?: TypedData | null;
};

export type Binding = { readonly type?: string; readonly direction?: string; readonly [member: string]: unknown };
export type FunctionMetadata = {
  readonly name?: string;
  readonly functionId?: string;
  readonly bindings: Readonly<Record<string, Binding>>;
};
export type FunctionCallback = (...args: unknown[]) => unknown;
export type RegisteredFunction = {
  readonly name: string;
  readonly metadata: FunctionMetadata;
  readonly callback: FunctionCallback;
};

/** Level and category as the library spells them. */
export type RpcLogLevel = "trace" | "debug" | "information" | "warning" | "error" | "critical" | "none";
export type RpcLogCategory = "user" | "system" | "customMetric";

/** What the library gets for one invocation. */
export type CoreInvocationContext = {
  readonly invocationId: string;
  readonly metadata: FunctionMetadata;
  readonly request: {
    readonly invocationId: string;
    readonly inputData: readonly { readonly name: string; readonly data: TypedData }[];
    readonly triggerMetadata: Readonly<Record<string, TypedData>>;
  };
  state: "preInvocationHooks" | "invocation" | "postInvocationHooks" | undefined;
  log(level: RpcLogLevel, category: RpcLogCategory, message: string): void;
};
export type InvocationResponse = { readonly returnValue?: TypedData | null };
export type InvocationModel = {
  getArguments(): Promise<{ context: unknown; inputs: unknown[] }>;
  invokeFunction(context: unknown, inputs: unknown[], callback: FunctionCallback): Promise<unknown>;
  getResponse(context: unknown, result: unknown): Promise<InvocationResponse>;
};
export type ProgrammingModel = {
  readonly name: string;
  readonly version: string;
  getInvocationModel(context: CoreInvocationContext): InvocationModel | Promise<InvocationModel>;
  getCapabilities(capabilities: Record<string, string>): Promise<Record<string, string>>;
};
