/**
 * The example of docs/embedding.md: `node docs/examples/embedding/main.ts [PORT] [POLICY-FILE] [RECORDS-FILE]`. Callers say
 * who they are in the headers `x-user` and `x-roles`; a real application has a log-in. SIGHUP loads the policy anew.
 */
import { join } from 'node:path';
import { createNotesApp, type Note } from './notes-app.ts';
import { openFileEngine } from './policy-file.ts';

const [port = '3000', policyFile = join(import.meta.dirname, 'policy.yaml'), recordsFile = 'records.jsonl'] =
  process.argv.slice(2);

const { engine, reload } = await openFileEngine(policyFile, recordsFile);
const notes = new Map<string, Note>([
  ['plan', { owner: 'ann', shared: false, text: 'write the plan' }],
  ['menu', { owner: 'ann', shared: true, text: 'soup' }],
]);
const server = createNotesApp({
  engine,
  notes,
  callerOf: ({ headers }) => ({
    name: String(headers['x-user'] ?? ''),
    roles: String(headers['x-roles'] ?? '')
      .split(',')
      .filter(Boolean),
  }),
  onError: (error) => console.error(error),
});
process.on('SIGHUP', () => {
  reload().then(
    (revision) => console.log(`policy revision ${revision}`),
    (error: unknown) => console.error(error instanceof Error ? error.message : error),
  );
});
server.listen(Number(port), '127.0.0.1', () => {
  const address = server.address();
  console.log(`listening on ${typeof address === 'object' && address !== null ? address.port : port}`);
});
