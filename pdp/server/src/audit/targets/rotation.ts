import { createReadStream, createWriteStream } from 'node:fs';
import { readdir, rename, rm, unlink } from 'node:fs/promises';
import { basename, dirname, extname, join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { createGzip } from 'node:zlib';

/** When a file is put aside, and what becomes of those that were. */
export interface RotationSettings {
  /** Bytes beyond which a new file is begun. */
  readonly maxBytes: number;
  /** Age beyond which one is. */
  readonly maxAgeMs: number;
  /** Old files to keep; the oldest go. */
  readonly keep: number;
  /** Old files are compressed with gzip. */
  readonly compress: boolean;
}

/** `records.jsonl` put aside at a moment: `records-2026-01-02T03-04-05.678Z-0.jsonl`. Names sort by time. */
export function rotatedPath(path: string, atMs: number, serial: number): string {
  const ending = extname(path);
  const stamp = new Date(atMs).toISOString().replaceAll(':', '-');
  return join(dirname(path), `${basename(path, ending)}-${stamp}-${serial}${ending}`);
}

/** Puts a file aside under a name that is free. */
export async function putAside(path: string, atMs: number): Promise<void> {
  const taken = new Set(await readdir(dirname(path)));
  for (let serial = 0; ; serial++) {
    const aside = rotatedPath(path, atMs, serial);
    if (taken.has(basename(aside)) || taken.has(`${basename(aside)}.gz`)) continue;
    await rename(path, aside);
    return;
  }
}

/** Compresses the files that were put aside, if wanted, and deletes the oldest beyond `keep`. */
export async function tidyAside(path: string, { keep, compress }: RotationSettings): Promise<void> {
  const folder = dirname(path);
  const old = await asideFiles(path);
  const going = old.slice(0, Math.max(0, old.length - keep));
  for (const name of going) await rm(join(folder, name), { force: true });
  for (const name of compress ? old.slice(going.length) : []) {
    if (name.endsWith('.gz')) continue;
    const plain = join(folder, name);
    // Under its name only when it is whole.
    await pipeline(createReadStream(plain), createGzip(), createWriteStream(`${plain}.gz.part`, { mode: 0o600 }));
    await rename(`${plain}.gz.part`, `${plain}.gz`);
    await unlink(plain);
  }
}

/** Names of the files that were put aside, oldest first. */
async function asideFiles(path: string): Promise<readonly string[]> {
  const ending = extname(path);
  const start = `${basename(path, ending)}-`;
  const isAside = (name: string): boolean => {
    if (!name.startsWith(start)) return false;
    const rest = name.slice(start.length);
    const stamp = /^\d{4}-\d\d-\d\dT\d\d-\d\d-\d\d\.\d{3}Z-\d+/.exec(rest)?.[0];
    return stamp !== undefined && [ending, `${ending}.gz`].includes(rest.slice(stamp.length));
  };
  return (await readdir(dirname(path))).filter(isAside).sort();
}
