/**
 * Finds, in the bytes of a JSON text, where `JSON.parse` might not keep what the text says: numbers and backslashes.
 * Looking at every byte costs JavaScript about as much as parsing does, so the bytes go through a WebAssembly function
 * of a few instructions that looks at 16 at a time. Machines without its instructions have none: `findMarks` is
 * undefined there.
 */

/** Bytes that go through the function at a time. */
export const SCAN_CHUNK = 16_384;

/** What a scan found: a mark that `visit` stopped at, or none, and then whether all bytes are ASCII. */
type ScanResult = 'stopped' | 'ascii' | 'other';

/** Calls `visit` with the index of every mark until it gives true. */
type FindMarks = (bytes: Uint8Array, visit: (bytes: Uint8Array, at: number) => boolean) => ScanResult;

interface Machine {
  readonly memory: { readonly buffer: ArrayBuffer };
  /** Writes the places of the marks among the bytes at `TEXT`; gives twice their number, plus one if not all is ASCII. */
  readonly scan: (length: number) => number;
}

/** Which the compiler's libraries declare for browsers only. */
interface Wasm {
  readonly Module: new (code: Uint8Array) => object;
  readonly Instance: new (module: object) => { readonly exports: unknown };
  readonly validate: (code: Uint8Array) => boolean;
}

function load(): FindMarks | undefined {
  const wasm = (globalThis as unknown as { readonly WebAssembly?: Wasm }).WebAssembly;
  const code = moduleCode();
  if (wasm?.validate(code) !== true) return undefined;
  const { memory, scan } = new wasm.Instance(new wasm.Module(code)).exports as Machine;
  const text = new Uint8Array(memory.buffer);
  // WebAssembly's memory is little-endian on every machine, typed arrays are not.
  const marks = new DataView(memory.buffer, MARKS);
  return (bytes, visit) => {
    let isAscii = true;
    for (let start = 0; start < bytes.length; start += SCAN_CHUNK) {
      const chunk = bytes.length <= SCAN_CHUNK ? bytes : bytes.subarray(start, start + SCAN_CHUNK);
      text[TEXT - 1] = start === 0 ? COMMA : (bytes[start - 1] ?? COMMA);
      text.set(chunk, TEXT);
      const result = scan(chunk.length);
      if ((result & 1) !== 0) isAscii = false;
      const end = 4 * (result >> 1);
      for (let mark = 0; mark < end; mark += 4) if (visit(bytes, start + marks.getInt32(mark, true))) return 'stopped';
    }
    return isAscii ? 'ascii' : 'other';
  };
}

// The function, and the module around it, in WebAssembly's binary format (https://webassembly.github.io/spec/core/binary).

/** What the start of a text counts as. */
const COMMA = 0x2c;
/** Where the text stands in memory: 16 bytes in, so that what is in front of its first byte can be loaded, too. */
const TEXT = 16;
/** Where the places of the marks stand, of four bytes each. The text ends in front of it with 16 bytes to spare. */
const MARKS = 65_536;
/** Of 64 KiB. */
const PAGES = 2;

// Locals: the parameter, integers, vectors.
const LENGTH = 0;
const AT = 1;
const OUT = 2;
const MASK = 3;
const BYTES = 4;
const BEFORE = 5;
const FOUND = 6;
/** Vectors of one byte each, made once. */
const NOUGHTS = 7;
const NINES = 8;
const BACKSLASHES = 9;
/** The bits that any byte so far has had. */
const ALL = 10;

function moduleCode(): Uint8Array {
  const i32 = 0x7f;
  const v128 = 0x7b;
  const body = [2, 3, i32, 7, v128, ...functionCode()];
  const exported = (name: string, kind: number): readonly number[] => [
    name.length,
    ...Array.from(name, (char) => char.charCodeAt(0)),
    kind,
    0,
  ];
  return Uint8Array.from([
    ...[0x00, 0x61, 0x73, 0x6d, 1, 0, 0, 0],
    ...section(1, [1, 0x60, 1, i32, 1, i32]),
    ...section(3, [1, 0]),
    ...section(5, [1, 0, PAGES]),
    ...section(7, [2, ...exported('memory', 2), ...exported('scan', 0)]),
    ...section(10, [1, ...unsigned(body.length), ...body]),
  ]);
}

function functionCode(): readonly number[] {
  const loop = [0x03, 0x40];
  const when = [0x04, 0x40];
  const end = 0x0b;
  const again = [0x0d, 0];
  const add = 0x6a;
  const equal = vector(35);
  const atMost = vector(42);
  const minus = vector(113);
  const or = vector(80);
  const and = vector(78);
  return [
    // nothing stands behind the text
    ...[...get(LENGTH), ...every(0), ...vector(11), 0, TEXT],
    ...[...constant(MARKS), ...set(OUT)],
    ...[...every(0x30), ...set(NOUGHTS), ...every(9), ...set(NINES), ...every(0x5c), ...set(BACKSLASHES)],
    ...loop,
    // found = digits and backslashes among the next 16 bytes
    ...[...get(AT), ...load128(TEXT), ...tee(BYTES), ...get(NOUGHTS), ...minus, ...get(NINES), ...atMost],
    ...[...get(BYTES), ...get(BACKSLASHES), ...equal, ...or, ...tee(FOUND), ...vector(83)],
    ...[...get(ALL), ...get(BYTES), ...or, ...set(ALL)],
    ...when,
    // those behind white space , : [ - and the backslashes
    ...[...get(AT), ...load128(TEXT - 1), ...tee(BEFORE), ...every(0x20), ...atMost],
    ...[0x2c, 0x3a, 0x5b, 0x2d].flatMap((byte) => [...get(BEFORE), ...every(byte), ...equal, ...or]),
    ...[...get(BYTES), ...get(BACKSLASHES), ...equal, ...or, ...get(FOUND), ...and],
    ...[...vector(100), ...tee(MASK)],
    ...when,
    ...loop,
    // the lowest bit of the mask is the next mark
    ...[...get(OUT), ...get(AT), ...get(MASK), 0x68, add, 0x36, 2, 0],
    ...[...get(OUT), ...constant(4), add, ...set(OUT)],
    ...[...get(MASK), ...get(MASK), ...constant(1), 0x6b, 0x71, ...tee(MASK)],
    ...again,
    ...[end, end, end],
    ...[...get(AT), ...constant(16), add, ...tee(AT), ...get(LENGTH), 0x48],
    ...again,
    end,
    ...[...get(OUT), ...constant(MARKS), 0x6b, ...constant(1), 0x76],
    ...[...get(ALL), ...vector(100), ...constant(0), 0x47, 0x72],
    end,
  ];
}

function section(id: number, content: readonly number[]): readonly number[] {
  return [id, ...unsigned(content.length), ...content];
}

function get(local: number): readonly number[] {
  return [0x20, local];
}

function set(local: number): readonly number[] {
  return [0x21, local];
}

function tee(local: number): readonly number[] {
  return [0x22, local];
}

function constant(value: number): readonly number[] {
  return [0x41, ...signed(value)];
}

function vector(operation: number): readonly number[] {
  return [0xfd, ...unsigned(operation)];
}

/** Loads 16 bytes; the address is on the stack. */
function load128(offset: number): readonly number[] {
  return [...vector(0), 0, ...unsigned(offset)];
}

/** A vector of 16 times the same byte. */
function every(byte: number): readonly number[] {
  return [...constant(byte), ...vector(15)];
}

/** LEB128. */
function unsigned(value: number): readonly number[] {
  return value < 0x80 ? [value] : [(value & 0x7f) | 0x80, ...unsigned(value >>> 7)];
}

/** Signed LEB128 of a number that is not negative. */
function signed(value: number): readonly number[] {
  return value < 0x40 ? [value] : [(value & 0x7f) | 0x80, ...signed(value >>> 7)];
}

/**
 * A mark is a digit behind a bracket, comma, colon, minus, white space or the start of the text, and a backslash. Digits
 * that start no number can be among them: those inside of strings, and behind a minus inside of a string.
 */
export const findMarks: FindMarks | undefined = load();
