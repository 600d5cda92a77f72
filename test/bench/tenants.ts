/**
 * Measures how many tenants one PDP process carries: `node test/bench/tenants.ts [--tenants N] [--warm N] [--ahead]`. Lays that
 * many sets down on disk, each with a policy of its own of about 10 kB, starts a PDP on them, and asks each tenant once.
 * Prints a table of what was measured and what is allowed, and exits 1 if anything is missed. The first start compiles
 * everything, as preparing does; what is measured is the second, which finds it compiled, as every later one does.
 * `--ahead`: the sets are loaded before they are asked for.
 */
import { Agent, request } from 'node:http';
import { quantile } from '../support/figures.ts';
import { domainOf, startPdpFromDisk, type StoredSet } from '../support/pdp-from-disk.ts';
import { residentMbOf } from './server/process-figures.ts';
import { readArguments } from '../support/read-arguments.ts';

const LIMITS = { rssMb: 500, lastFirstDecisionMs: 50, warmSeconds: 1 } as const;
const POLICY_BYTES = 10_000;
/** A first start compiles every tenant's policy. */
const FIRST_START_MS = 600_000;

const options = readArguments(import.meta.filename, {
  tenants: { type: 'string', default: '1000' },
  warm: { type: 'string', default: '200' },
  ahead: { type: 'boolean', default: false },
});
const tenants = Number(options.tenants);
const warm = Math.min(Number(options.warm), tenants);

const agent = new Agent({ keepAlive: true, maxSockets: 64 });
const rows: { what: string; measured: string; allowed: string; ok: boolean }[] = [];
const pdp = await startPdpFromDisk(Array.from({ length: tenants }, tenantSet), {
  isSecondStart: true,
  outputFile: '/dev/null',
  readyTimeoutMs: FIRST_START_MS,
  env: { EDICT_PDP_LOG_LEVEL: 'error' },
});
const { port } = new URL(pdp.url);
const rssMb = (): number => Math.round(residentMbOf(pdp.process.pid ?? 0));
try {
  row('first start: prove and keep every policy', `${inSeconds(pdp.firstReadyMs ?? 0)} s`, '', true);
  row(`start with ${tenants} sets on disk, until ready`, `${inSeconds(pdp.readyMs)} s`, '', true);
  row('resident before the first request', `${rssMb()} MB`, '', true);

  const warmStarted = performance.now();
  await Promise.all(Array.from({ length: warm }, (_, index) => decide(index)));
  const warmSeconds = (performance.now() - warmStarted) / 1000;
  row(
    `first decisions of ${warm} tenants at once`,
    `${warmSeconds.toFixed(2)} s`,
    `${LIMITS.warmSeconds} s`,
    warmSeconds < LIMITS.warmSeconds,
  );

  const firsts: number[] = [];
  let peakMb = rssMb();
  for (let index = warm; index < tenants; index++) {
    firsts.push(await decide(index));
    if (index % 50 === 0) peakMb = Math.max(peakMb, rssMb());
  }
  peakMb = Math.max(peakMb, rssMb());
  const last = firsts.at(-1) ?? 0;
  row('first decision, the median tenant', `${quantile(firsts, 0.5).toFixed(1)} ms`, '', true);
  row('first decision, the slowest tenant', `${Math.max(...firsts).toFixed(1)} ms`, '', true);
  row(
    `first decision of tenant ${tenants}`,
    `${last.toFixed(1)} ms`,
    `${LIMITS.lastFirstDecisionMs} ms`,
    last <= LIMITS.lastFirstDecisionMs,
  );
  row(
    `resident with ${tenants} tenants in memory, at most`,
    `${peakMb} MB`,
    `${LIMITS.rssMb} MB`,
    peakMb <= LIMITS.rssMb,
  );

  const again: number[] = [];
  for (let index = 0; index < tenants; index++) again.push(await decide(index));
  row('later decision, the median tenant', `${quantile(again, 0.5).toFixed(2)} ms`, '', true);
  const inMemory = await instancesWarm();
  row('tenants in memory', String(inMemory), String(tenants), inMemory === tenants);
} finally {
  agent.destroy();
  await pdp.stop();
}
const width = Math.max(...rows.map(({ what }) => what.length));
for (const { what, measured, allowed, ok } of rows) {
  console.log(
    `${what.padEnd(width)}  ${measured.padStart(10)}  ${allowed === '' ? '' : `of ${allowed}: ${ok ? 'ok' : 'MISSED'}`}`.trimEnd(),
  );
}
process.exitCode = rows.every(({ ok }) => ok) ? 0 : 1;

function row(what: string, measured: string, allowed: string, ok: boolean): void {
  rows.push({ what, measured, allowed, ok });
}

function inSeconds(milliseconds: number): string {
  return (milliseconds / 1000).toFixed(2);
}

/** The policy of one tenant: no rule is another tenant's, so that nothing can be shared. */
function policyOf(index: number): string {
  const head = ['package authz', 'import rego.v1', 'default allow := false', `owner := "tenant-${index}"`];
  const rules: string[] = [];
  let length = head.join('\n').length;
  for (let rule = 0; length < POLICY_BYTES - 200; rule++) {
    const text = [
      `# Shelf ${rule} of tenant ${index} is open to those who may read it, as long as its hours last.`,
      `allow if {`,
      `    input.principal.mannotations.shelves[_] == "shelf-${index}-${rule}"`,
      `    input.resource.annotations.shelf == "shelf-${index}-${rule}"`,
      `    input.context.hour >= ${rule % 24}`,
      `    not closed_${rule}[input.principal.sub]`,
      `}`,
      `closed_${rule} contains "visitor-${index}-${rule}"`,
      '',
    ].join('\n');
    rules.push(text);
    length += text.length + 1;
  }
  return [...head, '', ...rules, `allow if input.principal.sub == "ada-${index}"`, ''].join('\n');
}

function tenantSet(_: unknown, index: number): StoredSet {
  const name = `tenant-${index}`;
  return {
    set: `bench/${name}`,
    domains: [domainOf(domainText(index))],
    serving: { instance: { names: [name], load: options.ahead ? 'Ahead' : 'OnFirstUse', grace: '1h' } },
  };
}

function domainText(index: number): string {
  const rego = policyOf(index)
    .split('\n')
    .map((line) => `        ${line}`.trimEnd())
    .join('\n');
  return `
apiVersion: edict.dev/v1beta1
kind: PolicyDomain
metadata: {name: tenant-${index}}
spec:
  policies:
    - {mrn: door, rego: "package authz\\ndefault allow := 0\\n# ${index}\\n"}
    - mrn: reader
      rego: |
${rego}
    - {mrn: anyone, rego: "package authz\\ndefault allow := true\\n# ${index}\\n"}
  roles:
    - {mrn: member, policy: reader, annotations: [{name: shelves, value: [history, maps]}]}
  resource-groups:
    - {mrn: books, default: true, policy: anyone, annotations: [{name: shelf, value: maps}]}
  operations:
    - {name: all, selector: ['book:.*'], policy: door}
`;
}

/** Milliseconds that the decision on a request of one tenant took. */
function decide(index: number): Promise<number> {
  const body = JSON.stringify({
    principal: { sub: `ada-${index}`, mroles: ['member'] },
    operation: 'book:open',
    resource: 'mrn:book:1',
    context: { hour: 9 },
  });
  const startedAt = performance.now();
  return new Promise((resolve, reject) => {
    const headers = { 'content-type': 'application/json', 'policy-set': `tenant-${index}` };
    const call = request({ port, host: '127.0.0.1', path: '/decision', method: 'POST', agent, headers }, (response) => {
      let text = '';
      response.setEncoding('utf8').on('data', (part: string) => (text += part));
      response.on('end', () => {
        if (response.statusCode === 200 && text === '{"allow":true}\n') resolve(performance.now() - startedAt);
        else reject(new Error(`tenant ${index}: ${response.statusCode ?? 0} ${text}`));
      });
    });
    call.on('error', reject).end(body);
  });
}

async function instancesWarm(): Promise<number> {
  const text = await (await fetch(`${pdp.url}/metrics`)).text();
  return Number(/^pdp_instances\{state="warm"\} (\d+)$/m.exec(text)?.[1] ?? 0);
}
