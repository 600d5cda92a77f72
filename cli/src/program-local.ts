import { Option, type Command } from 'commander';
import { apiVersions, type ApiVersion } from '@edict/bundle';
import { build } from './commands/build.ts';
import { convert } from './commands/convert.ts';
import { decide } from './commands/decide.ts';
import { lint } from './commands/lint.ts';
import { testDecisions } from './commands/test-decisions.ts';
import { testEnvoy, testMapper } from './commands/test-mapper.ts';
import type { Io, OutputFormat } from './io.ts';
import { addRegoTest } from './program-rego.ts';
import { httpUrl, list, outputOption, outputOptionNotFile } from './option-values.ts';

const DOMAIN_FILES = 'PolicyDomain or PolicyDomainReference files (repeatable, comma-separated)';

/** The commands that need nothing but files. */
export function addLocalCommands(program: Command, io: Io): void {
  program
    .command('lint')
    .description('Check PolicyDomain files: schema, references, selectors, Rego.')
    .requiredOption('-f, --file <files...>', DOMAIN_FILES, list)
    .option('--fail-on-warning', 'exit with 1 on warnings too')
    .addOption(outputOption())
    .action(
      async ({
        file,
        failOnWarning = false,
        output,
      }: {
        file: string[];
        failOnWarning?: boolean;
        output: OutputFormat;
      }) => await lint(io, { file, failOnWarning, output }),
    );

  program
    .command('decide')
    .description('Decide one PORC, from PolicyDomain files or at a running PDP.')
    .option('-b, --bundle <files...>', DOMAIN_FILES, list)
    .option('-i, --input <file>', 'the PORC as JSON; - is standard input', '-')
    .addOption(
      new Option('--url <url>', 'ask this PDP, such as http://127.0.0.1:8181').argParser(httpUrl).conflicts('bundle'),
    )
    .option('--set <set>', 'with --url: the set to ask (namespace/name)')
    .option('--probe', 'with --url: without an access record')
    .addOption(outputOption())
    .action(
      async ({
        bundle = [],
        probe = false,
        ...options
      }: {
        bundle?: string[];
        input: string;
        url?: string;
        set?: string;
        probe?: boolean;
        output: OutputFormat;
      }) => await decide(io, { ...options, bundle, probe }),
    );

  program
    .command('build')
    .description('Put the Rego of PolicyDomainReference files in, or render OPA bundles.')
    .requiredOption('-f, --file <files...>', DOMAIN_FILES, list)
    .option('--output-file <file>', 'where to write; default: beside the input')
    .addOption(new Option('--format <format>', 'what to make').choices(['domain', 'bundle']).default('domain'))
    .addOption(outputOptionNotFile())
    .action(
      async (options: { file: string[]; outputFile?: string; format: 'domain' | 'bundle'; output: OutputFormat }) =>
        await build(io, options),
    );

  program
    .command('convert')
    .description('Convert PolicyDomain files between versions, with their meaning kept.')
    .requiredOption('-f, --file <files...>', 'PolicyDomain files (repeatable, comma-separated)', list)
    .addOption(
      new Option('--to <apiVersion>', 'version to convert to').choices(apiVersions).default('edict.dev/v1beta1'),
    )
    .option('--output-file <file>', 'where to write; default: standard output')
    .addOption(new Option('-o, --output <format>', 'form of the result').choices(['yaml', 'json']).default('yaml'))
    .action(
      async (options: { file: string[]; to: ApiVersion; outputFile?: string; output: 'yaml' | 'json' }) =>
        await convert(io, options),
    );
}

/** `edict test …` */
export function addTestCommands(program: Command, io: Io): void {
  const test = program.command('test').description('Run the tests of Rego policies, of decisions and of mappers.');
  addRegoTest(test, io, program.name());
  test
    .command('decisions')
    .description('Run a suite of decisions (name, porc, result.allow) against PolicyDomain files.')
    .requiredOption('-b, --bundle <files...>', DOMAIN_FILES, list)
    .requiredOption('-i, --input <file>', 'the suite, YAML')
    .option('--test <globs...>', 'only tests whose names match', list)
    .addOption(outputOption())
    .action(
      async ({
        test: globs = [],
        ...options
      }: {
        bundle: string[];
        input: string;
        test?: string[];
        output: OutputFormat;
      }) => await testDecisions(io, { ...options, test: globs }),
    );
  test
    .command('mapper')
    .description('Print the PORC that the mapper makes of attributes, as JSON.')
    .requiredOption('-b, --bundle <files...>', DOMAIN_FILES, list)
    .option('-i, --input <file>', 'the attributes as JSON; - is standard input', '-')
    .option('-n, --name <domain>', 'the domain whose mapper to use, where several have one')
    .action(async (options: { bundle: string[]; input: string; name?: string }) => await testMapper(io, options));
  test
    .command('envoy')
    .description('Decide the PORC that the mapper makes of the attributes of an Envoy request.')
    .requiredOption('-b, --bundle <files...>', DOMAIN_FILES, list)
    .option('-i, --input <file>', 'the attributes as JSON; - is standard input', '-')
    .option('-n, --name <domain>', 'the domain whose mapper to use, where several have one')
    .addOption(outputOption())
    .action(
      async (options: { bundle: string[]; input: string; name?: string; output: OutputFormat }) =>
        await testEnvoy(io, options),
    );
}
