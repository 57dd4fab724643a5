/tmp/.tmp9ED6s5/target/x86_64-unknown-linux-gnu/custom_sysroot/deps/panic_abort-228b7717119805d8.d: /root/.rustup/toolchains/nightly-x86_64-unknown-linux-gnu/lib/rustlib/src/rust/library/panic_abort/src/lib.rs

/tmp/.tmp9ED6s5/target/x86_64-unknown-linux-gnu/custom_sysroot/deps/libpanic_abort-228b7717119805d8.rlib: /root/.rustup/toolchains/nightly-x86_64-unknown-linux-gnu/lib/rustlib/src/rust/library/panic_abort/src/lib.rs

/tmp/.tmp9ED6s5/target/x86_64-unknown-linux-gnu/custom_sysroot/deps/libpanic_abort-228b7717119805d8.rmeta: /root/.rustup/toolchains/nightly-x86_64-unknown-linux-gnu/lib/rustlib/src/rust/library/panic_abort/src/lib.rs

/root/.rustup/toolchains/nightly-x86_64-unknown-linux-gnu/lib/rustlib/src/rust/library/panic_abort/src/lib.rs:
