/** The wire of an Azure SDK client: requests are kept, answers are made up, nothing leaves. Used by the unit tests. */
import { createHttpHeaders, type HttpClient, type PipelineRequest } from "@azure/core-rest-pipeline";

/** One made-up answer; text is sent as it is, anything else as JSON. */
export type HttpAnswer = {
  readonly status: number;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: unknown;
};

/** @param answer makes the answer to the request of this index, from 0 */
export function fakeHttp(answer: (index: number, request: PipelineRequest) => HttpAnswer) {
  const requests: PipelineRequest[] = [];
  const httpClient: HttpClient = {
    async sendRequest(request) {
      const { status, headers = {}, body } = answer(requests.length, request);
      requests.push(request);
      return {
        request,
        status,
        headers: createHttpHeaders({ "content-type": "application/json", ...headers }),
        bodyAsText: typeof body === "string" ? body : JSON.stringify(body ?? ""),
      };
    },
  };
  return { requests, httpClient };
}
