import { aggregates } from './aggregates.ts';
import { arithmetic } from './arithmetic.ts';
import { arrays } from './arrays.ts';
import { aws } from './aws.ts';
import { bits } from './bits.ts';
import type { Builtin, BuiltinFamily } from './builtin.ts';
import { encodings } from './encodings.ts';
import { formatting } from './sprintf.ts';
import { globs } from './globs.ts';
import { graphql } from './graphql.ts';
import { graphs } from './graphs.ts';
import { hashes } from './hashes.ts';
import { http } from './http.ts';
import { jsonPatch } from './json-patch.ts';
import { jsonPaths } from './json-paths.ts';
import { jwt } from './jwt.ts';
import { messages } from './messages.ts';
import { modules } from './modules.ts';
import { networks } from './networks.ts';
import { objects } from './objects.ts';
import { regex } from './regex.ts';
import { schemas } from './schemas.ts';
import { semver } from './semver.ts';
import { sets } from './sets.ts';
import { strings } from './strings.ts';
import { templates } from './templates.ts';
import { times } from './times.ts';
import { types } from './types.ts';
import { units } from './units.ts';
import { uris } from './uris.ts';
import { uuids } from './uuids.ts';
import { x509 } from './x509.ts';
import { yaml } from './yaml.ts';

export type { Builtin, BuiltinContext, BuiltinErrorCode } from './builtin.ts';

const families: readonly BuiltinFamily[] = [
  aggregates,
  arithmetic,
  arrays,
  aws,
  bits,
  encodings,
  formatting,
  globs,
  graphql,
  graphs,
  hashes,
  http,
  jsonPatch,
  jsonPaths,
  jwt,
  messages,
  modules,
  networks,
  objects,
  regex,
  schemas,
  semver,
  sets,
  strings,
  templates,
  times,
  types,
  units,
  uris,
  uuids,
  x509,
  yaml,
];

/** Every built-in that can be called at run time, by name. */
export const builtins: ReadonlyMap<string, Builtin> = new Map(
  families.flatMap((family) =>
    Object.entries(family).map(([name, evaluate]): [string, Builtin] => [name, { name, evaluate }]),
  ),
);
