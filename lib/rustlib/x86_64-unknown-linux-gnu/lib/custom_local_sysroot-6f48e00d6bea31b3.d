/tmp/.tmp9ED6s5/target/x86_64-unknown-linux-gnu/custom_sysroot/deps/custom_local_sysroot-6f48e00d6bea31b3.d: lib.rs

/tmp/.tmp9ED6s5/target/x86_64-unknown-linux-gnu/custom_sysroot/deps/libcustom_local_sysroot-6f48e00d6bea31b3.rlib: lib.rs

/tmp/.tmp9ED6s5/target/x86_64-unknown-linux-gnu/custom_sysroot/deps/libcustom_local_sysroot-6f48e00d6bea31b3.rmeta: lib.rs

lib.rs:
