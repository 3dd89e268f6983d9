"""Runs protoc with the plugin in this folder, and turns a file into a C array."""

def _jobgate_schema_impl(ctx):
    header = ctx.actions.declare_file("members.h")
    tables = ctx.actions.declare_file("schema_tables.c")
    root = ctx.attr.import_root
    ctx.actions.run_shell(
        inputs = ctx.files.srcs,
        tools = [ctx.executable.plugin],
        outputs = [header, tables],
        command = "protoc -I%s -I/usr/include --plugin=protoc-gen-jobgate=%s --jobgate_out=%s %s" % (
            root,
            ctx.executable.plugin.path,
            header.dirname,
            " ".join([f.path for f in ctx.files.srcs]),
        ),
        mnemonic = "ProtocJobgate",
        use_default_shell_env = True,
    )
    return [
        DefaultInfo(files = depset([header, tables])),
        OutputGroupInfo(hdrs = depset([header]), srcs = depset([tables])),
    ]

jobgate_schema = rule(
    implementation = _jobgate_schema_impl,
    attrs = {
        "srcs": attr.label_list(allow_files = [".proto"], mandatory = True),
        "import_root": attr.string(mandatory = True),
        # Built like the product: the same libraries are not compiled twice, and a sanitizer's build checks the plugin too.
        "plugin": attr.label(executable = True, cfg = "target", mandatory = True),
    },
)

def _byte_array_impl(ctx):
    out = ctx.outputs.out
    ctx.actions.run_shell(
        inputs = [ctx.file.src],
        outputs = [out],
        command = """
set -eu
{
  printf '#include "%%s"\\n\\nconst unsigned char %%s[] = {\\n' '%s' '%s'
  od -An -v -tu1 '%s' | sed -e 's/\\([0-9][0-9]*\\)/\\1,/g'
  printf '0};\\nconst size_t %%s_len = sizeof(%%s) - 1;\\n' '%s' '%s'
} > '%s'
""" % (ctx.attr.header, ctx.attr.array, ctx.file.src.path, ctx.attr.array, ctx.attr.array, out.path),
        mnemonic = "ByteArray",
        use_default_shell_env = True,
    )
    return [DefaultInfo(files = depset([out]))]

byte_array = rule(
    implementation = _byte_array_impl,
    doc = "A .c file that defines a file's bytes as an array (with a NUL behind) and its length as <array>_len.",
    attrs = {
        "src": attr.label(allow_single_file = True, mandatory = True),
        "array": attr.string(mandatory = True),
        "header": attr.string(mandatory = True, doc = "the header that declares both"),
        "out": attr.output(mandatory = True),
    },
)
