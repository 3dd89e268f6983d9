/* Included by schema.c and the generated schema_tables.c and descriptor_set.c alone: what they hand to each other. */
#ifndef JG_PROTO_SCHEMA_SCHEMA_INTERNAL_H
#define JG_PROTO_SCHEMA_SCHEMA_INTERNAL_H

#include "proto/schema/schema.h"

/* By kind; a kind without an entity has kind JG_KIND_NONE. */
extern const struct jg_entity jg_schema_entities[JG_KIND_COUNT];

/* The serialised FileDescriptorSet; the array is one byte longer than its length and ends in a NUL. */
extern const unsigned char jg_schema_descriptor_bytes[];
extern const size_t jg_schema_descriptor_bytes_len;

#endif
