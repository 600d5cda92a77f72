import { Writable } from 'node:stream';
import { createLogger as createWinston, format, transports, type Logger } from 'winston';

export type { Logger };

/** JSON lines `{"level","message","timestamp",…}`, handed to `writeLine` one at a time. */
export function createLogger(level: string, writeLine: (line: string) => void): Logger {
  const stream = new Writable({
    decodeStrings: false,
    write(chunk: string | Buffer, _encoding, done) {
      writeLine(String(chunk).trimEnd());
      done();
    },
  });
  return createWinston({
    level,
    format: format.combine(format.timestamp(), format.json()),
    transports: [new transports.Stream({ stream })],
  });
}
