import { parsePorc } from '@edict/engine';
import { codedBody } from '../content-coding.ts';
import { messageReply, type Reply } from '../reply.ts';
import { headerOf, type RouteRequest } from '../route.ts';
import { readMultipart, readUrlEncoded } from './form-body.ts';

export type PorcBody = { readonly ok: true; readonly porc: unknown } | { readonly ok: false; readonly reply: Reply };

/** The PORC of a request's body, JSON or a form, as the reference engine takes it. */
export function readPorcBody({ headers, body }: RouteRequest): PorcBody {
  // An empty body crashes the reference engine; here it is a client's mistake.
  if (body.length === 0) return wrong(400, 'the body is empty: send a PORC as a JSON object');
  const coded = codedBody({ headers });
  if (coded !== undefined) return { ok: false, reply: coded };
  const contentType = headerOf(headers, 'content-type') ?? '';
  if (contentType.startsWith('application/json')) {
    const parsed = parsePorc(body, { trailing: 'ignore' });
    return parsed.ok ? parsed : wrong(400, parsed.message);
  }
  if (contentType.startsWith('application/x-www-form-urlencoded')) return formBody(readUrlEncoded(body.toString()));
  if (contentType.startsWith('multipart/form-data')) return formBody(readMultipart(body.toString(), contentType));
  if (contentType.startsWith('application/xml') || contentType.startsWith('text/xml')) {
    return wrong(400, 'XML is not a PORC: send a JSON object');
  }
  return wrong(415, 'Unsupported Media Type');
}

function formBody(form: ReturnType<typeof readUrlEncoded>): PorcBody {
  return form.ok ? { ok: true, porc: form.fields } : wrong(400, form.message);
}

function wrong(status: number, message: string): PorcBody {
  return { ok: false, reply: messageReply(status, message) };
}
