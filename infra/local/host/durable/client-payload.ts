/** Addresses of the management endpoints: the value of a `durableClient` binding and the links of an instance. Called by durable-host.ts and endpoints.ts. */

/** Where the endpoints are, under the address of the host. */
export const WEBHOOK_PATH = "/runtime/webhooks/durabletask";
export const RPC_PATH = "/durabletask";

/** @param place.origin of the host @param place.hub task hub @param place.key system key of the extension */
export type Place = { readonly origin: string; readonly hub: string; readonly key: string };

const query = ({ hub, key }: Place): string => `taskHub=${hub}&connection=Storage&code=${key}`;

/** Links of one instance, as they are sent at its start. `{eventName}` and `{text}` are for the client to replace. */
export function instanceLinks(place: Place, instanceId: string): Record<string, string> {
  const base = `${place.origin}${WEBHOOK_PATH}/instances/${encodeURIComponent(instanceId)}`;
  const common = query(place);
  return {
    id: instanceId,
    statusQueryGetUri: `${base}?${common}`,
    sendEventPostUri: `${base}/raiseEvent/{eventName}?${common}`,
    terminatePostUri: `${base}/terminate?reason={text}&${common}`,
    purgeHistoryDeleteUri: `${base}?${common}`,
    restartPostUri: `${base}/restart?${common}`,
    suspendPostUri: `${base}/suspend?reason={text}&${common}`,
    resumePostUri: `${base}/resume?reason={text}&${common}`,
  };
}

/** The value of a `durableClient` binding: JSON text. */
export function clientPayload(place: Place): string {
  const base = `${place.origin}${WEBHOOK_PATH}`;
  const common = query(place);
  const start = `${base}/orchestrators/{functionName}[/{instanceId}]?code=${place.key}`;
  const links = instanceLinks(place, "INSTANCEID");
  return JSON.stringify({
    taskHubName: place.hub,
    creationUrls: {
      createNewInstancePostUri: start,
      createAndWaitOnNewInstancePostUri: `${start}&timeout={timeoutInSeconds}&pollingInterval={intervalInSeconds}`,
    },
    managementUrls: { ...links, rewindPostUri: `${base}/instances/INSTANCEID/rewind?reason={text}&${common}` },
    baseUrl: base,
    requiredQueryStringParameters: `code=${place.key}`,
    rpcBaseUrl: `${place.origin}${RPC_PATH}/`,
  });
}
