"""libFuzzer targets: built by --config=fuzz alone (tests/fuzz/run.sh), never by //...: gcc has no -fsanitize=fuzzer."""

def fuzz_target(name, deps):
    """A target of NAME.c, which defines LLVMFuzzerTestOneInput; its seeds are in corpus/NAME."""
    native.cc_binary(
        name = name,
        testonly = True,
        srcs = [name + ".c"],
        linkopts = ["-fsanitize=fuzzer"],
        tags = [
            "fuzz",
            "manual",
        ],
        deps = deps + [":target"],
    )
