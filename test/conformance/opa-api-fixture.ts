/** What both servers are asked about: modules by name, and base documents as JSON text. */
export const MODULES: ReadonlyMap<string, string> = new Map([
  [
    'library:trees',
    `package trees

import rego.v1

default allow := false

allow if input.forester

tall contains name if data.heights[name] > 10

ranked := ["oak", "elm"]

mixed := {1: "one", "z": {3, 1, 2}, "list": [true, null]}

markup := {"<k>": "a & b \\u2028"}

grown[name] := data.heights[name] + input.add if some name in ["oak", "elm"]

felled if input.axe

echo := input

double(x) := x * 2

split := 1 if input.a

split := 2 if input.b

part := 1 / input.by
`,
  ],
  ['library:shade', 'package shade\n\nimport rego.v1\n\ndark if input.night\n'],
  ['library:bare', 'package bare\n'],
  [
    'library:system',
    `package system

import rego.v1

main := {"hello": input.name}
`,
  ],
  [
    'library:health',
    `package system.health

import rego.v1

alive if input.plugins_ready

odd := 1
`,
  ],
]);

export const DATA = `{
  "heights": {"elm": 7.50, "oak": 12, "sequoia": 1e2},
  "rows": [[1, 2], {"7": "seven"}],
  "odd keys": {"a/b": 1},
  "trees": {"note": "base"}
}`;
