import { parentPort, workerData } from 'node:worker_threads';
import { Workbench } from './workbench.ts';
import type { WorkerReply, WorkerRequest, WorkerSettings } from './worker-messages.ts';

const port = parentPort;
if (port === null) throw new Error('check-worker.ts runs as a worker thread only');
const workbench = new Workbench((workerData as WorkerSettings).unsafeBuiltins);

port.on('message', (request: WorkerRequest) => {
  port.postMessage(answer(request));
});

function answer(request: WorkerRequest): WorkerReply {
  const { id } = request;
  try {
    switch (request.type) {
      case 'domain':
        return { id, type: 'domain', verdict: workbench.checkDomain(request.subject, request.context) };
      case 'combination': {
        const { bundles, changed, documents } = request;
        return { id, type: 'combination', problems: workbench.checkCombination(bundles, changed, documents) };
      }
      case 'tests': {
        const { domains, suites, documents, timeoutMs } = request;
        return { id, type: 'tests', outcome: workbench.runTests(domains, suites, documents, timeoutMs) };
      }
    }
  } catch (error) {
    return { id, type: 'failed', message: error instanceof Error ? (error.stack ?? error.message) : String(error) };
  }
}
