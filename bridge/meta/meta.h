/* What the REST API says about itself, made from the schema tables: CSDL, the help pages, the OpenAPI document, the service
 * document. All but the last are made once, with their coded forms, and shared. Thread: any. */
#ifndef JG_BRIDGE_META_META_H
#define JG_BRIDGE_META_META_H

#include "base/buf.h"
#include "base/bytes.h"
#include "bridge/coding/coding.h"
#include "proto/schema/schema.h"

struct jg_meta;

/* Borrowed during create. */
struct jg_meta_options {
  /* The entity sets that are routed, in the order of the documents; each one's entity has a set's name. */
  const enum jg_kind *sets;
  size_t set_count;
  struct jg_str public_url; /* base of the links; empty: the server's root (contract statement 29) */
};

/* Plain so that an answer is made of it directly. */
struct jg_meta_document {
  struct jg_str path; /* of its URL, "/api/$metadata" */
  struct jg_str content_type;
  struct jg_bytes *forms[JG_CODING_COUNT]; /* the text in each coding; the meta's own references */
};

struct jg_meta *jg_meta_create(const struct jg_meta_options *options);
void jg_meta_destroy(struct jg_meta *meta); /* NULL is allowed */

/* By a decoded path, any case, with or without a slash at its end; NULL if there is none. It lives as long as the meta. */
const struct jg_meta_document *jg_meta_find(const struct jg_meta *meta, struct jg_str path);
/* Appends the service document (OData JSON 4.0 section 5). base: ".../api", printable ASCII without quotes. */
void jg_meta_write_service(const struct jg_meta *meta, struct jg_str base, struct jg_buf *out);

#endif
