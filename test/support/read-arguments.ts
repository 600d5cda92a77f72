import { readFileSync } from 'node:fs';
import { parseArgs, type ParseArgsOptionsConfig } from 'node:util';

/** The values of a tool's options, with their defaults. */
type Values<Options extends ParseArgsOptionsConfig> = ReturnType<
  typeof parseArgs<{ readonly options: Options }>
>['values'];

/**
 * Reads the arguments of a tool; the first comment of several lines in its file says how it is used. `--help` prints that comment and ends
 * the process with 0; an option that the tool does not have is named, and ends it with 2.
 */
export function readArguments<Options extends ParseArgsOptionsConfig>(file: string, options: Options): Values<Options> {
  if (process.argv.slice(2).includes('--help')) {
    console.log(usageOf(readFileSync(file, 'utf8')));
    process.exit(0);
  }
  try {
    return parseArgs({ options }).values;
  } catch (error) {
    console.error(`${error instanceof Error ? error.message : String(error)}\n--help says how it is used`);
    process.exit(2);
  }
}

/** The text of the first comment of several lines in a source file. @throws Error if there is none */
export function usageOf(source: string): string {
  const comment = /^\/\*\*\n([\s\S]*?)\n \*\//m.exec(source)?.[1];
  if (comment === undefined) throw new Error('no comment says how the program is used');
  return comment.replaceAll(/^ \* ?/gm, '');
}
