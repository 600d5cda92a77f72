import { expect, test } from '@jest/globals';
import type { Value } from '../value.ts';
import { callBuiltin } from './call-builtin.ts';

test.each<[string, Value, string]>([
  ['{{.a}} {{.b.c}}', { a: 'x', b: { c: 1.5 } }, 'x 1.5'],
  ['{{.missing}}', {}, '<undefined>'],
  ['{{range $i, $n := .names}}{{if $i}}, {{end}}{{$n}}{{end}}', { names: ['a', 'b'] }, 'a, b'],
  ['{{range .none}}x{{else}}empty{{end}}', { none: [] }, 'empty'],
  ['{{range $k, $v := .m}}{{$k}}={{$v}};{{end}}', { m: { b: 2, a: 1 } }, 'a=1;b=2;'],
  ['{{if and .a (not .b)}}yes{{else if .b}}b{{else}}no{{end}}', { a: true, b: false }, 'yes'],
  ['{{with .a}}{{.b}}{{end}}', { a: { b: 'c' } }, 'c'],
  ['a {{- /* note */ -}} b', {}, 'ab'],
  ['{{$x := .a}}{{$x | printf "%s-%d" "n" | len}}', { a: 5 }, '3'],
  ['{{define "t"}}<{{.}}>{{end}}{{template "t" .a}}', { a: 'x' }, '<x>'],
  ['{{index .a 1}}{{index .m "k"}}', { a: [1, 2], m: { k: 'v' } }, '2v'],
  ['{{eq .a "x" "y"}} {{lt 1 2}} {{len .s}}', { a: 'y', s: 'é' }, 'true true 2'],
  ['{{range .a}}{{if eq . 2}}{{break}}{{end}}{{.}}{{end}}', { a: [1, 2, 3] }, '1'],
  ['{{.list}} {{.map}}', { list: [1, 'a'], map: { k: [true] } }, '[1 a] map[k:[true]]'],
  ['{{"}}"}}{{`{{`}}', {}, '}}{{'],
  ['{{html "<a>"}}', {}, '&lt;a&gt;'],
])('%s with %j renders %s', (source, values, expected) => {
  expect(callBuiltin('strings.render_template', source, values)).toEqual({ value: expected });
});

test.each([
  ['{{.a', 'unclosed action'],
  ['{{if .a}}', 'unexpected EOF'],
  ['{{end}}', 'unexpected {{end}}'],
  ['{{nope .a}}', 'function "nope" not defined'],
  ['{{.a.b}}', "can't evaluate field b in type string"],
  ['{{define "t"}}{{template "t" .}}{{end}}{{template "t" .}}', 'exceeded maximum template depth'],
])('%s is refused: %s', (source, message) => {
  expect(callBuiltin('strings.render_template', source, { a: 'x' })).toEqual({
    error: expect.stringContaining(message),
  });
});

test('a template that would loop for ever is stopped', () => {
  const nested = '{{range 1000}}'.repeat(4) + '{{end}}'.repeat(4);
  expect(callBuiltin('strings.render_template', nested, {})).toEqual({
    error: expect.stringContaining('exceeded maximum template steps'),
  });
});
