import { packLayer, writeImageArchive, type Architecture } from '../../scripts/images/image-archive.ts';

/** The image that holds a pod's network namespace; the container runtime is configured to use this name. */
export const PAUSE_IMAGE = 'edict-pause:1';

/** The program: ask the kernel to wait for a signal, for ever. As process 1 it ignores every signal but SIGKILL. */
const PROGRAMS: Record<Architecture, { readonly machine: number; readonly code: readonly number[] }> = {
  // mov eax, 34 (pause); syscall; jmp back
  amd64: { machine: 62, code: [0xb8, 0x22, 0x00, 0x00, 0x00, 0x0f, 0x05, 0xeb, 0xf7] },
  // mov x0..x3, 0; mov x8, 73 (ppoll); svc 0; b back: ppoll of nothing without a time-out
  arm64: {
    machine: 183,
    code: [
      [0x00, 0x00, 0x80, 0xd2],
      [0x01, 0x00, 0x80, 0xd2],
      [0x02, 0x00, 0x80, 0xd2],
      [0x03, 0x00, 0x80, 0xd2],
      [0x28, 0x09, 0x80, 0xd2],
      [0x01, 0x00, 0x00, 0xd4],
      [0xfa, 0xff, 0xff, 0x17],
    ].flat(),
  },
};

/** Writes the archive of {@link PAUSE_IMAGE}; its only file is a static program of some 130 bytes, made here. */
export async function writePauseImage(file: string, architecture: Architecture): Promise<void> {
  const layer = packLayer([{ path: 'pause', mode: 0o755, content: pauseProgram(architecture) }], 'pause');
  await writeImageArchive(file, { name: PAUSE_IMAGE, architecture, entrypoint: ['/pause'], layers: [layer] });
}

/** A 64-bit little-endian ELF executable: file header, one loadable segment, code. */
function pauseProgram(architecture: Architecture): Buffer {
  const { machine, code } = PROGRAMS[architecture];
  const headerSize = 64;
  const segmentHeaderSize = 56;
  const base = 0x400000n;
  const size = headerSize + segmentHeaderSize + code.length;
  const program = Buffer.alloc(size);
  program.write('\x7fELF', 0, 'latin1');
  program.set([2, 1, 1], 4); // 64 bits, little-endian, version 1
  program.writeUInt16LE(2, 16); // executable
  program.writeUInt16LE(machine, 18);
  program.writeUInt32LE(1, 20);
  program.writeBigUInt64LE(base + BigInt(headerSize + segmentHeaderSize), 24); // entry point
  program.writeBigUInt64LE(BigInt(headerSize), 32); // where the segment headers start
  program.writeUInt16LE(headerSize, 52);
  program.writeUInt16LE(segmentHeaderSize, 54);
  program.writeUInt16LE(1, 56);
  const segment = headerSize;
  program.writeUInt32LE(1, segment); // loadable
  program.writeUInt32LE(5, segment + 4); // readable and executable
  program.writeBigUInt64LE(base, segment + 16);
  program.writeBigUInt64LE(base, segment + 24);
  program.writeBigUInt64LE(BigInt(size), segment + 32);
  program.writeBigUInt64LE(BigInt(size), segment + 40);
  program.writeBigUInt64LE(0x1000n, segment + 48);
  program.set(code, headerSize + segmentHeaderSize);
  return program;
}
