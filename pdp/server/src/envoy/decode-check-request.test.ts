import { describe, expect, test } from '@jest/globals';
import { WireError } from '../grpc/protobuf-reader.ts';
import { mapField, messageOf, type TestField } from '../testing/check-messages.ts';
import { decodeAttributes, MAX_STRUCT_DEPTH, readContextExtension } from './decode-check-request.ts';

const check = (attributes: readonly TestField[]): Buffer => messageOf([[1, attributes]]);

/** A double as a field of `google.protobuf.Value`, which the writer of tests has no number for. */
function double(value: number): Buffer {
  const bytes = Buffer.alloc(9);
  bytes[0] = (2 << 3) | 1;
  bytes.writeDoubleLE(value, 1);
  return bytes;
}

const socket: TestField = [
  1,
  [
    [2, '10.1.2.3'],
    [3, 8080],
    [1, 1],
  ],
];
const EVERYTHING: readonly TestField[] = [
  [1, [[1, [socket]], [2, 'shop'], ...mapField(3, { tier: 'web' }), [4, 'spiffe://shop/web'], [5, 'PEM']]],
  [
    2,
    [
      [
        1,
        [
          [
            2,
            [
              [1, '/run/x.sock'],
              [2, 384],
            ],
          ],
        ],
      ],
    ],
  ],
  [
    4,
    [
      [
        1,
        [
          [1, 1_700_000_000],
          [2, 5],
        ],
      ],
      [
        2,
        [
          [1, '17'],
          [2, 'PUT'],
          ...mapField(3, { a: 'b' }),
          [4, '/p?q=1'],
          [5, 'h'],
          [6, 'https'],
          [9, 12],
          [10, 'HTTP/2'],
          [12, Buffer.from([1, 2])],
          [
            13,
            [
              [
                1,
                [
                  [1, 'k'],
                  [3, Buffer.from([255])],
                ],
              ],
            ],
          ],
        ],
      ],
    ],
  ],
  ...mapField(10, { route: 'r1' }),
  [12, [[1, 'shop.example']]],
  [13, []],
];

test('attributes have the names of proto JSON for rules', () => {
  expect(decodeAttributes(check(EVERYTHING), 'json')).toStrictEqual({
    source: {
      address: { socketAddress: { address: '10.1.2.3', portValue: 8080, protocol: 1 } },
      service: 'shop',
      labels: { tier: 'web' },
      principal: 'spiffe://shop/web',
      certificate: 'PEM',
    },
    destination: { address: { pipe: { path: '/run/x.sock', mode: 384 } } },
    request: {
      time: { seconds: 1_700_000_000, nanos: 5 },
      http: {
        id: '17',
        method: 'PUT',
        headers: { a: 'b' },
        path: '/p?q=1',
        host: 'h',
        scheme: 'https',
        size: 12,
        protocol: 'HTTP/2',
        rawBody: 'AQI=',
        headerMap: { headers: [{ key: 'k', rawValue: '/w==' }] },
      },
    },
    contextExtensions: { route: 'r1' },
    tlsSession: { sni: 'shop.example' },
    routeMetadataContext: {},
  });
});

test('attributes have the names of the Go struct for mappers', () => {
  expect(decodeAttributes(check(EVERYTHING), 'go')).toMatchObject({
    source: {
      address: { Address: { SocketAddress: { address: '10.1.2.3', PortSpecifier: { PortValue: 8080 }, protocol: 1 } } },
    },
    destination: { address: { Address: { Pipe: { path: '/run/x.sock', mode: 384 } } } },
    request: { http: { raw_body: 'AQI=', header_map: { headers: [{ key: 'k', raw_value: '/w==' }] } } },
    context_extensions: { route: 'r1' },
    tls_session: { sni: 'shop.example' },
    route_metadata_context: {},
  });
});

describe('what is set, and what is not', () => {
  test('scalars that are empty or zero are not', () => {
    expect(
      decodeAttributes(
        check([
          [
            4,
            [
              [
                2,
                [
                  [2, ''],
                  [9, 0],
                  [4, '/'],
                ],
              ],
            ],
          ],
        ]),
        'json',
      ),
    ).toStrictEqual({
      request: { http: { path: '/' } },
    });
  });

  test('of a oneof also zero is', () => {
    const zero: TestField = [
      1,
      [
        [
          1,
          [
            [
              1,
              [
                [2, 'a'],
                [3, 0],
              ],
            ],
          ],
        ],
      ],
    ];
    expect(decodeAttributes(check([zero]), 'json')).toStrictEqual({
      source: { address: { socketAddress: { address: 'a', portValue: 0 } } },
    });
    expect(decodeAttributes(check([zero]), 'go')).toStrictEqual({
      source: { address: { Address: { SocketAddress: { address: 'a', PortSpecifier: { PortValue: 0 } } } } },
    });
  });

  test.each(['json', 'go'] as const)('of a oneof the last member counts (%s)', (style) => {
    const text = JSON.stringify(
      decodeAttributes(
        check([
          [
            1,
            [
              [
                1,
                [
                  [
                    1,
                    [
                      [3, 1],
                      [4, 'http'],
                    ],
                  ],
                ],
              ],
            ],
          ],
        ]),
        style,
      ),
    );
    expect(text).toMatch(/[nN]amedPort/);
    expect(text).not.toMatch(/[pP]ortValue/);
  });

  test('a message without attributes has none', () => {
    expect(decodeAttributes(Buffer.alloc(0), 'json')).toBeUndefined();
    expect(decodeAttributes(messageOf([[1, []]]), 'json')).toStrictEqual({});
  });

  test('a message that comes twice is merged, of a scalar the last counts', () => {
    const twice = messageOf([
      [
        1,
        [
          [
            4,
            [
              [
                2,
                [
                  [2, 'GET'],
                  [4, '/a'],
                ],
              ],
            ],
          ],
        ],
      ],
      [1, [[4, [[2, [[4, '/b']]]]]]],
    ]);
    expect(decodeAttributes(twice, 'json')).toStrictEqual({ request: { http: { method: 'GET', path: '/b' } } });
  });

  test('fields that nobody knows are passed over', () => {
    expect(
      decodeAttributes(
        messageOf([
          [9, 'x'],
          [
            1,
            [
              [99, 7],
              [4, [[77, []]]],
              [1, 5],
            ],
          ],
        ]),
        'json',
      ),
    ).toStrictEqual({ request: {} });
  });

  test('a header may have any name', () => {
    const attributes = decodeAttributes(check([[4, [[2, mapField(3, { __proto__x: '1' })]]]]), 'json');
    expect(attributes).toStrictEqual({ request: { http: { headers: { __proto__x: '1' } } } });
    const odd = decodeAttributes(
      check([
        [
          10,
          [
            [1, '__proto__'],
            [2, 'v'],
          ],
        ],
      ]),
      'json',
    ) as { contextExtensions: object };
    expect(Object.entries(odd.contextExtensions)).toStrictEqual([['__proto__', 'v']]);
  });
});

describe('metadata', () => {
  const metadata = (struct: readonly TestField[]): unknown => {
    const attributes = decodeAttributes(
      check([
        [
          11,
          [
            [
              1,
              [
                [1, 'filter'],
                [2, struct],
              ],
            ],
          ],
        ],
      ]),
      'json',
    );
    return (attributes as { metadataContext: { filterMetadata: { filter: unknown } } }).metadataContext.filterMetadata
      .filter;
  };
  const member = (value: Uint8Array): TestField => [
    1,
    [
      [1, 'm'],
      [2, value],
    ],
  ];

  test.each<[string, Uint8Array, unknown]>([
    ['null', messageOf([[1, 0]]), null],
    ['a text', messageOf([[3, 't']]), 't'],
    ['false', messageOf([[4, 0]]), false],
    ['a number', double(1.5), 1.5],
    ['a whole number', double(-7), -7],
    ['no number at all', double(NaN), 'NaN'],
    ['more than any number', double(-Infinity), '-Infinity'],
    [
      'an object',
      messageOf([
        [
          5,
          [
            [
              1,
              [
                [1, 'a'],
                [2, [[3, 'b']]],
              ],
            ],
          ],
        ],
      ]),
      { a: 'b' },
    ],
    [
      'a list',
      messageOf([
        [
          6,
          [
            [1, [[3, 'a']]],
            [1, [[1, 0]]],
          ],
        ],
      ]),
      ['a', null],
    ],
    ['nothing', Buffer.alloc(0), null],
  ])('%s is what it stands for', (_, value, expected) => {
    expect(metadata([member(value)])).toStrictEqual({ m: expected });
  });

  test('typed metadata is its type and bytes', () => {
    const any: TestField = [
      2,
      [
        [1, 'f'],
        [
          2,
          [
            [1, 'type.example/T'],
            [2, Buffer.from([9])],
          ],
        ],
      ],
    ];
    expect(decodeAttributes(check([[11, [any]]]), 'json')).toStrictEqual({
      metadataContext: { typedFilterMetadata: { f: { typeUrl: 'type.example/T', value: 'CQ==' } } },
    });
  });

  test('nesting has a bound', () => {
    let value = messageOf([[3, 'deep']]);
    for (let depth = 0; depth < MAX_STRUCT_DEPTH + 1; depth++) value = messageOf([[6, [[1, value]]]]);
    expect(() => metadata([member(value)])).toThrow(WireError);
  });
});

test('a context extension is found without reading the rest', () => {
  const message = check([[1, [[4, 'p']]], ...mapField(10, { 'edict.dev/instance': 'shop', other: 'x' })]);
  expect(readContextExtension(message, 'edict.dev/instance')).toBe('shop');
  expect(readContextExtension(message, 'edict.dev/none')).toBeUndefined();
});

test.each([
  ['a length beyond the end', [0x0a, 0x05, 0x22]],
  ['a text that ends early', [0x0a, 0x03, 0x22, 0x05, 0x12]],
])('%s is no CheckRequest', (_, bytes) => {
  expect(() => decodeAttributes(Buffer.from(bytes), 'json')).toThrow(WireError);
});
