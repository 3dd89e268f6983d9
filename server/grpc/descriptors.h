/* The files of a FileDescriptorSet and the symbols they declare, for reflection. Nothing is unpacked: files are cut out of the
 * set, names are read field by field. Constant once made. Thread: any. */
#ifndef JG_SERVER_GRPC_DESCRIPTORS_H
#define JG_SERVER_GRPC_DESCRIPTORS_H

#include "base/status.h"

struct jg_grpc_descriptors;

/* set: borrows until destroy. INTERNAL: malformed, or a file imports one that is not in the set. */
JG_MUST_CHECK struct jg_status jg_grpc_descriptors_create(struct jg_str set, struct jg_grpc_descriptors **ret_index);
void jg_grpc_descriptors_destroy(struct jg_grpc_descriptors *index); /* NULL is allowed */

/* Index of the file of that name, or SIZE_MAX. */
size_t jg_grpc_descriptors_file(const struct jg_grpc_descriptors *index, struct jg_str name);
/* Index of the file that declares a message, enum, service or method by its full name, or SIZE_MAX. */
size_t jg_grpc_descriptors_symbol(const struct jg_grpc_descriptors *index, struct jg_str symbol);
/* The FileDescriptorProto of that file and of all that it imports, itself first. Calls `each` for every one. */
void jg_grpc_descriptors_closure(const struct jg_grpc_descriptors *index, size_t file,
                                 void (*each)(struct jg_str descriptor, void *data), void *data);

#endif
