/tmp/.tmp9ED6s5/target/x86_64-unknown-linux-gnu/custom_sysroot/deps/rustc_literal_escaper-2632e4d23b4364c7.d: /root/.cargo/registry/src/index.crates.io-1949cf8c6b5b557f/rustc-literal-escaper-0.0.7/src/lib.rs

/tmp/.tmp9ED6s5/target/x86_64-unknown-linux-gnu/custom_sysroot/deps/librustc_literal_escaper-2632e4d23b4364c7.rlib: /root/.cargo/registry/src/index.crates.io-1949cf8c6b5b557f/rustc-literal-escaper-0.0.7/src/lib.rs

/tmp/.tmp9ED6s5/target/x86_64-unknown-linux-gnu/custom_sysroot/deps/librustc_literal_escaper-2632e4d23b4364c7.rmeta: /root/.cargo/registry/src/index.crates.io-1949cf8c6b5b557f/rustc-literal-escaper-0.0.7/src/lib.rs

/root/.cargo/registry/src/index.crates.io-1949cf8c6b5b557f/rustc-literal-escaper-0.0.7/src/lib.rs:
