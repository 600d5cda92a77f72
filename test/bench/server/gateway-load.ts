import { runWrk, type WrkFigures } from './wrk.ts';

/** A request that is sent again and again through a gateway. */
export interface GatewayLoad {
  readonly port: number;
  readonly method: string;
  readonly path: string;
  readonly headers: readonly (readonly [name: string, value: string])[];
  readonly connections: number;
  readonly seconds: number;
}

/** Sends requests with wrk, which costs a fraction of what a client in Node costs. @throws Error if one is not answered with 200 */
export async function loadGatewayWithWrk(load: GatewayLoad): Promise<WrkFigures> {
  const { port, connections, seconds } = load;
  const figures = await runWrk({ url: `http://127.0.0.1:${port}`, connections, seconds, script: scriptOf(load) });
  if (figures.wrongAnswers > 0) throw new Error(`${figures.wrongAnswers} requests were not answered with 200`);
  return figures;
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
`;
}
