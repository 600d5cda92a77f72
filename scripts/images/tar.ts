/** One member of an archive. Owner is root, the time is the epoch: equal members make equal bytes. */
export interface TarEntry {
  /** Relative, with `/`, without a leading `./`. */
  readonly path: string;
  readonly mode: number;
  /** Bytes of a file; absent for a directory. */
  readonly content?: Uint8Array;
  /** Target, for a symbolic link. */
  readonly linkTo?: string;
}

const BLOCK = 512;

/** Writes a POSIX ustar archive, members sorted by path so that a directory precedes what is in it. */
export function writeTar(entries: readonly TarEntry[]): Buffer {
  const sorted = entries.toSorted((a, b) => (a.path < b.path ? -1 : a.path > b.path ? 1 : 0));
  const parts: Uint8Array[] = [];
  for (const entry of sorted) {
    const size = entry.content?.byteLength ?? 0;
    parts.push(header(entry, size));
    if (entry.content !== undefined) parts.push(entry.content, Buffer.alloc((BLOCK - (size % BLOCK)) % BLOCK));
  }
  parts.push(Buffer.alloc(2 * BLOCK));
  return Buffer.concat(parts);
}

function header(entry: TarEntry, size: number): Buffer {
  const block = Buffer.alloc(BLOCK);
  const { name, prefix } = splitPath(
    entry.content === undefined && entry.linkTo === undefined ? `${entry.path}/` : entry.path,
  );
  block.write(name, 0);
  block.write(octal(entry.mode, 8), 100);
  block.write(octal(0, 8), 108);
  block.write(octal(0, 8), 116);
  block.write(octal(size, 12), 124);
  block.write(octal(0, 12), 136);
  block.write(' '.repeat(8), 148); // the checksum counts its own field as spaces
  block.write(entry.linkTo === undefined ? (entry.content === undefined ? '5' : '0') : '2', 156);
  block.write(entry.linkTo ?? '', 157);
  block.write('ustar\x0000', 257);
  block.write(prefix, 345);
  const sum = block.reduce((total, byte) => total + byte, 0);
  block.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148);
  return block;
}

/** ustar holds 100 bytes of name and 155 of the directories before it. */
function splitPath(path: string): { readonly name: string; readonly prefix: string } {
  if (Buffer.byteLength(path) <= 100) return { name: path, prefix: '' };
  for (let cut = path.indexOf('/'); cut !== -1; cut = path.indexOf('/', cut + 1)) {
    const prefix = path.slice(0, cut);
    const name = path.slice(cut + 1);
    if (Buffer.byteLength(prefix) <= 155 && Buffer.byteLength(name) <= 100 && name !== '') return { name, prefix };
  }
  throw new Error(`path is too long for a tar archive: ${path}`);
}

function octal(value: number, width: number): string {
  return `${value.toString(8).padStart(width - 1, '0')}\0`;
}
