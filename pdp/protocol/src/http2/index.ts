export { encodeBlock } from './hpack-encoder.ts';
export { FLAG, FRAME, PREFACE, SETTING, type Http2ErrorCode } from './protocol.ts';
export type { RequestHead } from './request-head.ts';
export { ServerConnection, type ConnectionLimits, type ConnectionOptions } from './server-connection.ts';
export type { ServerStream, StreamReceiver } from './server-stream.ts';
export type { HeaderField } from './static-table.ts';
export type { Writer, Writes } from './writer.ts';
