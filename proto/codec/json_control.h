/* The control information of an OData answer (OData JSON Format 4.0 section 4.5) that tells whether its content is jobs and
 * whether it is all of them. Pure. Thread: any. */
#ifndef JG_PROTO_CODEC_JSON_CONTROL_H
#define JG_PROTO_CODEC_JSON_CONTROL_H

#include "base/str.h"

struct jg_json_control {
  bool foreign; /* "@odata.context" names something else than jobs: another set, one member, a delta */
  bool more;    /* "@odata.nextLink": the next page */
};

/* text: an object; members behind a malformed place, or a cut, are not seen. head_only: looks no further than the members
 * in front of the first whose name does not begin with '@', which is where the context must stand. */
struct jg_json_control jg_json_control_read(struct jg_str text, bool head_only);

#endif
