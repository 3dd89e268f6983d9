/* Prints a checked model as C. Thread: the plugin's only one. */
#ifndef JG_PROTO_SCHEMA_PLUGIN_EMIT_H
#define JG_PROTO_SCHEMA_PLUGIN_EMIT_H

#include "base/buf.h"
#include "proto/schema/plugin_model.h"

/* members.h: the indexes of members and relations as enums. Appends to out; out->failed if it did not fit. */
void jg_plugin_emit_header(const struct jg_plugin_model *model, struct jg_buf *out);
/* schema_tables.c: the tables that schema_internal.h declares. Appends to out; out->failed if it did not fit. */
void jg_plugin_emit_tables(const struct jg_plugin_model *model, struct jg_buf *out);

#endif
