import { spawn } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** A request that is sent again and again through a gateway. */
export interface GatewayLoad {
  readonly port: number;
  readonly method: string;
  readonly path: string;
  readonly headers: readonly (readonly [name: string, value: string])[];
  readonly connections: number;
  readonly seconds: number;
}

/** What came of it. */
export interface GatewayFigures {
  readonly requests: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
}

/** Sends requests with wrk, which costs a fraction of what a client in Node costs. @throws Error if one is not answered with 200 */
export async function loadGatewayWithWrk(load: GatewayLoad): Promise<GatewayFigures> {
  const folder = await mkdtemp(join(tmpdir(), 'edict-gateway-'));
  try {
    const script = join(folder, 'gateway.lua');
    await writeFile(script, scriptOf(load));
    const { connections, seconds, port } = load;
    const args = [
      '-t1',
      `-c${connections}`,
      `-d${seconds}s`,
      '--timeout=10s',
      '-s',
      script,
      `http://127.0.0.1:${port}`,
    ];
    const child = spawn('wrk', args, { stdio: ['ignore', 'pipe', 'inherit'] });
    let text = '';
    child.stdout.setEncoding('utf8').on('data', (chunk: string) => (text += chunk));
    const code = await new Promise<number | null>((resolve, reject) => {
      child.once('error', reject);
      child.once('close', resolve);
    });
    const line = /^figures (.*)$/m.exec(text)?.[1];
    if (code !== 0 || line === undefined) throw new Error(`wrk failed: ${text}`);
    const [requests = 0, p50 = 0, p99 = 0, wrong = 0] = line.split(' ').map(Number);
    if (wrong > 0) throw new Error(`${wrong} requests were not answered with 200`);
    return { requests, p50Ms: p50 / 1000, p99Ms: p99 / 1000 };
  } finally {
    await rm(folder, { recursive: true });
  }
}

/** Names and values of benchmarks have nothing that JSON escapes otherwise than Lua. */
function scriptOf({ method, path, headers }: GatewayLoad): string {
  const fields = headers.map(([name, value]) => `[${JSON.stringify(name)}] = ${JSON.stringify(value)}`).join(', ');
  return `
local one
function init()
  one = wrk.format(${JSON.stringify(method)}, ${JSON.stringify(path)}, { ${fields} }, "")
end
function request()
  return one
end
function done(summary, latency)
  local e = summary.errors
  print(string.format("figures %d %d %d %d", summary.requests, latency:percentile(50), latency:percentile(99),
    e.connect + e.read + e.write + e.status + e.timeout))
end
`;
}
