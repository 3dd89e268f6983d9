"""Code generation with the system's protoc and protoc-c: no remote dependency.

The import roots are this package's folder, /usr/include (google/protobuf) and
/usr/share/grpc-proto (grpc/health, grpc/reflection).
"""

_SYSTEM_ROOTS = "-I/usr/include -I/usr/share/grpc-proto"

def _import_roots(ctx):
    # protoc warns of a root that the sandbox lacks: without srcs the package's folder is not there.
    return "-I%s %s" % (ctx.label.package, _SYSTEM_ROOTS) if ctx.files.srcs else _SYSTEM_ROOTS

def _stem(f, root):
    rel = f.short_path[len(root) + 1:] if root else f.short_path
    return rel[:-len(".proto")]

def _protobuf_c_gen_impl(ctx):
    root = ctx.label.package
    srcs, hdrs = [], []
    jobs = [(_stem(f, root), f.path) for f in ctx.files.srcs]
    jobs += [(p[:-len(".proto")], p) for p in ctx.attr.system_protos]
    for stem, path in jobs:
        c = ctx.actions.declare_file(stem + ".pb-c.c")
        h = ctx.actions.declare_file(stem + ".pb-c.h")
        out_root = c.path[:-len(stem + ".pb-c.c") - 1]
        ctx.actions.run_shell(
            inputs = ctx.files.srcs,
            outputs = [c, h],
            command = "protoc-c %s --c_out=%s %s" % (_import_roots(ctx), out_root, path),
            mnemonic = "ProtocC",
            progress_message = "protoc-c %s" % path,
            use_default_shell_env = True,
        )
        srcs.append(c)
        hdrs.append(h)
    ds = ctx.actions.declare_file(ctx.label.name + ".desc.bin")
    ctx.actions.run_shell(
        inputs = ctx.files.srcs,
        outputs = [ds],
        command = "protoc %s --include_imports --descriptor_set_out=%s %s" % (
            _import_roots(ctx),
            ds.path,
            " ".join([j[1] for j in jobs]),
        ),
        mnemonic = "ProtocDescriptors",
        use_default_shell_env = True,
    )
    return [
        DefaultInfo(files = depset(srcs + hdrs)),
        OutputGroupInfo(srcs = depset(srcs), hdrs = depset(hdrs), desc = depset([ds])),
    ]

protobuf_c_gen = rule(
    implementation = _protobuf_c_gen_impl,
    attrs = {
        "srcs": attr.label_list(allow_files = [".proto"]),
        "system_protos": attr.string_list(),
    },
)

def protobuf_c_library(name, srcs, system_protos = [], deps = [], visibility = None):
    """All .proto files of one import root as one cc_library.

    Args:
      name: name of the library; `<name>_desc` is its FileDescriptorSet with imports, without comments.
      srcs: .proto files below this package.
      system_protos: import paths of .proto files that Debian installs.
      deps: libraries of the messages that these import.
      visibility: of the library and the descriptor set.
    """
    protobuf_c_gen(name = name + "_gen", srcs = srcs, system_protos = system_protos)
    for g in ["srcs", "hdrs", "desc"]:
        native.filegroup(
            name = name + "_" + g,
            srcs = [":" + name + "_gen"],
            output_group = g,
            visibility = visibility,
        )
    native.cc_library(
        name = name,
        srcs = [":" + name + "_srcs"],
        hdrs = [":" + name + "_hdrs"],
        copts = ["-w"],
        includes = ["."],
        visibility = visibility,
        deps = deps + ["@system//:protobuf_c"],
    )
