/** Why an archive cannot be read. */
export class TarError extends Error {
  override readonly name = 'TarError';
}

const BLOCK = 512;
const text = new TextDecoder('utf-8');

/**
 * The regular files of a tar archive (ustar, with the extensions of pax and GNU for long names) by their paths, without
 * `./` in front. Links and devices are left out; of several files with one path the last counts.
 * @throws TarError for what is no archive, or not a whole one
 */
export function untar(archive: Uint8Array): ReadonlyMap<string, Uint8Array> {
  const files = new Map<string, Uint8Array>();
  let longName: string | undefined;
  for (let offset = 0; offset < archive.length;) {
    const header = archive.subarray(offset, offset + BLOCK);
    if (header.length < BLOCK) throw new TarError('it ends within a header');
    if (header.every((byte) => byte === 0)) break;
    checkSum(header);
    const size = octal(header, 124, 12);
    const start = offset + BLOCK;
    if (start + size > archive.length) throw new TarError('it ends within a file');
    const content = archive.subarray(start, start + size);
    offset = start + Math.ceil(size / BLOCK) * BLOCK;
    const type = String.fromCharCode(header[156] ?? 0);
    if (type === 'x') longName = paxPath(content) ?? longName;
    else if (type === 'L') longName = text.decode(content).replace(/\0.*$/s, '');
    else {
      if (type === '0' || type === '\0') files.set(cleanPath(longName ?? nameOf(header)), content);
      longName = undefined;
    }
  }
  return files;
}

/** A path below the archive's root: no `./` or `/` in front, no way out of it. */
function cleanPath(path: string): string {
  const parts = path.split('/').filter((part) => part !== '' && part !== '.');
  if (parts.includes('..')) throw new TarError(`the path '${path}' leaves the archive`);
  return parts.join('/');
}

function nameOf(header: Uint8Array): string {
  const name = field(header, 0, 100);
  const prefix = field(header, 257, 5) === 'ustar' ? field(header, 345, 155) : '';
  return prefix === '' ? name : `${prefix}/${name}`;
}

function field(header: Uint8Array, start: number, length: number): string {
  return text.decode(header.subarray(start, start + length)).replace(/\0.*$/s, '');
}

function octal(header: Uint8Array, start: number, length: number): number {
  const digits = field(header, start, length).trim();
  if (!/^[0-7]+$/.test(digits)) throw new TarError('a header cannot be read');
  return Number.parseInt(digits, 8);
}

function checkSum(header: Uint8Array): void {
  const sum = header.reduce((total, byte, index) => total + (index >= 148 && index < 156 ? 32 : byte), 0);
  if (octal(header, 148, 8) !== sum) throw new TarError('a header has a wrong checksum');
}

/** The path in the records of a pax header: `<length> path=<path>\n`. */
function paxPath(content: Uint8Array): string | undefined {
  for (let offset = 0; offset < content.length;) {
    const space = content.indexOf(32, offset);
    const length = Number.parseInt(text.decode(content.subarray(offset, space)), 10);
    if (space < 0 || !(length > 0)) throw new TarError('a pax header cannot be read');
    const record = text.decode(content.subarray(space + 1, offset + length - 1));
    if (record.startsWith('path=')) return record.slice('path='.length);
    offset += length;
  }
  return undefined;
}
