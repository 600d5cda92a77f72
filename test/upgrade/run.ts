import path from 'node:path';
import { parseArgs } from 'node:util';
import { runJest } from '../support/run-jest.ts';
import { FROM_VARIABLE } from './environment.ts';

const USAGE = `npm run test:upgrade -- [--from REF] [--only NAME]
  Upgrades from another version to this tree on a real node, under load, in every order; needs root.
  --from REF   a tag or commit to upgrade from: built once, from its own sources. Default: the last tag before this commit, or
               the commit that test/upgrade/old-version.ts names.
  --only NAME  only the scenarios whose name contains it`;

const { values } = parseArgs({
  options: { from: { type: 'string' }, only: { type: 'string' }, help: { type: 'boolean', default: false } },
});
if (values.help) console.log(USAGE);
else {
  process.exitCode = await runJest(
    path.join(import.meta.dirname, 'jest.config.js'),
    values.only === undefined ? [] : ['-t', values.only],
    values.from === undefined ? {} : { [FROM_VARIABLE]: values.from },
  );
}
