import { BundleError } from './bundle-error.ts';

/** One regular file of an archive. */
export interface TarFile {
  readonly name: string;
  readonly content: Uint8Array;
}

const BLOCK = 512;
const NAME_LENGTH = 100;
/** Largest size that the eleven octal digits of a header hold. */
const MAX_FILE_BYTES = 0o77777777777;

/**
 * Writes a ustar archive in the one form that a given list of files has: files sorted by name, mode 0644, owner 0, time
 * 0, two empty blocks at the end.
 */
export function writeTar(files: readonly TarFile[]): Uint8Array {
  const sorted = files.toSorted((left, right) => (left.name < right.name ? -1 : 1));
  const size = sorted.reduce((sum, { content }) => sum + BLOCK + padded(content.length), 2 * BLOCK);
  const archive = new Uint8Array(size);
  let offset = 0;
  for (const { name, content } of sorted) {
    archive.set(header(name, content.length), offset);
    archive.set(content, offset + BLOCK);
    offset += BLOCK + padded(content.length);
  }
  return archive;
}

/**
 * Reads an archive that {@link writeTar} could have written, and no other: regular files with sorted, unique names.
 * @throws BundleError `bad-tar`
 */
export function readTar(archive: Uint8Array): ReadonlyMap<string, Uint8Array> {
  const files = new Map<string, Uint8Array>();
  let offset = 0;
  let previous = '';
  for (;;) {
    const block = archive.subarray(offset, offset + BLOCK);
    if (block.length < BLOCK) throw new BundleError('bad-tar', 'the archive ends before its end mark');
    if (block.every((byte) => byte === 0)) break;
    const { name, size } = readHeader(block);
    if (name <= previous) throw new BundleError('bad-tar', `file '${name}' is not in order`);
    const start = offset + BLOCK;
    if (start + size > archive.length) throw new BundleError('bad-tar', `file '${name}' is cut off`);
    files.set(name, archive.subarray(start, start + size));
    previous = name;
    offset = start + padded(size);
  }
  const rest = archive.subarray(offset);
  if (rest.length !== 2 * BLOCK || rest.some((byte) => byte !== 0)) {
    throw new BundleError('bad-tar', 'the archive does not end with two empty blocks');
  }
  return files;
}

function header(name: string, size: number): Uint8Array {
  const encoded = new TextEncoder().encode(name);
  if (encoded.length === 0 || encoded.length > NAME_LENGTH)
    throw new RangeError(`name '${name}' does not fit a header`);
  if (size > MAX_FILE_BYTES) throw new RangeError(`file '${name}' is too large for a header`);
  const block = new Uint8Array(BLOCK);
  const put = (offset: number, text: string): void => {
    block.set(new TextEncoder().encode(text), offset);
  };
  block.set(encoded, 0);
  put(100, '0000644\0');
  put(108, '0000000\0');
  put(116, '0000000\0');
  put(124, `${size.toString(8).padStart(11, '0')}\0`);
  put(136, '00000000000\0');
  put(148, '        ');
  put(156, '0');
  put(257, 'ustar\u000000');
  put(148, `${checksum(block).toString(8).padStart(6, '0')}\0 `);
  return block;
}

/** A header is right if it is, byte for byte, the one that would be written for its name and size. */
function readHeader(block: Uint8Array): { readonly name: string; readonly size: number } {
  const nameEnd = block.subarray(0, NAME_LENGTH).indexOf(0);
  const nameBytes = block.subarray(0, nameEnd === -1 ? NAME_LENGTH : nameEnd);
  const name = new TextDecoder().decode(nameBytes);
  const sizeText = new TextDecoder('latin1').decode(block.subarray(124, 135));
  if (name === '' || !/^[0-7]{11}$/.test(sizeText)) throw new BundleError('bad-tar', 'a file header cannot be read');
  const size = Number.parseInt(sizeText, 8);
  const expected = header(name, size);
  if (block.some((byte, index) => byte !== expected[index])) {
    throw new BundleError('bad-tar', `the header of file '${name}' is not in canonical form`);
  }
  return { name, size };
}

function checksum(block: Uint8Array): number {
  return block.reduce((sum, byte) => sum + byte, 0);
}

function padded(size: number): number {
  return Math.ceil(size / BLOCK) * BLOCK;
}
