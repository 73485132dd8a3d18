import type { BridgeProcess } from '../../support/bridge-process.ts';

/** What a load balancer or Kubernetes sees. */
export async function healthStatus(
  bridge: BridgeProcess,
  check: 'live' | 'ready' | 'ingest',
): Promise<number> {
  const answer = await fetch(`http://127.0.0.1:${bridge.operationsPort}/health/${check}`);
  await answer.arrayBuffer();
  return answer.status;
}
