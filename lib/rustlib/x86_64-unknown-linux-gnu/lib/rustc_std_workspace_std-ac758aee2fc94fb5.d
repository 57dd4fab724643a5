/tmp/.tmp9ED6s5/target/x86_64-unknown-linux-gnu/custom_sysroot/deps/rustc_std_workspace_std-ac758aee2fc94fb5.d: /root/.rustup/toolchains/nightly-x86_64-unknown-linux-gnu/lib/rustlib/src/rust/library/rustc-std-workspace-std/lib.rs

/tmp/.tmp9ED6s5/target/x86_64-unknown-linux-gnu/custom_sysroot/deps/librustc_std_workspace_std-ac758aee2fc94fb5.rlib: /root/.rustup/toolchains/nightly-x86_64-unknown-linux-gnu/lib/rustlib/src/rust/library/rustc-std-workspace-std/lib.rs

/tmp/.tmp9ED6s5/target/x86_64-unknown-linux-gnu/custom_sysroot/deps/librustc_std_workspace_std-ac758aee2fc94fb5.rmeta: /root/.rustup/toolchains/nightly-x86_64-unknown-linux-gnu/lib/rustlib/src/rust/library/rustc-std-workspace-std/lib.rs

/root/.rustup/toolchains/nightly-x86_64-unknown-linux-gnu/lib/rustlib/src/rust/library/rustc-std-workspace-std/lib.rs:
