import type { OpenApiPart } from '../http/open-api.ts';
import { messageReply } from '../http/reply.ts';
import type { Route } from '../http/route.ts';
import { PROTO_FILES } from './gen/proto-files.ts';

const PREFIX = '/proto/';
const TEXT = { 'content-type': 'text/plain; charset=utf-8' };

/** The `.proto` files of the gRPC services by their path, and a list of them. */
export function protoRoutes(): readonly Route[] {
  const texts = new Map(PROTO_FILES.flatMap(({ name, text }) => (text === undefined ? [] : [[name, text] as const])));
  const list = [...texts.keys()].map((name) => `${name}\n`).join('');
  return [
    { method: 'GET', path: '/proto', handle: () => ({ status: 200, headers: TEXT, body: list }) },
    {
      method: 'GET',
      path: PREFIX,
      prefix: true,
      handle: ({ path }) => {
        const body = texts.get(path.slice(PREFIX.length));
        return body === undefined ? messageReply(404, 'Not Found') : { status: 200, headers: TEXT, body };
      },
    },
  ];
}

/** What they add to the OpenAPI document. */
export const PROTO_OPEN_API: OpenApiPart = {
  paths: `  /proto:
    get:
      summary: The .proto files of the gRPC services, one path below /proto/ on each line
      responses:
        '200': {description: The list., content: {text/plain: {schema: {type: string}}}}
  /proto/{file}:
    get:
      summary: One of these files
      parameters:
        - name: file
          in: path
          required: true
          description: Its path, with slashes.
          schema: {type: string}
      responses:
        '200': {description: Its text., content: {text/plain: {schema: {type: string}}}}
        '404': {description: There is no such file., content: {application/json: {schema: {$ref: '#/components/schemas/Message'}}}}
`,
};
