// Generated from pdp/server/proto by generate-proto-files.ts: do not edit.

/** A file of `proto/`, or one that it imports. */
export interface ProtoFile {
  readonly name: string;
  readonly imports: readonly string[];
  /** Full names of what it declares. */
  readonly symbols: readonly string[];
  /** Its FileDescriptorProto, base64. */
  readonly descriptor: string;
  /** Its source; absent where it is one of protobuf's own. */
  readonly text?: string;
}

export const PROTO_FILES: readonly ProtoFile[] = [
  {
    name: 'edict/pdp/v1/decision.proto',
    imports: [],
    symbols: [
      'edict.pdp.v1.AuthorizeRequest',
      'edict.pdp.v1.AuthorizeResponse',
      'edict.pdp.v1.AuthorizeBatchRequest',
      'edict.pdp.v1.AuthorizeBatchResponse',
      'edict.pdp.v1.BatchItem',
      'edict.pdp.v1.Problem',
      'edict.pdp.v1.Requirement',
      'edict.pdp.v1.Revision',
      'edict.pdp.v1.DecisionService',
      'edict.pdp.v1.DecisionService.Authorize',
      'edict.pdp.v1.DecisionService.AuthorizeBatch',
    ],
    descriptor:
      'ChtlZGljdC9wZHAvdjEvZGVjaXNpb24ucHJvdG8SDGVkaWN0LnBkcC52MSJ5ChBBdXRob3JpemVSZXF1ZXN0EhIKBHBvcmMYASABKAxSBHBvcmMSFAoFcHJvYmUYAiABKAhSBXByb2JlEjsKC3JlcXVpcmVtZW50GAMgASgLMhkuZWRpY3QucGRwLnYxLlJlcXVpcmVtZW50UgtyZXF1aXJlbWVudCJdChFBdXRob3JpemVSZXNwb25zZRIUCgVhbGxvdxgBIAEoCFIFYWxsb3cSMgoIcmV2aXNpb24YAiABKAsyFi5lZGljdC5wZHAudjEuUmV2aXNpb25SCHJldmlzaW9uIoABChVBdXRob3JpemVCYXRjaFJlcXVlc3QSFAoFcG9yY3MYASADKAxSBXBvcmNzEhQKBXByb2JlGAIgASgIUgVwcm9iZRI7CgtyZXF1aXJlbWVudBgDIAEoCzIZLmVkaWN0LnBkcC52MS5SZXF1aXJlbWVudFILcmVxdWlyZW1lbnQiewoWQXV0aG9yaXplQmF0Y2hSZXNwb25zZRItCgVpdGVtcxgBIAMoCzIXLmVkaWN0LnBkcC52MS5CYXRjaEl0ZW1SBWl0ZW1zEjIKCHJldmlzaW9uGAIgASgLMhYuZWRpY3QucGRwLnYxLlJldmlzaW9uUghyZXZpc2lvbiJgCglCYXRjaEl0ZW0SFgoFYWxsb3cYASABKAhIAFIFYWxsb3cSMQoHcHJvYmxlbRgCIAEoCzIVLmVkaWN0LnBkcC52MS5Qcm9ibGVtSABSB3Byb2JsZW1CCAoGYW5zd2VyIjUKB1Byb2JsZW0SEgoEbmFtZRgBIAEoCVIEbmFtZRIWCgZkZXRhaWwYAiABKAlSBmRldGFpbCJgCgtSZXF1aXJlbWVudBIdCgpwb2xpY3lfc2V0GAEgASgJUglwb2xpY3lTZXQSGQoIYXRfbGVhc3QYAiABKAlSB2F0TGVhc3QSFwoHd2FpdF9tcxgDIAEoDVIGd2FpdE1zImYKCFJldmlzaW9uEhAKA3NldBgBIAEoCVIDc2V0EhoKCHJldmlzaW9uGAIgASgEUghyZXZpc2lvbhIWCgZkaWdlc3QYAyABKAlSBmRpZ2VzdBIUCgV0b2tlbhgEIAEoCVIFdG9rZW4yvAEKD0RlY2lzaW9uU2VydmljZRJMCglBdXRob3JpemUSHi5lZGljdC5wZHAudjEuQXV0aG9yaXplUmVxdWVzdBofLmVkaWN0LnBkcC52MS5BdXRob3JpemVSZXNwb25zZRJbCg5BdXRob3JpemVCYXRjaBIjLmVkaWN0LnBkcC52MS5BdXRob3JpemVCYXRjaFJlcXVlc3QaJC5lZGljdC5wZHAudjEuQXV0aG9yaXplQmF0Y2hSZXNwb25zZWIGcHJvdG8z0vYDBAgAGAA=',
    text: 'syntax = "proto3";\n\npackage edict.pdp.v1;\n\n// Decisions over gRPC. Every answer names the revision that gave it. Where no decision is given the call fails: a status is never\n// a deny. UNAVAILABLE: no policy, or no answer now. FAILED_PRECONDITION: the revision that is required is not active.\n// INVALID_ARGUMENT: the request is wrong. The trailer `edict-problem` names the problem (docs/errors.md).\nservice DecisionService {\n  // One decision.\n  rpc Authorize(AuthorizeRequest) returns (AuthorizeResponse);\n  // Many decisions by one revision, in the order of the PORCs.\n  rpc AuthorizeBatch(AuthorizeBatchRequest) returns (AuthorizeBatchResponse);\n}\n\nmessage AuthorizeRequest {\n  // The PORC as a JSON object in UTF-8. Bytes of JSON, so that numbers arrive as they were written.\n  bytes porc = 1;\n  // Decide without an access record.\n  bool probe = 2;\n  Requirement requirement = 3;\n}\n\nmessage AuthorizeResponse {\n  bool allow = 1;\n  Revision revision = 2;\n}\n\nmessage AuthorizeBatchRequest {\n  repeated bytes porcs = 1;\n  // Decide without access records.\n  bool probe = 2;\n  Requirement requirement = 3;\n}\n\nmessage AuthorizeBatchResponse {\n  // One for each PORC, in their order.\n  repeated BatchItem items = 1;\n  Revision revision = 2;\n}\n\nmessage BatchItem {\n  // An item with a problem was not decided: it is no deny.\n  oneof answer {\n    bool allow = 1;\n    Problem problem = 2;\n  }\n}\n\nmessage Problem {\n  // A name from docs/errors.md, or empty where the PORC is wrong.\n  string name = 1;\n  string detail = 2;\n}\n\n// Who is to decide. Metadata of the names policy-set, policy-at-least and policy-wait means the same; what stands here goes first.\nmessage Requirement {\n  // The set to ask (namespace/name); needed only where the PDP serves several.\n  string policy_set = 1;\n  // The oldest revision that may answer: the token of an earlier answer, or set@revision.\n  string at_least = 2;\n  // How long to wait for that revision, in milliseconds. The PDP has a bound of its own.\n  uint32 wait_ms = 3;\n}\n\n// What decided.\nmessage Revision {\n  string set = 1;\n  uint64 revision = 2;\n  // Digest of the manifest, sha256:….\n  string digest = 3;\n  // Stands for this revision in Requirement.at_least.\n  string token = 4;\n}\n',
  },
  {
    name: 'envoy/config/core/v3/address.proto',
    imports: [],
    symbols: [
      'envoy.config.core.v3.Address',
      'envoy.config.core.v3.SocketAddress',
      'envoy.config.core.v3.SocketAddress.Protocol',
      'envoy.config.core.v3.Pipe',
      'envoy.config.core.v3.EnvoyInternalAddress',
    ],
    descriptor:
      'CiJlbnZveS9jb25maWcvY29yZS92My9hZGRyZXNzLnByb3RvEhRlbnZveS5jb25maWcuY29yZS52MyL4AQoHQWRkcmVzcxJMCg5zb2NrZXRfYWRkcmVzcxgBIAEoCzIjLmVudm95LmNvbmZpZy5jb3JlLnYzLlNvY2tldEFkZHJlc3NIAFINc29ja2V0QWRkcmVzcxIwCgRwaXBlGAIgASgLMhouZW52b3kuY29uZmlnLmNvcmUudjMuUGlwZUgAUgRwaXBlEmIKFmVudm95X2ludGVybmFsX2FkZHJlc3MYAyABKAsyKi5lbnZveS5jb25maWcuY29yZS52My5FbnZveUludGVybmFsQWRkcmVzc0gAUhRlbnZveUludGVybmFsQWRkcmVzc0IJCgdhZGRyZXNzIukCCg1Tb2NrZXRBZGRyZXNzEkgKCHByb3RvY29sGAEgASgOMiwuZW52b3kuY29uZmlnLmNvcmUudjMuU29ja2V0QWRkcmVzcy5Qcm90b2NvbFIIcHJvdG9jb2wSGAoHYWRkcmVzcxgCIAEoCVIHYWRkcmVzcxIfCgpwb3J0X3ZhbHVlGAMgASgNSABSCXBvcnRWYWx1ZRIfCgpuYW1lZF9wb3J0GAQgASgJSABSCW5hbWVkUG9ydBIjCg1yZXNvbHZlcl9uYW1lGAUgASgJUgxyZXNvbHZlck5hbWUSHwoLaXB2NF9jb21wYXQYBiABKAhSCmlwdjRDb21wYXQSPAoabmV0d29ya19uYW1lc3BhY2VfZmlsZXBhdGgYByABKAlSGG5ldHdvcmtOYW1lc3BhY2VGaWxlcGF0aCIcCghQcm90b2NvbBIHCgNUQ1AQABIHCgNVRFAQAUIQCg5wb3J0X3NwZWNpZmllciIuCgRQaXBlEhIKBHBhdGgYASABKAlSBHBhdGgSEgoEbW9kZRgCIAEoDVIEbW9kZSKFAQoURW52b3lJbnRlcm5hbEFkZHJlc3MSMgoUc2VydmVyX2xpc3RlbmVyX25hbWUYASABKAlIAFISc2VydmVyTGlzdGVuZXJOYW1lEh8KC2VuZHBvaW50X2lkGAIgASgJUgplbmRwb2ludElkQhgKFmFkZHJlc3NfbmFtZV9zcGVjaWZpZXJiBnByb3RvM9L2AwQIABgA',
    text: 'syntax = "proto3";\n\npackage envoy.config.core.v3;\n\nmessage Address {\n  oneof address {\n    SocketAddress socket_address = 1;\n    Pipe pipe = 2;\n    EnvoyInternalAddress envoy_internal_address = 3;\n  }\n}\n\nmessage SocketAddress {\n  enum Protocol {\n    TCP = 0;\n    UDP = 1;\n  }\n\n  Protocol protocol = 1;\n  string address = 2;\n  oneof port_specifier {\n    uint32 port_value = 3;\n    string named_port = 4;\n  }\n  string resolver_name = 5;\n  bool ipv4_compat = 6;\n  string network_namespace_filepath = 7;\n}\n\nmessage Pipe {\n  string path = 1;\n  uint32 mode = 2;\n}\n\nmessage EnvoyInternalAddress {\n  oneof address_name_specifier {\n    string server_listener_name = 1;\n  }\n  string endpoint_id = 2;\n}\n',
  },
  {
    name: 'envoy/config/core/v3/base.proto',
    imports: ['google/protobuf/any.proto', 'google/protobuf/struct.proto', 'google/protobuf/wrappers.proto'],
    symbols: [
      'envoy.config.core.v3.Metadata',
      'envoy.config.core.v3.Metadata.FilterMetadataEntry',
      'envoy.config.core.v3.Metadata.TypedFilterMetadataEntry',
      'envoy.config.core.v3.HeaderMap',
      'envoy.config.core.v3.HeaderValue',
      'envoy.config.core.v3.HeaderValueOption',
      'envoy.config.core.v3.QueryParameter',
    ],
    descriptor:
      'Ch9lbnZveS9jb25maWcvY29yZS92My9iYXNlLnByb3RvEhRlbnZveS5jb25maWcuY29yZS52MxoZZ29vZ2xlL3Byb3RvYnVmL2FueS5wcm90bxocZ29vZ2xlL3Byb3RvYnVmL3N0cnVjdC5wcm90bxoeZ29vZ2xlL3Byb3RvYnVmL3dyYXBwZXJzLnByb3RvIo4DCghNZXRhZGF0YRJbCg9maWx0ZXJfbWV0YWRhdGEYASADKAsyMi5lbnZveS5jb25maWcuY29yZS52My5NZXRhZGF0YS5GaWx0ZXJNZXRhZGF0YUVudHJ5Ug5maWx0ZXJNZXRhZGF0YRJrChV0eXBlZF9maWx0ZXJfbWV0YWRhdGEYAiADKAsyNy5lbnZveS5jb25maWcuY29yZS52My5NZXRhZGF0YS5UeXBlZEZpbHRlck1ldGFkYXRhRW50cnlSE3R5cGVkRmlsdGVyTWV0YWRhdGEaWgoTRmlsdGVyTWV0YWRhdGFFbnRyeRIQCgNrZXkYASABKAlSA2tleRItCgV2YWx1ZRgCIAEoCzIXLmdvb2dsZS5wcm90b2J1Zi5TdHJ1Y3RSBXZhbHVlOgI4ARpcChhUeXBlZEZpbHRlck1ldGFkYXRhRW50cnkSEAoDa2V5GAEgASgJUgNrZXkSKgoFdmFsdWUYAiABKAsyFC5nb29nbGUucHJvdG9idWYuQW55UgV2YWx1ZToCOAEiSAoJSGVhZGVyTWFwEjsKB2hlYWRlcnMYASADKAsyIS5lbnZveS5jb25maWcuY29yZS52My5IZWFkZXJWYWx1ZVIHaGVhZGVycyJSCgtIZWFkZXJWYWx1ZRIQCgNrZXkYASABKAlSA2tleRIUCgV2YWx1ZRgCIAEoCVIFdmFsdWUSGwoJcmF3X3ZhbHVlGAMgASgMUghyYXdWYWx1ZSKGAQoRSGVhZGVyVmFsdWVPcHRpb24SOQoGaGVhZGVyGAEgASgLMiEuZW52b3kuY29uZmlnLmNvcmUudjMuSGVhZGVyVmFsdWVSBmhlYWRlchI2CgZhcHBlbmQYAiABKAsyGi5nb29nbGUucHJvdG9idWYuQm9vbFZhbHVlQgIYAVIGYXBwZW5kIjgKDlF1ZXJ5UGFyYW1ldGVyEhAKA2tleRgBIAEoCVIDa2V5EhQKBXZhbHVlGAIgASgJUgV2YWx1ZWIGcHJvdG8z0vYDBAgAGAA=',
    text: 'syntax = "proto3";\n\npackage envoy.config.core.v3;\n\nimport "google/protobuf/any.proto";\nimport "google/protobuf/struct.proto";\nimport "google/protobuf/wrappers.proto";\n\n// What filters know of a request, by filter.\nmessage Metadata {\n  map<string, google.protobuf.Struct> filter_metadata = 1;\n  map<string, google.protobuf.Any> typed_filter_metadata = 2;\n}\n\nmessage HeaderMap {\n  repeated HeaderValue headers = 1;\n}\n\nmessage HeaderValue {\n  string key = 1;\n  string value = 2;\n  bytes raw_value = 3;\n}\n\nmessage HeaderValueOption {\n  HeaderValue header = 1;\n  // Unset: the header replaces one of that name.\n  google.protobuf.BoolValue append = 2 [deprecated = true];\n}\n\nmessage QueryParameter {\n  string key = 1;\n  string value = 2;\n}\n',
  },
  {
    name: 'envoy/service/auth/v3/attribute_context.proto',
    imports: [
      'envoy/config/core/v3/address.proto',
      'envoy/config/core/v3/base.proto',
      'google/protobuf/timestamp.proto',
    ],
    symbols: [
      'envoy.service.auth.v3.AttributeContext',
      'envoy.service.auth.v3.AttributeContext.Peer',
      'envoy.service.auth.v3.AttributeContext.Peer.LabelsEntry',
      'envoy.service.auth.v3.AttributeContext.Request',
      'envoy.service.auth.v3.AttributeContext.HttpRequest',
      'envoy.service.auth.v3.AttributeContext.HttpRequest.HeadersEntry',
      'envoy.service.auth.v3.AttributeContext.TLSSession',
      'envoy.service.auth.v3.AttributeContext.ContextExtensionsEntry',
    ],
    descriptor:
      'Ci1lbnZveS9zZXJ2aWNlL2F1dGgvdjMvYXR0cmlidXRlX2NvbnRleHQucHJvdG8SFWVudm95LnNlcnZpY2UuYXV0aC52MxoiZW52b3kvY29uZmlnL2NvcmUvdjMvYWRkcmVzcy5wcm90bxofZW52b3kvY29uZmlnL2NvcmUvdjMvYmFzZS5wcm90bxofZ29vZ2xlL3Byb3RvYnVmL3RpbWVzdGFtcC5wcm90byLNDAoQQXR0cmlidXRlQ29udGV4dBJECgZzb3VyY2UYASABKAsyLC5lbnZveS5zZXJ2aWNlLmF1dGgudjMuQXR0cmlidXRlQ29udGV4dC5QZWVyUgZzb3VyY2USTgoLZGVzdGluYXRpb24YAiABKAsyLC5lbnZveS5zZXJ2aWNlLmF1dGgudjMuQXR0cmlidXRlQ29udGV4dC5QZWVyUgtkZXN0aW5hdGlvbhJJCgdyZXF1ZXN0GAQgASgLMi8uZW52b3kuc2VydmljZS5hdXRoLnYzLkF0dHJpYnV0ZUNvbnRleHQuUmVxdWVzdFIHcmVxdWVzdBJtChJjb250ZXh0X2V4dGVuc2lvbnMYCiADKAsyPi5lbnZveS5zZXJ2aWNlLmF1dGgudjMuQXR0cmlidXRlQ29udGV4dC5Db250ZXh0RXh0ZW5zaW9uc0VudHJ5UhFjb250ZXh0RXh0ZW5zaW9ucxJJChBtZXRhZGF0YV9jb250ZXh0GAsgASgLMh4uZW52b3kuY29uZmlnLmNvcmUudjMuTWV0YWRhdGFSD21ldGFkYXRhQ29udGV4dBJTCgt0bHNfc2Vzc2lvbhgMIAEoCzIyLmVudm95LnNlcnZpY2UuYXV0aC52My5BdHRyaWJ1dGVDb250ZXh0LlRMU1Nlc3Npb25SCnRsc1Nlc3Npb24SVAoWcm91dGVfbWV0YWRhdGFfY29udGV4dBgNIAEoCzIeLmVudm95LmNvbmZpZy5jb3JlLnYzLk1ldGFkYXRhUhRyb3V0ZU1ldGFkYXRhQ29udGV4dBqmAgoEUGVlchI3CgdhZGRyZXNzGAEgASgLMh0uZW52b3kuY29uZmlnLmNvcmUudjMuQWRkcmVzc1IHYWRkcmVzcxIYCgdzZXJ2aWNlGAIgASgJUgdzZXJ2aWNlElAKBmxhYmVscxgDIAMoCzI4LmVudm95LnNlcnZpY2UuYXV0aC52My5BdHRyaWJ1dGVDb250ZXh0LlBlZXIuTGFiZWxzRW50cnlSBmxhYmVscxIcCglwcmluY2lwYWwYBCABKAlSCXByaW5jaXBhbBIgCgtjZXJ0aWZpY2F0ZRgFIAEoCVILY2VydGlmaWNhdGUaOQoLTGFiZWxzRW50cnkSEAoDa2V5GAEgASgJUgNrZXkSFAoFdmFsdWUYAiABKAlSBXZhbHVlOgI4ARqCAQoHUmVxdWVzdBIuCgR0aW1lGAEgASgLMhouZ29vZ2xlLnByb3RvYnVmLlRpbWVzdGFtcFIEdGltZRJHCgRodHRwGAIgASgLMjMuZW52b3kuc2VydmljZS5hdXRoLnYzLkF0dHJpYnV0ZUNvbnRleHQuSHR0cFJlcXVlc3RSBGh0dHAa3gMKC0h0dHBSZXF1ZXN0Eg4KAmlkGAEgASgJUgJpZBIWCgZtZXRob2QYAiABKAlSBm1ldGhvZBJaCgdoZWFkZXJzGAMgAygLMkAuZW52b3kuc2VydmljZS5hdXRoLnYzLkF0dHJpYnV0ZUNvbnRleHQuSHR0cFJlcXVlc3QuSGVhZGVyc0VudHJ5UgdoZWFkZXJzEhIKBHBhdGgYBCABKAlSBHBhdGgSEgoEaG9zdBgFIAEoCVIEaG9zdBIWCgZzY2hlbWUYBiABKAlSBnNjaGVtZRIUCgVxdWVyeRgHIAEoCVIFcXVlcnkSGgoIZnJhZ21lbnQYCCABKAlSCGZyYWdtZW50EhIKBHNpemUYCSABKANSBHNpemUSGgoIcHJvdG9jb2wYCiABKAlSCHByb3RvY29sEhIKBGJvZHkYCyABKAlSBGJvZHkSGQoIcmF3X2JvZHkYDCABKAxSB3Jhd0JvZHkSPgoKaGVhZGVyX21hcBgNIAEoCzIfLmVudm95LmNvbmZpZy5jb3JlLnYzLkhlYWRlck1hcFIJaGVhZGVyTWFwGjoKDEhlYWRlcnNFbnRyeRIQCgNrZXkYASABKAlSA2tleRIUCgV2YWx1ZRgCIAEoCVIFdmFsdWU6AjgBGh4KClRMU1Nlc3Npb24SEAoDc25pGAEgASgJUgNzbmkaRAoWQ29udGV4dEV4dGVuc2lvbnNFbnRyeRIQCgNrZXkYASABKAlSA2tleRIUCgV2YWx1ZRgCIAEoCVIFdmFsdWU6AjgBYgZwcm90bzPS9gMECAAYAA==',
    text: 'syntax = "proto3";\n\npackage envoy.service.auth.v3;\n\nimport "envoy/config/core/v3/address.proto";\nimport "envoy/config/core/v3/base.proto";\nimport "google/protobuf/timestamp.proto";\n\n// What is known of a request.\nmessage AttributeContext {\n  // One end of the connection.\n  message Peer {\n    envoy.config.core.v3.Address address = 1;\n    string service = 2;\n    map<string, string> labels = 3;\n    string principal = 4;\n    string certificate = 5;\n  }\n\n  message Request {\n    google.protobuf.Timestamp time = 1;\n    HttpRequest http = 2;\n  }\n\n  message HttpRequest {\n    string id = 1;\n    string method = 2;\n    map<string, string> headers = 3;\n    string path = 4;\n    string host = 5;\n    string scheme = 6;\n    string query = 7;\n    string fragment = 8;\n    int64 size = 9;\n    string protocol = 10;\n    string body = 11;\n    bytes raw_body = 12;\n    envoy.config.core.v3.HeaderMap header_map = 13;\n  }\n\n  message TLSSession {\n    string sni = 1;\n  }\n\n  Peer source = 1;\n  Peer destination = 2;\n  Request request = 4;\n  map<string, string> context_extensions = 10;\n  envoy.config.core.v3.Metadata metadata_context = 11;\n  TLSSession tls_session = 12;\n  envoy.config.core.v3.Metadata route_metadata_context = 13;\n}\n',
  },
  {
    name: 'envoy/service/auth/v3/external_auth.proto',
    imports: [
      'envoy/config/core/v3/base.proto',
      'envoy/service/auth/v3/attribute_context.proto',
      'envoy/type/v3/http_status.proto',
      'google/protobuf/struct.proto',
      'google/rpc/status.proto',
    ],
    symbols: [
      'envoy.service.auth.v3.CheckRequest',
      'envoy.service.auth.v3.CheckResponse',
      'envoy.service.auth.v3.DeniedHttpResponse',
      'envoy.service.auth.v3.OkHttpResponse',
      'envoy.service.auth.v3.Authorization',
      'envoy.service.auth.v3.Authorization.Check',
    ],
    descriptor:
      'CillbnZveS9zZXJ2aWNlL2F1dGgvdjMvZXh0ZXJuYWxfYXV0aC5wcm90bxIVZW52b3kuc2VydmljZS5hdXRoLnYzGh9lbnZveS9jb25maWcvY29yZS92My9iYXNlLnByb3RvGi1lbnZveS9zZXJ2aWNlL2F1dGgvdjMvYXR0cmlidXRlX2NvbnRleHQucHJvdG8aH2Vudm95L3R5cGUvdjMvaHR0cF9zdGF0dXMucHJvdG8aHGdvb2dsZS9wcm90b2J1Zi9zdHJ1Y3QucHJvdG8aF2dvb2dsZS9ycGMvc3RhdHVzLnByb3RvIlcKDENoZWNrUmVxdWVzdBJHCgphdHRyaWJ1dGVzGAEgASgLMicuZW52b3kuc2VydmljZS5hdXRoLnYzLkF0dHJpYnV0ZUNvbnRleHRSCmF0dHJpYnV0ZXMihAMKDUNoZWNrUmVzcG9uc2USKgoGc3RhdHVzGAEgASgLMhIuZ29vZ2xlLnJwYy5TdGF0dXNSBnN0YXR1cxJUCg9kZW5pZWRfcmVzcG9uc2UYAiABKAsyKS5lbnZveS5zZXJ2aWNlLmF1dGgudjMuRGVuaWVkSHR0cFJlc3BvbnNlSABSDmRlbmllZFJlc3BvbnNlEkgKC29rX3Jlc3BvbnNlGAMgASgLMiUuZW52b3kuc2VydmljZS5hdXRoLnYzLk9rSHR0cFJlc3BvbnNlSABSCm9rUmVzcG9uc2USUgoOZXJyb3JfcmVzcG9uc2UYBSABKAsyKS5lbnZveS5zZXJ2aWNlLmF1dGgudjMuRGVuaWVkSHR0cFJlc3BvbnNlSABSDWVycm9yUmVzcG9uc2USQgoQZHluYW1pY19tZXRhZGF0YRgEIAEoCzIXLmdvb2dsZS5wcm90b2J1Zi5TdHJ1Y3RSD2R5bmFtaWNNZXRhZGF0YUIPCg1odHRwX3Jlc3BvbnNlIp4BChJEZW5pZWRIdHRwUmVzcG9uc2USMQoGc3RhdHVzGAEgASgLMhkuZW52b3kudHlwZS52My5IdHRwU3RhdHVzUgZzdGF0dXMSQQoHaGVhZGVycxgCIAMoCzInLmVudm95LmNvbmZpZy5jb3JlLnYzLkhlYWRlclZhbHVlT3B0aW9uUgdoZWFkZXJzEhIKBGJvZHkYAyABKAlSBGJvZHkiwQMKDk9rSHR0cFJlc3BvbnNlEkEKB2hlYWRlcnMYAiADKAsyJy5lbnZveS5jb25maWcuY29yZS52My5IZWFkZXJWYWx1ZU9wdGlvblIHaGVhZGVycxJGChBkeW5hbWljX21ldGFkYXRhGAMgASgLMhcuZ29vZ2xlLnByb3RvYnVmLlN0cnVjdEICGAFSD2R5bmFtaWNNZXRhZGF0YRIqChFoZWFkZXJzX3RvX3JlbW92ZRgFIAMoCVIPaGVhZGVyc1RvUmVtb3ZlEl4KF3Jlc3BvbnNlX2hlYWRlcnNfdG9fYWRkGAYgAygLMicuZW52b3kuY29uZmlnLmNvcmUudjMuSGVhZGVyVmFsdWVPcHRpb25SFHJlc3BvbnNlSGVhZGVyc1RvQWRkElsKF3F1ZXJ5X3BhcmFtZXRlcnNfdG9fc2V0GAcgAygLMiQuZW52b3kuY29uZmlnLmNvcmUudjMuUXVlcnlQYXJhbWV0ZXJSFHF1ZXJ5UGFyYW1ldGVyc1RvU2V0EjsKGnF1ZXJ5X3BhcmFtZXRlcnNfdG9fcmVtb3ZlGAggAygJUhdxdWVyeVBhcmFtZXRlcnNUb1JlbW92ZTJjCg1BdXRob3JpemF0aW9uElIKBUNoZWNrEiMuZW52b3kuc2VydmljZS5hdXRoLnYzLkNoZWNrUmVxdWVzdBokLmVudm95LnNlcnZpY2UuYXV0aC52My5DaGVja1Jlc3BvbnNlYgZwcm90bzPS9gMECAAYAA==',
    text: 'syntax = "proto3";\n\n// What a PDP reads and writes of Envoy\'s external authorization API; other fields are passed over.\npackage envoy.service.auth.v3;\n\nimport "envoy/config/core/v3/base.proto";\nimport "envoy/service/auth/v3/attribute_context.proto";\nimport "envoy/type/v3/http_status.proto";\nimport "google/protobuf/struct.proto";\nimport "google/rpc/status.proto";\n\nservice Authorization {\n  // Whether a request may pass. Only status OK in the answer lets it.\n  rpc Check(CheckRequest) returns (CheckResponse);\n}\n\nmessage CheckRequest {\n  AttributeContext attributes = 1;\n}\n\nmessage CheckResponse {\n  google.rpc.Status status = 1;\n  oneof http_response {\n    DeniedHttpResponse denied_response = 2;\n    OkHttpResponse ok_response = 3;\n    DeniedHttpResponse error_response = 5;\n  }\n  google.protobuf.Struct dynamic_metadata = 4;\n}\n\n// What the client gets in place of an answer from the upstream.\nmessage DeniedHttpResponse {\n  envoy.type.v3.HttpStatus status = 1;\n  repeated envoy.config.core.v3.HeaderValueOption headers = 2;\n  string body = 3;\n}\n\n// What is changed in a request that passes, and in the answer to it.\nmessage OkHttpResponse {\n  repeated envoy.config.core.v3.HeaderValueOption headers = 2;\n  google.protobuf.Struct dynamic_metadata = 3 [deprecated = true];\n  repeated string headers_to_remove = 5;\n  repeated envoy.config.core.v3.HeaderValueOption response_headers_to_add = 6;\n  repeated envoy.config.core.v3.QueryParameter query_parameters_to_set = 7;\n  repeated string query_parameters_to_remove = 8;\n}\n',
  },
  {
    name: 'envoy/type/v3/http_status.proto',
    imports: [],
    symbols: ['envoy.type.v3.HttpStatus', 'envoy.type.v3.StatusCode'],
    descriptor:
      'Ch9lbnZveS90eXBlL3YzL2h0dHBfc3RhdHVzLnByb3RvEg1lbnZveS50eXBlLnYzIjsKCkh0dHBTdGF0dXMSLQoEY29kZRgBIAEoDjIZLmVudm95LnR5cGUudjMuU3RhdHVzQ29kZVIEY29kZSq1CQoKU3RhdHVzQ29kZRIJCgVFbXB0eRAAEgwKCENvbnRpbnVlEGQSBwoCT0sQyAESDAoHQ3JlYXRlZBDJARINCghBY2NlcHRlZBDKARIgChtOb25BdXRob3JpdGF0aXZlSW5mb3JtYXRpb24QywESDgoJTm9Db250ZW50EMwBEhEKDFJlc2V0Q29udGVudBDNARITCg5QYXJ0aWFsQ29udGVudBDOARIQCgtNdWx0aVN0YXR1cxDPARIUCg9BbHJlYWR5UmVwb3J0ZWQQ0AESCwoGSU1Vc2VkEOIBEhQKD011bHRpcGxlQ2hvaWNlcxCsAhIVChBNb3ZlZFBlcm1hbmVudGx5EK0CEgoKBUZvdW5kEK4CEg0KCFNlZU90aGVyEK8CEhAKC05vdE1vZGlmaWVkELACEg0KCFVzZVByb3h5ELECEhYKEVRlbXBvcmFyeVJlZGlyZWN0ELMCEhYKEVBlcm1hbmVudFJlZGlyZWN0ELQCEg8KCkJhZFJlcXVlc3QQkAMSEQoMVW5hdXRob3JpemVkEJEDEhQKD1BheW1lbnRSZXF1aXJlZBCSAxIOCglGb3JiaWRkZW4QkwMSDQoITm90Rm91bmQQlAMSFQoQTWV0aG9kTm90QWxsb3dlZBCVAxISCg1Ob3RBY2NlcHRhYmxlEJYDEiAKG1Byb3h5QXV0aGVudGljYXRpb25SZXF1aXJlZBCXAxITCg5SZXF1ZXN0VGltZW91dBCYAxINCghDb25mbGljdBCZAxIJCgRHb25lEJoDEhMKDkxlbmd0aFJlcXVpcmVkEJsDEhcKElByZWNvbmRpdGlvbkZhaWxlZBCcAxIUCg9QYXlsb2FkVG9vTGFyZ2UQnQMSDwoKVVJJVG9vTG9uZxCeAxIZChRVbnN1cHBvcnRlZE1lZGlhVHlwZRCfAxIYChNSYW5nZU5vdFNhdGlzZmlhYmxlEKADEhYKEUV4cGVjdGF0aW9uRmFpbGVkEKEDEhcKEk1pc2RpcmVjdGVkUmVxdWVzdBClAxIYChNVbnByb2Nlc3NhYmxlRW50aXR5EKYDEgsKBkxvY2tlZBCnAxIVChBGYWlsZWREZXBlbmRlbmN5EKgDEhQKD1VwZ3JhZGVSZXF1aXJlZBCqAxIZChRQcmVjb25kaXRpb25SZXF1aXJlZBCsAxIUCg9Ub29NYW55UmVxdWVzdHMQrQMSIAobUmVxdWVzdEhlYWRlckZpZWxkc1Rvb0xhcmdlEK8DEhgKE0ludGVybmFsU2VydmVyRXJyb3IQ9AMSEwoOTm90SW1wbGVtZW50ZWQQ9QMSDwoKQmFkR2F0ZXdheRD2AxIXChJTZXJ2aWNlVW5hdmFpbGFibGUQ9wMSEwoOR2F0ZXdheVRpbWVvdXQQ+AMSHAoXSFRUUFZlcnNpb25Ob3RTdXBwb3J0ZWQQ+QMSGgoVVmFyaWFudEFsc29OZWdvdGlhdGVzEPoDEhgKE0luc3VmZmljaWVudFN0b3JhZ2UQ+wMSEQoMTG9vcERldGVjdGVkEPwDEhAKC05vdEV4dGVuZGVkEP4DEiIKHU5ldHdvcmtBdXRoZW50aWNhdGlvblJlcXVpcmVkEP8DYgZwcm90bzPS9gMECAAYAA==',
    text: 'syntax = "proto3";\n\npackage envoy.type.v3;\n\nmessage HttpStatus {\n  StatusCode code = 1;\n}\n\n// The statuses that Envoy answers with.\nenum StatusCode {\n  Empty = 0;\n  Continue = 100;\n  OK = 200;\n  Created = 201;\n  Accepted = 202;\n  NonAuthoritativeInformation = 203;\n  NoContent = 204;\n  ResetContent = 205;\n  PartialContent = 206;\n  MultiStatus = 207;\n  AlreadyReported = 208;\n  IMUsed = 226;\n  MultipleChoices = 300;\n  MovedPermanently = 301;\n  Found = 302;\n  SeeOther = 303;\n  NotModified = 304;\n  UseProxy = 305;\n  TemporaryRedirect = 307;\n  PermanentRedirect = 308;\n  BadRequest = 400;\n  Unauthorized = 401;\n  PaymentRequired = 402;\n  Forbidden = 403;\n  NotFound = 404;\n  MethodNotAllowed = 405;\n  NotAcceptable = 406;\n  ProxyAuthenticationRequired = 407;\n  RequestTimeout = 408;\n  Conflict = 409;\n  Gone = 410;\n  LengthRequired = 411;\n  PreconditionFailed = 412;\n  PayloadTooLarge = 413;\n  URITooLong = 414;\n  UnsupportedMediaType = 415;\n  RangeNotSatisfiable = 416;\n  ExpectationFailed = 417;\n  MisdirectedRequest = 421;\n  UnprocessableEntity = 422;\n  Locked = 423;\n  FailedDependency = 424;\n  UpgradeRequired = 426;\n  PreconditionRequired = 428;\n  TooManyRequests = 429;\n  RequestHeaderFieldsTooLarge = 431;\n  InternalServerError = 500;\n  NotImplemented = 501;\n  BadGateway = 502;\n  ServiceUnavailable = 503;\n  GatewayTimeout = 504;\n  HTTPVersionNotSupported = 505;\n  VariantAlsoNegotiates = 506;\n  InsufficientStorage = 507;\n  LoopDetected = 508;\n  NotExtended = 510;\n  NetworkAuthenticationRequired = 511;\n}\n',
  },
  {
    name: 'google/protobuf/any.proto',
    imports: [],
    symbols: ['google.protobuf.Any'],
    descriptor:
      'Chlnb29nbGUvcHJvdG9idWYvYW55LnByb3RvEg9nb29nbGUucHJvdG9idWYiNgoDQW55EhkKCHR5cGVfdXJsGAEgASgJUgd0eXBlVXJsEhQKBXZhbHVlGAIgASgMUgV2YWx1ZUJ2ChNjb20uZ29vZ2xlLnByb3RvYnVmQghBbnlQcm90b1ABWixnb29nbGUuZ29sYW5nLm9yZy9wcm90b2J1Zi90eXBlcy9rbm93bi9hbnlwYqICA0dQQqoCHkdvb2dsZS5Qcm90b2J1Zi5XZWxsS25vd25UeXBlc2IGcHJvdG8z0vYDBAgBGAA=',
  },
  {
    name: 'google/protobuf/struct.proto',
    imports: [],
    symbols: [
      'google.protobuf.Struct',
      'google.protobuf.Struct.FieldsEntry',
      'google.protobuf.Value',
      'google.protobuf.ListValue',
      'google.protobuf.NullValue',
    ],
    descriptor:
      'Chxnb29nbGUvcHJvdG9idWYvc3RydWN0LnByb3RvEg9nb29nbGUucHJvdG9idWYimAEKBlN0cnVjdBI7CgZmaWVsZHMYASADKAsyIy5nb29nbGUucHJvdG9idWYuU3RydWN0LkZpZWxkc0VudHJ5UgZmaWVsZHMaUQoLRmllbGRzRW50cnkSEAoDa2V5GAEgASgJUgNrZXkSLAoFdmFsdWUYAiABKAsyFi5nb29nbGUucHJvdG9idWYuVmFsdWVSBXZhbHVlOgI4ASKyAgoFVmFsdWUSOwoKbnVsbF92YWx1ZRgBIAEoDjIaLmdvb2dsZS5wcm90b2J1Zi5OdWxsVmFsdWVIAFIJbnVsbFZhbHVlEiMKDG51bWJlcl92YWx1ZRgCIAEoAUgAUgtudW1iZXJWYWx1ZRIjCgxzdHJpbmdfdmFsdWUYAyABKAlIAFILc3RyaW5nVmFsdWUSHwoKYm9vbF92YWx1ZRgEIAEoCEgAUglib29sVmFsdWUSPAoMc3RydWN0X3ZhbHVlGAUgASgLMhcuZ29vZ2xlLnByb3RvYnVmLlN0cnVjdEgAUgtzdHJ1Y3RWYWx1ZRI7CgpsaXN0X3ZhbHVlGAYgASgLMhouZ29vZ2xlLnByb3RvYnVmLkxpc3RWYWx1ZUgAUglsaXN0VmFsdWVCBgoEa2luZCI7CglMaXN0VmFsdWUSLgoGdmFsdWVzGAEgAygLMhYuZ29vZ2xlLnByb3RvYnVmLlZhbHVlUgZ2YWx1ZXMqGwoJTnVsbFZhbHVlEg4KCk5VTExfVkFMVUUQAEJ/ChNjb20uZ29vZ2xlLnByb3RvYnVmQgtTdHJ1Y3RQcm90b1ABWi9nb29nbGUuZ29sYW5nLm9yZy9wcm90b2J1Zi90eXBlcy9rbm93bi9zdHJ1Y3RwYvgBAaICA0dQQqoCHkdvb2dsZS5Qcm90b2J1Zi5XZWxsS25vd25UeXBlc2IGcHJvdG8z0vYDBAgBGAA=',
  },
  {
    name: 'google/protobuf/timestamp.proto',
    imports: [],
    symbols: ['google.protobuf.Timestamp'],
    descriptor:
      'Ch9nb29nbGUvcHJvdG9idWYvdGltZXN0YW1wLnByb3RvEg9nb29nbGUucHJvdG9idWYiOwoJVGltZXN0YW1wEhgKB3NlY29uZHMYASABKANSB3NlY29uZHMSFAoFbmFub3MYAiABKAVSBW5hbm9zQoUBChNjb20uZ29vZ2xlLnByb3RvYnVmQg5UaW1lc3RhbXBQcm90b1ABWjJnb29nbGUuZ29sYW5nLm9yZy9wcm90b2J1Zi90eXBlcy9rbm93bi90aW1lc3RhbXBwYvgBAaICA0dQQqoCHkdvb2dsZS5Qcm90b2J1Zi5XZWxsS25vd25UeXBlc2IGcHJvdG8z0vYDBAgBGAA=',
  },
  {
    name: 'google/protobuf/wrappers.proto',
    imports: [],
    symbols: [
      'google.protobuf.DoubleValue',
      'google.protobuf.FloatValue',
      'google.protobuf.Int64Value',
      'google.protobuf.UInt64Value',
      'google.protobuf.Int32Value',
      'google.protobuf.UInt32Value',
      'google.protobuf.BoolValue',
      'google.protobuf.StringValue',
      'google.protobuf.BytesValue',
    ],
    descriptor:
      'Ch5nb29nbGUvcHJvdG9idWYvd3JhcHBlcnMucHJvdG8SD2dvb2dsZS5wcm90b2J1ZiIjCgtEb3VibGVWYWx1ZRIUCgV2YWx1ZRgBIAEoAVIFdmFsdWUiIgoKRmxvYXRWYWx1ZRIUCgV2YWx1ZRgBIAEoAlIFdmFsdWUiIgoKSW50NjRWYWx1ZRIUCgV2YWx1ZRgBIAEoA1IFdmFsdWUiIwoLVUludDY0VmFsdWUSFAoFdmFsdWUYASABKARSBXZhbHVlIiIKCkludDMyVmFsdWUSFAoFdmFsdWUYASABKAVSBXZhbHVlIiMKC1VJbnQzMlZhbHVlEhQKBXZhbHVlGAEgASgNUgV2YWx1ZSIhCglCb29sVmFsdWUSFAoFdmFsdWUYASABKAhSBXZhbHVlIiMKC1N0cmluZ1ZhbHVlEhQKBXZhbHVlGAEgASgJUgV2YWx1ZSIiCgpCeXRlc1ZhbHVlEhQKBXZhbHVlGAEgASgMUgV2YWx1ZUKDAQoTY29tLmdvb2dsZS5wcm90b2J1ZkINV3JhcHBlcnNQcm90b1ABWjFnb29nbGUuZ29sYW5nLm9yZy9wcm90b2J1Zi90eXBlcy9rbm93bi93cmFwcGVyc3Bi+AEBogIDR1BCqgIeR29vZ2xlLlByb3RvYnVmLldlbGxLbm93blR5cGVzYgZwcm90bzPS9gMECAEYAA==',
  },
  {
    name: 'google/rpc/status.proto',
    imports: ['google/protobuf/any.proto'],
    symbols: ['google.rpc.Status'],
    descriptor:
      'Chdnb29nbGUvcnBjL3N0YXR1cy5wcm90bxIKZ29vZ2xlLnJwYxoZZ29vZ2xlL3Byb3RvYnVmL2FueS5wcm90byJmCgZTdGF0dXMSEgoEY29kZRgBIAEoBVIEY29kZRIYCgdtZXNzYWdlGAIgASgJUgdtZXNzYWdlEi4KB2RldGFpbHMYAyADKAsyFC5nb29nbGUucHJvdG9idWYuQW55UgdkZXRhaWxzYgZwcm90bzPS9gMECAAYAA==',
    text: 'syntax = "proto3";\n\npackage google.rpc;\n\nimport "google/protobuf/any.proto";\n\nmessage Status {\n  // A code of gRPC.\n  int32 code = 1;\n  string message = 2;\n  repeated google.protobuf.Any details = 3;\n}\n',
  },
  {
    name: 'grpc/health/v1/health.proto',
    imports: [],
    symbols: [
      'grpc.health.v1.HealthCheckRequest',
      'grpc.health.v1.HealthCheckResponse',
      'grpc.health.v1.HealthCheckResponse.ServingStatus',
      'grpc.health.v1.Health',
      'grpc.health.v1.Health.Check',
      'grpc.health.v1.Health.Watch',
    ],
    descriptor:
      'ChtncnBjL2hlYWx0aC92MS9oZWFsdGgucHJvdG8SDmdycGMuaGVhbHRoLnYxIi4KEkhlYWx0aENoZWNrUmVxdWVzdBIYCgdzZXJ2aWNlGAEgASgJUgdzZXJ2aWNlIrEBChNIZWFsdGhDaGVja1Jlc3BvbnNlEkkKBnN0YXR1cxgBIAEoDjIxLmdycGMuaGVhbHRoLnYxLkhlYWx0aENoZWNrUmVzcG9uc2UuU2VydmluZ1N0YXR1c1IGc3RhdHVzIk8KDVNlcnZpbmdTdGF0dXMSCwoHVU5LTk9XThAAEgsKB1NFUlZJTkcQARIPCgtOT1RfU0VSVklORxACEhMKD1NFUlZJQ0VfVU5LTk9XThADMq4BCgZIZWFsdGgSUAoFQ2hlY2sSIi5ncnBjLmhlYWx0aC52MS5IZWFsdGhDaGVja1JlcXVlc3QaIy5ncnBjLmhlYWx0aC52MS5IZWFsdGhDaGVja1Jlc3BvbnNlElIKBVdhdGNoEiIuZ3JwYy5oZWFsdGgudjEuSGVhbHRoQ2hlY2tSZXF1ZXN0GiMuZ3JwYy5oZWFsdGgudjEuSGVhbHRoQ2hlY2tSZXNwb25zZTABYgZwcm90bzPS9gMECAAYAA==',
    text: 'syntax = "proto3";\n\npackage grpc.health.v1;\n\nservice Health {\n  rpc Check(HealthCheckRequest) returns (HealthCheckResponse);\n  // Tells the status now and after every change.\n  rpc Watch(HealthCheckRequest) returns (stream HealthCheckResponse);\n}\n\nmessage HealthCheckRequest {\n  // Empty: the whole server.\n  string service = 1;\n}\n\nmessage HealthCheckResponse {\n  enum ServingStatus {\n    UNKNOWN = 0;\n    SERVING = 1;\n    NOT_SERVING = 2;\n    SERVICE_UNKNOWN = 3;\n  }\n\n  ServingStatus status = 1;\n}\n',
  },
  {
    name: 'grpc/reflection/v1/reflection.proto',
    imports: [],
    symbols: [
      'grpc.reflection.v1.ServerReflectionRequest',
      'grpc.reflection.v1.ExtensionRequest',
      'grpc.reflection.v1.ServerReflectionResponse',
      'grpc.reflection.v1.FileDescriptorResponse',
      'grpc.reflection.v1.ExtensionNumberResponse',
      'grpc.reflection.v1.ListServiceResponse',
      'grpc.reflection.v1.ServiceResponse',
      'grpc.reflection.v1.ErrorResponse',
      'grpc.reflection.v1.ServerReflection',
      'grpc.reflection.v1.ServerReflection.ServerReflectionInfo',
    ],
    descriptor:
      'CiNncnBjL3JlZmxlY3Rpb24vdjEvcmVmbGVjdGlvbi5wcm90bxISZ3JwYy5yZWZsZWN0aW9uLnYxIvMCChdTZXJ2ZXJSZWZsZWN0aW9uUmVxdWVzdBISCgRob3N0GAEgASgJUgRob3N0EioKEGZpbGVfYnlfZmlsZW5hbWUYAyABKAlIAFIOZmlsZUJ5RmlsZW5hbWUSNgoWZmlsZV9jb250YWluaW5nX3N5bWJvbBgEIAEoCUgAUhRmaWxlQ29udGFpbmluZ1N5bWJvbBJiChlmaWxlX2NvbnRhaW5pbmdfZXh0ZW5zaW9uGAUgASgLMiQuZ3JwYy5yZWZsZWN0aW9uLnYxLkV4dGVuc2lvblJlcXVlc3RIAFIXZmlsZUNvbnRhaW5pbmdFeHRlbnNpb24SQgodYWxsX2V4dGVuc2lvbl9udW1iZXJzX29mX3R5cGUYBiABKAlIAFIZYWxsRXh0ZW5zaW9uTnVtYmVyc09mVHlwZRIlCg1saXN0X3NlcnZpY2VzGAcgASgJSABSDGxpc3RTZXJ2aWNlc0IRCg9tZXNzYWdlX3JlcXVlc3QiZgoQRXh0ZW5zaW9uUmVxdWVzdBInCg9jb250YWluaW5nX3R5cGUYASABKAlSDmNvbnRhaW5pbmdUeXBlEikKEGV4dGVuc2lvbl9udW1iZXIYAiABKAVSD2V4dGVuc2lvbk51bWJlciKuBAoYU2VydmVyUmVmbGVjdGlvblJlc3BvbnNlEh0KCnZhbGlkX2hvc3QYASABKAlSCXZhbGlkSG9zdBJWChBvcmlnaW5hbF9yZXF1ZXN0GAIgASgLMisuZ3JwYy5yZWZsZWN0aW9uLnYxLlNlcnZlclJlZmxlY3Rpb25SZXF1ZXN0Ug9vcmlnaW5hbFJlcXVlc3QSZgoYZmlsZV9kZXNjcmlwdG9yX3Jlc3BvbnNlGAQgASgLMiouZ3JwYy5yZWZsZWN0aW9uLnYxLkZpbGVEZXNjcmlwdG9yUmVzcG9uc2VIAFIWZmlsZURlc2NyaXB0b3JSZXNwb25zZRJyCh5hbGxfZXh0ZW5zaW9uX251bWJlcnNfcmVzcG9uc2UYBSABKAsyKy5ncnBjLnJlZmxlY3Rpb24udjEuRXh0ZW5zaW9uTnVtYmVyUmVzcG9uc2VIAFIbYWxsRXh0ZW5zaW9uTnVtYmVyc1Jlc3BvbnNlEl8KFmxpc3Rfc2VydmljZXNfcmVzcG9uc2UYBiABKAsyJy5ncnBjLnJlZmxlY3Rpb24udjEuTGlzdFNlcnZpY2VSZXNwb25zZUgAUhRsaXN0U2VydmljZXNSZXNwb25zZRJKCg5lcnJvcl9yZXNwb25zZRgHIAEoCzIhLmdycGMucmVmbGVjdGlvbi52MS5FcnJvclJlc3BvbnNlSABSDWVycm9yUmVzcG9uc2VCEgoQbWVzc2FnZV9yZXNwb25zZSJMChZGaWxlRGVzY3JpcHRvclJlc3BvbnNlEjIKFWZpbGVfZGVzY3JpcHRvcl9wcm90bxgBIAMoDFITZmlsZURlc2NyaXB0b3JQcm90byJqChdFeHRlbnNpb25OdW1iZXJSZXNwb25zZRIkCg5iYXNlX3R5cGVfbmFtZRgBIAEoCVIMYmFzZVR5cGVOYW1lEikKEGV4dGVuc2lvbl9udW1iZXIYAiADKAVSD2V4dGVuc2lvbk51bWJlciJUChNMaXN0U2VydmljZVJlc3BvbnNlEj0KB3NlcnZpY2UYASADKAsyIy5ncnBjLnJlZmxlY3Rpb24udjEuU2VydmljZVJlc3BvbnNlUgdzZXJ2aWNlIiUKD1NlcnZpY2VSZXNwb25zZRISCgRuYW1lGAEgASgJUgRuYW1lIlMKDUVycm9yUmVzcG9uc2USHQoKZXJyb3JfY29kZRgBIAEoBVIJZXJyb3JDb2RlEiMKDWVycm9yX21lc3NhZ2UYAiABKAlSDGVycm9yTWVzc2FnZTKJAQoQU2VydmVyUmVmbGVjdGlvbhJ1ChRTZXJ2ZXJSZWZsZWN0aW9uSW5mbxIrLmdycGMucmVmbGVjdGlvbi52MS5TZXJ2ZXJSZWZsZWN0aW9uUmVxdWVzdBosLmdycGMucmVmbGVjdGlvbi52MS5TZXJ2ZXJSZWZsZWN0aW9uUmVzcG9uc2UoATABYgZwcm90bzPS9gMECAAYAA==',
    text: 'syntax = "proto3";\n\npackage grpc.reflection.v1;\n\nservice ServerReflection {\n  rpc ServerReflectionInfo(stream ServerReflectionRequest) returns (stream ServerReflectionResponse);\n}\n\nmessage ServerReflectionRequest {\n  string host = 1;\n  oneof message_request {\n    string file_by_filename = 3;\n    string file_containing_symbol = 4;\n    ExtensionRequest file_containing_extension = 5;\n    string all_extension_numbers_of_type = 6;\n    string list_services = 7;\n  }\n}\n\nmessage ExtensionRequest {\n  string containing_type = 1;\n  int32 extension_number = 2;\n}\n\nmessage ServerReflectionResponse {\n  string valid_host = 1;\n  ServerReflectionRequest original_request = 2;\n  oneof message_response {\n    FileDescriptorResponse file_descriptor_response = 4;\n    ExtensionNumberResponse all_extension_numbers_response = 5;\n    ListServiceResponse list_services_response = 6;\n    ErrorResponse error_response = 7;\n  }\n}\n\nmessage FileDescriptorResponse {\n  repeated bytes file_descriptor_proto = 1;\n}\n\nmessage ExtensionNumberResponse {\n  string base_type_name = 1;\n  repeated int32 extension_number = 2;\n}\n\nmessage ListServiceResponse {\n  repeated ServiceResponse service = 1;\n}\n\nmessage ServiceResponse {\n  string name = 1;\n}\n\nmessage ErrorResponse {\n  int32 error_code = 1;\n  string error_message = 2;\n}\n',
  },
];
