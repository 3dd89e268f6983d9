/* Page tokens of ListJobs: opaque text that binds tenant, order and filter and holds the last row's sort key, so that a page
 * begins behind it whatever was written meanwhile. Thread: any. */
#ifndef JG_SERVICES_JOBS_PAGE_TOKEN_H
#define JG_SERVICES_JOBS_PAGE_TOKEN_H

#include "base/status.h"
#include "base/uuid.h"
#include "storage/store.h"

struct jg_page_token {
  enum jg_job_order order;
  bool descending;
  uint64_t filter_hash; /* of the canonical filter; 0: no filter */
  struct jg_uuid id;
  int64_t modified_ticks;
};

#define JG_PAGE_TOKEN_LEN 56
/* base64url without padding, with a check sum; no NUL. */
void jg_page_token_format(const struct jg_page_token *token, int64_t tenant, char out[JG_PAGE_TOKEN_LEN]);
/* False: garbage, another version, or another tenant's. */
JG_MUST_CHECK bool jg_page_token_parse(struct jg_str text, int64_t tenant, struct jg_page_token *ret_token);

#endif
