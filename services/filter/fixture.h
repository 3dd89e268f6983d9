/* For tests: entities as they lie ready, made from a line of text. Thread: one. */
#ifndef JG_SERVICES_FILTER_FIXTURE_H
#define JG_SERVICES_FILTER_FIXTURE_H

#include "base/arena.h"
#include "proto/codec/parts.h"

/* Parts of a kind: "name=abc;id2=-5;due_date=2026-01-29T07:13:40.5Z;is_default=true", values as their types have them, no ';'
 * in them. translations=en:name:Pump|nl:name:Pomp are language, field, value. Fails the test on anything else. */
struct jg_parts jg_fixture_parts(struct jg_arena *arena, enum jg_kind kind, const char *members);
/* Sets a relation by its name. */
void jg_fixture_relate(struct jg_parts *parts, const char *relation, const struct jg_expanded *expanded);
/* The parts as others embed them: payload, keys and nodes, in the order they are written. */
const struct jg_expanded *jg_fixture_expand(struct jg_arena *arena, const struct jg_parts *parts);

/* A job with every member and every relation set down to the sales organizations, and a parent of the same project:
 * job J-1 -> project P-1 -> model M-1 (two translations) -> brand B-1 -> sales organization SO; job J-1 -> job J-0. */
struct jg_parts jg_fixture_job(struct jg_arena *arena);
/* A job of which nothing is set but its id. */
struct jg_parts jg_fixture_bare_job(struct jg_arena *arena);

#endif
