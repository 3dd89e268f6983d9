/* For tests of the parser: jobs, one moment, a table of aliases. Thread: one. */
#ifndef JG_SERVICES_FILTER_PARSE_FIXTURE_H
#define JG_SERVICES_FILTER_PARSE_FIXTURE_H

#include "services/filter/parse.h"

/* 2026-01-29T07:13:40.7184075Z */
#define JG_PARSE_FIXTURE_NOW INT64_C(17696708207184075)

/* For jobs; the aliases are those of parse_fixture.c. */
struct jg_filter_options jg_parse_fixture_options(void);
/* Parses and has that canonical text, which parses to the same, with the same hash. */
void jg_parse_expect(const char *text, const char *canonical);
/* Refused with that code, a message that holds `part`, one violation, and no output. */
void jg_parse_refuse(const char *text, enum jg_code code, const char *part);
uint64_t jg_parse_hash(const char *text);

#endif
