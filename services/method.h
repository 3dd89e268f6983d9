/* The method table: one row per method of the API. Transports look up and invoke, and know nothing else. */
#ifndef JG_SERVICES_METHOD_H
#define JG_SERVICES_METHOD_H

#include "services/call.h"

enum jg_method_type { JG_METHOD_UNARY, JG_METHOD_SERVER_STREAM, JG_METHOD_CLIENT_STREAM };

struct jg_method {
  struct jg_str name; /* "GetJob": logs and metrics */
  const char *path;   /* "/jobgate.v1.JobService/GetJob" */
  enum jg_method_type type;
  const ProtobufCMessageDescriptor *request;
  const ProtobufCMessageDescriptor *response;
  bool idempotent;
  bool loopback_only;
  size_t request_bytes_max; /* of one message */
  /* Takes the call: ends it by jg_call_finish, now or later. Does not block. Thread: any. */
  void (*handle)(struct jg_call *call);
};

enum jg_method_index {
  JG_METHOD_GET_JOB,
  JG_METHOD_BATCH_GET_JOBS,
  JG_METHOD_LIST_JOBS,
  JG_METHOD_CREATE_JOB,
  JG_METHOD_UPDATE_JOB,
  JG_METHOD_DELETE_JOB,
  JG_METHOD_CHANGE_JOB_STATUS,
  JG_METHOD_GET_JOB_PLANNING,
  JG_METHOD_LIST_JOB_PLANNINGS,
  JG_METHOD_IMPORT_JOBS,
  JG_METHOD_WATCH_JOBS,
  JG_METHOD_LIST_JOB_CHANGES,
  JG_METHOD_GET_ENTITY,
  JG_METHOD_LIST_ENTITIES,
  JG_METHOD_UPSERT_ENTITY,
  JG_METHOD_DELETE_ENTITY,
  JG_METHOD_COUNT
};

extern const struct jg_method jg_methods[JG_METHOD_COUNT];

#endif
