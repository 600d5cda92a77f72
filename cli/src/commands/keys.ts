import type { KeyStatus } from '@edict/operator/views';
import type { KeyDesk } from '../fleet/key-desk.ts';
import { CommandError, type FleetOutput, type Io } from '../io.ts';
import { printObject } from '../render/print-object.ts';
import { age, table } from '../render/table.ts';

const PHASES: Readonly<Record<KeyStatus['phase'], string>> = {
  Steady: 'no rotation is under way',
  Announced: 'a new key is being made known to the PDPs',
  Retiring: 'the new key signs; what the old one signed is being replaced',
  Revoking: 'nothing is signed until the PDPs trust the new key',
};

/** `edict keys list`: the signing keys, what each is, and what a rotation waits for. */
export async function listKeys(io: Io, desk: KeyDesk, output: FleetOutput, nowMs: number): Promise<void> {
  const status = await desk.status();
  if (output !== 'text') {
    printObject(io, status, output);
    return;
  }
  const rows = status.keys.map(({ keyId, role, since }) => [
    keyId,
    role,
    since === undefined ? '-' : age(since, nowMs),
  ]);
  io.stdout(table(['KEY', 'ROLE', 'FOR'], rows));
  io.stdout(`${PHASES[status.phase]}\n${status.waitsFor.map((line) => `  waits: ${line}\n`).join('')}`);
}

/** `edict keys rotate`: asks for a new key. The operator does the rest, in steps that never leave a PDP without trust. */
export async function rotateKeys(io: Io, desk: KeyDesk, program: string, nowMs: number): Promise<void> {
  const { phase } = await desk.status();
  if (phase !== 'Steady') throw new CommandError(`a rotation is under way already: see ${program} keys list`);
  await desk.rotate(new Date(nowMs).toISOString());
  io.stdout(`a new key is asked for; see how it goes on: ${program} keys list\n`);
}

/** `edict keys revoke`: nobody trusts the key any more. Refused without `isSure` for the key that signs. */
export async function revokeKey(
  io: Io,
  desk: KeyDesk,
  { keyId, isSure, program }: { readonly keyId: string; readonly isSure: boolean; readonly program: string },
): Promise<void> {
  const { keys } = await desk.status();
  const found = keys.find((key) => key.keyId === keyId);
  if (found === undefined) {
    const known = keys.map((key) => key.keyId).join(', ');
    throw new CommandError(`the operator has no key ${keyId}; it has ${known}`);
  }
  if (found.role === 'Added') {
    throw new CommandError(`key ${keyId} was added by hand: take it out of trusted.pem of the operator's Secret`);
  }
  if (found.role === 'Signing' && !isSure) {
    throw new CommandError(
      `key ${keyId} signs: until PDPs trust the next one no new policy is signed, and a PDP that restarts meanwhile waits for the operator. Say --yes to do it`,
    );
  }
  await desk.revoke(keyId);
  io.stdout(`key ${keyId} is revoked; see how it goes on: ${program} keys list\n`);
}
