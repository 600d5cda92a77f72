import { spawn, type ChildProcess } from 'node:child_process';
import { copyFile, mkdir, mkdtemp, rm } from 'node:fs/promises';
import { createServer, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';

/** `npm start`: the all-in-one with three PDPs, an example policy rolled out to them, decisions, and what to try next. */
const root = fileURLToPath(new URL('..', import.meta.url));
const cli = join(root, 'cli', 'src', 'main.ts');
const example = join(root, 'docs', 'examples', 'payments.yaml');
const PDPS = 3;

const USAGE = `npm start -- [--once]
  Starts the operator and ${PDPS} PDPs in one process, applies docs/examples/payments.yaml and shows what happens.
  --once   end after the demonstration, with exit code 0 if all went well`;

interface Request {
  readonly what: string;
  readonly expected: boolean;
  readonly porc: unknown;
}

const reader = { sub: 'ann', mgroups: ['mrn:iam:group:acme'] };
const manager = { sub: 'bob', mroles: ['mrn:iam:role:manager'], mgroups: ['mrn:iam:group:acme'] };
const invoice = 'mrn:payments:acme:invoice-7';
const requests: readonly Request[] = [
  {
    what: 'ann reads an invoice of her tenant',
    expected: true,
    porc: { principal: reader, operation: 'payments:read', resource: invoice },
  },
  {
    what: 'ann reads an invoice of another tenant',
    expected: false,
    porc: { principal: reader, operation: 'payments:read', resource: 'mrn:payments:globex:invoice-7' },
  },
  {
    what: 'bob refunds within his limit',
    expected: true,
    porc: { principal: manager, operation: 'payments:refund', resource: invoice, context: { amount: 9999 } },
  },
  {
    what: 'bob refunds beyond his limit',
    expected: false,
    porc: { principal: manager, operation: 'payments:refund', resource: invoice, context: { amount: 10_001 } },
  },
];

async function main(args: readonly string[]): Promise<number> {
  if (args.includes('--help')) {
    console.log(USAGE);
    return 0;
  }
  const once = args.includes('--once');
  const folder = await mkdtemp(join(tmpdir(), 'edict-demo-'));
  const policies = join(folder, 'policies');
  await mkdir(policies);
  const apiPort = once ? await freePort() : 8180;
  const firstPort = once ? 0 : 8181;
  const up = spawn(
    process.execPath,
    [
      cli,
      'up',
      '--folder',
      policies,
      '--pdps',
      String(PDPS),
      '--port',
      String(firstPort),
      '--api-port',
      String(apiPort),
    ],
    { stdio: ['ignore', 'pipe', 'inherit'] },
  );
  try {
    return await demonstrate(up, { policies, server: `http://127.0.0.1:${apiPort}`, once });
  } finally {
    await stop(up);
    await rm(folder, { recursive: true, force: true });
  }
}

interface Demo {
  readonly policies: string;
  readonly server: string;
  readonly once: boolean;
}

async function demonstrate(up: ChildProcess, { policies, server, once }: Demo): Promise<number> {
  console.log(`\n1. starting the operator and ${PDPS} PDPs in one process`);
  const urls = await listening(up);
  console.log('   PDPs have no policy yet, so they answer 503 and never a decision:');
  for (const url of urls) {
    const { status, summary } = await ask(url, requests[0]?.porc);
    console.log(`   ${url}  ${summary}`);
    if (status !== 503) return 1;
  }

  console.log(`\n2. applying ${relative(root, example)} (a copy in ${policies})`);
  await copyFile(example, join(policies, 'payments.yaml'));
  if ((await edict(['rollout', 'status', '--server', server, '--timeout', '60s'])) !== 0) return 1;

  console.log('\n3. who serves what (edict pdps)');
  await edict(['pdps', '--server', server]);

  console.log('\n4. decisions, each naming the revision that made it');
  let right = true;
  for (const [i, { what, expected, porc }] of requests.entries()) {
    const url = urls[i % urls.length] ?? '';
    const { allow, summary } = await ask(url, porc);
    right &&= allow === expected;
    console.log(
      `   ${what.padEnd(40)} ${summary}${allow === expected ? '' : `   EXPECTED ${expected ? 'GRANT' : 'DENY'}`}`,
    );
  }
  if (!right) return 1;

  console.log(`\n5. try it yourself${once ? ' (after npm start without --once)' : ''}
   curl -i -X POST ${urls[0] ?? ''}/decision -H 'Content-Type: application/json' -d '${JSON.stringify(requests[0]?.porc)}'
   curl -s ${urls[0] ?? ''}/v1/status
   edit ${join(policies, 'payments.yaml')} and watch: npm run -s edict -- rollout status --server ${server}
   history: npm run -s edict -- rollout history --server ${server}    undo: … rollout undo --server ${server}\n`);
  if (once) return 0;
  console.log('running; stop with Ctrl-C');
  return await new Promise((resolve) => up.once('exit', (code) => resolve(code ?? 0)));
}

/** The PDPs' URLs, as `edict up` prints them once they listen. */
async function listening(up: ChildProcess): Promise<readonly string[]> {
  return await new Promise((resolve, reject) => {
    let text = '';
    up.stdout?.on('data', (chunk: Buffer) => {
      text += chunk.toString();
      const urls = [...text.matchAll(/^PDP \S+ (http:\S+)$/gm)].map(([, url]) => url ?? '');
      if (urls.length === PDPS && text.includes('ready\n')) resolve(urls);
    });
    up.once('exit', (code) => reject(new Error(`edict up ended with ${code ?? 'a signal'}:\n${text}`)));
  });
}

interface Asked {
  readonly status: number;
  readonly allow: boolean | undefined;
  readonly summary: string;
}

async function ask(url: string, porc: unknown): Promise<Asked> {
  const response = await fetch(`${url}/decision`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(porc),
  });
  const body = (await response.json()) as { readonly allow?: boolean; readonly title?: string };
  const { status } = response;
  if (body.allow === undefined) return { status, allow: undefined, summary: `${status} ${body.title ?? ''}` };
  const by = `${response.headers.get('policy-set') ?? ''}@${response.headers.get('policy-revision') ?? ''}`;
  return { status, allow: body.allow, summary: `${body.allow ? 'GRANT' : 'DENY '}  by ${by}` };
}

async function edict(args: readonly string[]): Promise<number> {
  const child = spawn(process.execPath, [cli, ...args], { stdio: 'inherit' });
  return await new Promise((resolve) => child.once('exit', (code) => resolve(code ?? 1)));
}

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}

async function stop(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const exited = new Promise((resolve) => child.once('exit', resolve));
  child.kill('SIGTERM');
  await exited;
}

process.exitCode = await main(process.argv.slice(2));
