import { createServer, type IncomingMessage, type Server } from 'node:http';
import type { PolicyEngine } from '@edict/engine';

/** A note, and what policies may know of it. */
export interface Note {
  readonly owner: string;
  readonly shared: boolean;
  text: string;
}

/** Who asks, as the application's own log-in found it. */
export interface Caller {
  readonly name: string;
  readonly roles: readonly string[];
}

export interface NotesAppOptions {
  readonly engine: PolicyEngine;
  readonly notes: ReadonlyMap<string, Note>;
  readonly callerOf: (request: IncomingMessage) => Caller;
  readonly onError: (error: unknown) => void;
}

/** `GET /notes/<id>` and `PUT /notes/<id>`: a service that asks the engine before it does anything. */
export function createNotesApp(options: NotesAppOptions): Server {
  return createServer((request, response) => {
    answer(request, options).then(
      ([status, text]) => response.writeHead(status, { 'content-type': 'text/plain' }).end(text),
      (error: unknown) => {
        // No decision is no permission: what went wrong is ours to know, not the caller's.
        options.onError(error);
        response.writeHead(503).end('no decision');
      },
    );
  });
}

async function answer(request: IncomingMessage, options: NotesAppOptions): Promise<readonly [number, string]> {
  const id = /^\/notes\/([\w-]+)$/.exec(request.url ?? '')?.[1];
  const note = id === undefined ? undefined : options.notes.get(id);
  if (id === undefined || note === undefined) return [404, 'no such note'];
  const isWrite = request.method === 'PUT';
  const { name, roles } = options.callerOf(request);
  const { allow } = await options.engine.authorize({
    principal: { sub: name, mroles: roles.map((role) => `mrn:notes:role:${role}`) },
    operation: isWrite ? 'notes:write' : 'notes:read',
    resource: {
      id: `mrn:notes:note:${id}`,
      group: 'mrn:notes:group:notes',
      annotations: { owner: note.owner, shared: note.shared },
    },
  });
  if (!allow) return [403, 'denied'];
  if (isWrite) note.text = await textOf(request);
  return [200, note.text];
}

async function textOf(request: IncomingMessage): Promise<string> {
  let text = '';
  for await (const chunk of request.setEncoding('utf8')) {
    text += String(chunk);
    if (text.length > 10_000) throw new Error('the note is too long');
  }
  return text;
}
