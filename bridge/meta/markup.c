// Texts in documents.

#include "bridge/meta/meta_internal.h"

struct jg_str jg_meta_doc(struct jg_str doc) {
  return doc.len != 0 && doc.data[doc.len - 1] == '.' ? jg_str_make(doc.data, doc.len - 1) : doc;
}

void jg_meta_escape(struct jg_str text, struct jg_buf *out) {
  for (size_t i = 0; i < text.len; i++) {
    switch (text.data[i]) {
      case '&':
        jg_buf_append_str(out, JG_STR("&amp;"));
        break;
      case '<':
        jg_buf_append_str(out, JG_STR("&lt;"));
        break;
      case '>':
        jg_buf_append_str(out, JG_STR("&gt;"));
        break;
      case '"':
        jg_buf_append_str(out, JG_STR("&quot;"));
        break;
      case '\'':
        jg_buf_append_str(out, JG_STR("&#39;"));
        break;
      default:
        jg_buf_append_char(out, text.data[i]);
    }
  }
}
