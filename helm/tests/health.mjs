// What `helm test` runs, by the Node of the PDP's image: is the release there, for those who need it? Arguments: JSON.
import { checkServerIdentity, connect } from 'node:tls';
import { setTimeout as delay } from 'node:timers/promises';

const { health, tls, pdps, isOwnCertificate } = JSON.parse(process.argv[1]);
const PATIENCE_MS = 60_000;

/** Tries until it holds; fails with the last reason. */
async function eventually(what, probe) {
  const until = performance.now() + PATIENCE_MS;
  for (;;) {
    try {
      console.log(`ok ${what}: ${await probe()}`);
      return;
    } catch (error) {
      if (performance.now() > until) {
        console.error(`not ok ${what}: ${error.cause?.message ?? error.message}`);
        process.exitCode = 1;
        return;
      }
      await delay(1_000);
    }
  }
}

async function get(url) {
  // A connection of its own each time: the Service chooses the replica.
  const response = await fetch(url, { headers: { connection: 'close' }, signal: AbortSignal.timeout(5_000) });
  const text = await response.text();
  if (!response.ok) throw new Error(`${url} answered ${response.status}: ${text.trim()}`);
  return text.trim();
}

/** Whether a certificate for that name (where the operator made it) is served, and valid by the clock of this node. */
function certificateOf(host, port) {
  return new Promise((resolve, reject) => {
    const fail = (message) => {
      socket.destroy();
      reject(new Error(message));
    };
    // Who signed it is not known here; PDPs and the API server check that.
    const socket = connect({ host, port, servername: host, rejectUnauthorized: false, timeout: 5_000 }, () => {
      const certificate = socket.getPeerCertificate();
      const { valid_from: from, valid_to: to } = certificate;
      const wrongName = isOwnCertificate ? checkServerIdentity(host, certificate) : undefined;
      if (wrongName !== undefined) return fail(wrongName.message);
      const now = Date.now();
      if (now < Date.parse(from) || now > Date.parse(to)) {
        return fail(`the certificate is valid from ${from} to ${to}, and here it is ${new Date(now).toUTCString()}`);
      }
      socket.destroy();
      return resolve(`a certificate that is valid until ${to}`);
    });
    socket.once('error', reject).once('timeout', () => fail(`no answer from ${host}:${port}`));
  });
}

await eventually(`${health} is ready`, () => get(`${health}/readyz`));
for (const [host, port] of tls) await eventually(`${host}:${port} serves TLS`, () => certificateOf(host, port));
if (pdps !== undefined) {
  await eventually('a replica leads', async () => `it knows ${JSON.parse(await get(`${health}/v1/pdps`)).length} PDPs`);
  if (pdps.count > 0) {
    await eventually(`${pdps.count} PDPs serve ${pdps.set} or wait for its policy`, async () => {
      const known = JSON.parse(await get(`${health}/v1/pdps`));
      const connected = known.filter((pdp) => pdp.connected && pdp.sets.some(({ set }) => set === pdps.set));
      if (connected.length < pdps.count) throw new Error(`${connected.length} are connected`);
      return `${connected.length} are connected`;
    });
  }
}
