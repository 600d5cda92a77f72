/** What an argument of a built-in should be. */
export type ArgumentKind =
  | 'string'
  | 'number'
  | 'small'
  | 'array'
  | 'strings'
  | 'numbers'
  | 'object'
  | 'set'
  | 'collection'
  | 'any'
  /** Rego text that stands for itself. */
  | readonly string[];

const patterns: ArgumentKind = ['"a+"', '"^[a-z]*$"', '"(.)b"', '"["', '"\\\\d+"', '`a|b`'];
const globs: ArgumentKind = ['"a:*"', '"*"', '"*:b"', '"a.*"', '"a"', '"**"', '"{a,b}"', '"[a-c]"', '"a\\\\:*"'];
const delimiters: ArgumentKind = ['[":"]', '[]', '["."]', '[":", "."]'];
const paths: ArgumentKind = ['["a"]', '["a/b", "x"]', '{"a", "dev"}', '[["a", "b"]]'];

/**
 * Built-ins with what they give, and what to call them with. All give the same for the same arguments. Texts that are
 * decoded are UTF-8: ours hold nothing else.
 */
export const calls: readonly (readonly [
  name: string,
  result: 'string' | 'number' | 'boolean' | 'array' | 'object' | 'set' | 'any',
  args: readonly ArgumentKind[],
])[] = [
  ['abs', 'number', ['number']],
  ['array.concat', 'array', ['array', 'array']],
  ['array.flatten', 'array', ['array']],
  ['array.reverse', 'array', ['array']],
  ['array.slice', 'array', ['array', 'small', 'small']],
  ['base64.decode', 'string', [['"YQ=="', '"w6k="', '"%"']]],
  ['base64.encode', 'string', ['string']],
  ['base64url.encode_no_pad', 'string', ['string']],
  ['bits.and', 'number', ['number', 'number']],
  ['bits.lsh', 'number', ['number', 'small']],
  ['bits.negate', 'number', ['number']],
  ['bits.rsh', 'number', ['number', 'small']],
  ['bits.xor', 'number', ['number', 'number']],
  ['ceil', 'number', ['number']],
  ['concat', 'string', ['string', 'strings']],
  ['contains', 'boolean', ['string', 'string']],
  ['count', 'number', ['collection']],
  ['crypto.hmac.sha256', 'string', ['string', 'string']],
  ['crypto.md5', 'string', ['string']],
  ['crypto.sha256', 'string', ['string']],
  ['endswith', 'boolean', ['string', 'string']],
  ['floor', 'number', ['number']],
  ['format_int', 'string', ['number', ['2', '8', '10', '16', '7']]],
  ['glob.match', 'boolean', [globs, delimiters, 'string']],
  ['glob.quote_meta', 'string', ['string']],
  ['graph.reachable', 'set', [['{"a": ["b"], "b": {"a", "c"}}', '{"dev": ["ann"]}'], 'strings']],
  ['hex.decode', 'string', [['"6162"', '"c3a9"', '"6"']]],
  ['hex.encode', 'string', ['string']],
  ['indexof', 'number', ['string', 'string']],
  ['indexof_n', 'array', ['string', 'string']],
  ['intersection', 'set', [['{{1, 2}, {2}}', '{{input.n}, {1}}', '{set()}']]],
  ['is_array', 'boolean', ['any']],
  ['is_boolean', 'boolean', ['any']],
  ['is_null', 'boolean', ['any']],
  ['is_number', 'boolean', ['any']],
  ['is_object', 'boolean', ['any']],
  ['is_set', 'boolean', ['any']],
  ['is_string', 'boolean', ['any']],
  ['json.filter', 'any', ['object', paths]],
  ['json.is_valid', 'boolean', ['string']],
  ['json.marshal', 'string', ['any']],
  [
    'json.patch',
    'any',
    ['object', ['[{"op": "add", "path": "/z", "value": input.n}]', '[{"op": "remove", "path": "a"}]']],
  ],
  ['json.remove', 'any', ['object', paths]],
  ['json.unmarshal', 'any', ['string']],
  ['lower', 'string', ['string']],
  ['max', 'any', ['collection']],
  ['min', 'any', ['collection']],
  [
    'net.cidr_contains',
    'boolean',
    [
      ['"10.0.0.0/8"', '"10.1.0.0/16"'],
      ['"10.1.2.3"', '"11.0.0.0/9"', '"x"'],
    ],
  ],
  ['numbers.range', 'array', ['small', 'small']],
  ['numbers.range_step', 'array', ['small', 'small', ['1', '2', '0']]],
  ['object.filter', 'any', ['object', 'strings']],
  ['object.get', 'any', ['object', 'any', 'any']],
  ['object.keys', 'set', ['object']],
  ['object.remove', 'any', ['object', 'strings']],
  ['object.subset', 'boolean', ['collection', 'collection']],
  ['object.union', 'any', ['object', 'object']],
  ['object.union_n', 'any', [['[input.o, {"a": 1}]', '[]', '[{"a": {"b": 1}}, input.o]']]],
  ['product', 'number', ['numbers']],
  ['regex.find_n', 'array', [patterns, 'string', ['-1', '1', '0']]],
  ['regex.is_valid', 'boolean', [patterns]],
  ['regex.match', 'boolean', [patterns, 'string']],
  ['regex.replace', 'string', ['string', patterns, 'string']],
  ['regex.split', 'array', [patterns, 'string']],
  ['replace', 'string', ['string', 'string', 'string']],
  ['round', 'number', ['number']],
  [
    'semver.compare',
    'number',
    [
      ['"1.2.3"', '"1.0.0-a"', 'input.s'],
      ['"1.2.4"', '"1.0.0"'],
    ],
  ],
  ['semver.is_valid', 'boolean', ['any']],
  ['sort', 'array', ['collection']],
  ['split', 'array', ['string', 'string']],
  ['sprintf', 'string', [['"%v"', '"%d|%s"', '"%5.2f"', '"%x"', '"%q %t"', '"%%"'], 'array']],
  ['startswith', 'boolean', ['string', 'string']],
  ['strings.any_prefix_match', 'boolean', ['string', 'strings']],
  ['strings.any_suffix_match', 'boolean', ['strings', 'string']],
  ['strings.count', 'number', ['string', 'string']],
  ['strings.replace_n', 'string', [['{"a": "b"}', '{"a": "1", "b": ""}'], 'string']],
  ['strings.reverse', 'string', ['string']],
  ['substring', 'string', ['string', 'small', 'small']],
  ['sum', 'number', ['numbers']],
  ['time.add_date', 'number', ['number', 'small', 'small', 'small']],
  ['time.clock', 'array', ['number']],
  ['time.date', 'array', ['number']],
  ['time.parse_duration_ns', 'number', ['string']],
  ['time.parse_rfc3339_ns', 'number', ['string']],
  ['time.weekday', 'string', ['number']],
  ['to_number', 'number', ['any']],
  ['trim', 'string', ['string', 'string']],
  ['trim_left', 'string', ['string', 'string']],
  ['trim_prefix', 'string', ['string', 'string']],
  ['trim_space', 'string', ['string']],
  ['trim_suffix', 'string', ['string', 'string']],
  ['type_name', 'string', ['any']],
  ['union', 'set', [['{{1}, {input.n}}', '{set()}', '{{"a"}, {2}}']]],
  ['units.parse', 'number', ['string']],
  ['units.parse_bytes', 'number', ['string']],
  ['upper', 'string', ['string']],
  ['urlquery.encode', 'string', ['string']],
  ['yaml.is_valid', 'boolean', ['string']],
  ['yaml.marshal', 'string', ['any']],
];
